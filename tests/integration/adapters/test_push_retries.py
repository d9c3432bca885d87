"""When the local push tries again, and when it gives up."""

import socket
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.typing import EventDict

from tests.support.clock import FakeClock
from tests.support.endpoint import Request, endpoint, loopback, status
from tests.support.eventually import eventually
from tests.support.pushing import (
    QUICK,
    answering,
    attempts,
    data_of,
    publish,
    running,
    until_waiting,
)
from trader.adapters.local_topic import LocalTopics
from trader.adapters.local_topic.deliveries import Deliveries
from trader.adapters.local_topic.push import Push, RetryPolicy

DOUBLING = RetryPolicy(minimum_backoff_s=10, maximum_backoff_s=60)
POLL_S = 0.02


@pytest.fixture
def closed() -> Iterator[socket.socket]:
    """A port that refuses connections until somebody listens on this socket."""
    with loopback() as bound:
        yield bound


def url(bound: socket.socket) -> str:
    return f"http://127.0.0.1:{bound.getsockname()[1]}/"


async def until_logged(logged: Sequence[EventDict], count: int) -> None:
    await eventually(lambda: len(logged) >= count)


@given(minimum=st.floats(0.001, 600), more=st.floats(0, 600), attempt=st.integers(1, 10_000))
def test_the_wait_never_shrinks_and_stays_between_minimum_and_maximum(
    minimum: float, more: float, attempt: int
) -> None:
    policy = RetryPolicy(minimum, minimum + more)

    assert policy.backoff_s(1) == minimum
    assert policy.backoff_s(attempt) <= policy.backoff_s(attempt + 1) <= policy.maximum_backoff_s


async def test_the_wait_doubles_up_to_the_maximum_and_a_new_run_delivers_at_once(
    still_topics: LocalTopics, clock: FakeClock, logged: Sequence[EventDict]
) -> None:
    async with endpoint(answering(503)) as worker:
        push = Push(still_topics, worker.url, retry=DOUBLING)
        await publish(still_topics)
        async with running(push):
            for attempt, wait_s in enumerate([10, 20, 40, 60, 60], start=1):
                await until_logged(logged, attempt)
                await clock.until_asleep()
                clock.advance(wait_s - POLL_S)
                await clock.until_asleep()
                assert attempts(worker.requests) == list(range(1, attempt + 1))
                clock.advance(POLL_S)
            await until_logged(logged, 6)
        async with running(push):
            requests = await worker.until(7)

    assert attempts(requests) == [1, 2, 3, 4, 5, 6, 7]
    assert [entry["wait_s"] for entry in logged[:6]] == [10, 20, 40, 60, 60, 60]
    assert {entry["reason"] for entry in logged} == {"answered 503"}


async def test_a_worker_that_does_not_listen_burns_no_attempts_at_full_speed(
    still_topics: LocalTopics, clock: FakeClock, logged: Sequence[EventDict], closed: socket.socket
) -> None:
    push = Push(still_topics, url(closed), retry=DOUBLING)
    message_id = int(await publish(still_topics))
    async with running(push):
        await until_logged(logged, 1)
        for _ in range(100):
            await clock.until_asleep()
            clock.advance(POLL_S)
        await clock.until_asleep()

    delivery = await Deliveries(still_topics).begin(message_id)
    assert delivery is not None
    assert delivery.attempt == 2
    assert logged[0]["reason"].startswith("ConnectError")


async def test_messages_published_before_the_worker_listens_come_once_it_does(
    topics: LocalTopics, logged: Sequence[EventDict], closed: socket.socket
) -> None:
    await publish(topics, b"early")
    async with running(Push(topics, url(closed), retry=QUICK)):
        await until_logged(logged, 2)
        async with endpoint(answering(204), bound=closed) as worker:
            (request,) = await worker.until(1)
            await until_waiting(topics, 0)

    assert data_of(request) == b"early"
    assert attempts([request]) > [2]


async def test_a_new_message_does_not_wait_behind_one_that_backs_off(
    still_topics: LocalTopics, clock: FakeClock, logged: Sequence[EventDict]
) -> None:
    async with endpoint(answering(503, 204)) as worker:
        await publish(still_topics, b"first")
        async with running(Push(still_topics, worker.url, retry=DOUBLING)):
            await until_logged(logged, 1)
            await publish(still_topics, b"second")
            await clock.until_asleep()
            clock.advance(POLL_S)
            requests = await worker.until(2)

    assert [data_of(request) for request in requests] == [b"first", b"second"]


async def test_a_new_message_gets_its_turn_while_others_fail_without_a_pause(topics: LocalTopics) -> None:
    async def answer(request: Request) -> bytes:
        return status(204 if data_of(request) == b"new" else 503)

    eager = RetryPolicy(minimum_backoff_s=1e-6, maximum_backoff_s=1e-6, delivery_attempts=1_000_000)
    async with endpoint(answer) as worker, running(Push(topics, worker.url, retry=eager, max_outstanding=1)):
        await publish(topics, b"failing")
        await publish(topics, b"failing too")
        await worker.until(10)
        await publish(topics, b"new")
        await until_waiting(topics, 2)


async def test_a_message_acknowledged_through_another_push_is_left_alone(
    still_topics: LocalTopics, clock: FakeClock, logged: Sequence[EventDict]
) -> None:
    async with endpoint(answering(503)) as worker:
        message_id = int(await publish(still_topics))
        async with running(Push(still_topics, worker.url, retry=DOUBLING)):
            await until_logged(logged, 1)
            await Deliveries(still_topics).acknowledge(message_id)
            await clock.until_asleep()
            clock.advance(10)
            await clock.until_asleep()
            await publish(still_topics, b"next")
            clock.advance(POLL_S)
            requests = await worker.until(2)

    assert [data_of(request) for request in requests] == [b"{}", b"next"]


async def test_a_file_that_is_locked_puts_a_delivery_off_and_no_more(
    still_topics: LocalTopics, clock: FakeClock, logged: Sequence[EventDict], topics_file: Path
) -> None:
    async with endpoint(answering(204)) as worker, running(Push(still_topics, worker.url, retry=DOUBLING)):
        await clock.until_asleep()
        await publish(still_topics)
        with closing(sqlite3.connect(topics_file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            clock.advance(POLL_S)
            await until_logged(logged, 1)  # the attempt can't be counted, so it isn't made
            await clock.until_asleep()
        clock.advance(10)
        requests = await worker.until(1)

    assert attempts(requests) == [1]
    assert logged[0]["event"] == "topic-unavailable"


async def test_after_the_last_attempt_a_message_is_a_dead_letter(
    topics: LocalTopics, logged: Sequence[EventDict]
) -> None:
    retry = RetryPolicy(0.01, 0.01, delivery_attempts=3)
    async with endpoint(answering(503)) as worker:
        message_id = await publish(topics, b"bad", account="DU1")
        async with running(Push(topics, worker.url, subscription="worker-DU1", retry=retry)):
            await worker.until(3)
            await until_waiting(topics, 0)
        async with running(Push(topics, worker.url, retry=retry)):
            await publish(topics, b"another")
            requests = await worker.until(4)
        (letter,) = await topics.dead_letters()

    assert attempts(requests) == [1, 2, 3, 1]
    assert [entry["event"] for entry in logged[:3]] == ["not-acknowledged", "not-acknowledged", "dead-letter"]
    assert letter.id != message_id
    assert letter.data == b"bad"
    assert letter.attributes == {
        "account": "DU1",
        "CloudPubSubDeadLetterSourceDeliveryCount": "3",
        "CloudPubSubDeadLetterSourceSubscription": "worker-DU1",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "local",
        "CloudPubSubDeadLetterSourceTopicPublishTime": requests[0].body["message"]["publishTime"],
    }
