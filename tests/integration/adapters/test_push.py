"""What the local push promises: Pub/Sub's shape and acknowledgements, each message at least once."""

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.support.endpoint import Answer, Request, endpoint, status
from tests.support.process import line, python
from tests.support.pushing import (
    QUICK,
    answering,
    answering_attempt,
    attempts,
    data_of,
    hanging_up,
    publish,
    running,
    silence,
    until_waiting,
)
from trader.adapters.local_topic import LocalTopics
from trader.adapters.local_topic.push import ACKNOWLEDGED, Push


async def test_a_push_has_the_shape_of_pubsubs(still_topics: LocalTopics) -> None:
    body = '{"intent": "Übersicht"}'.encode()
    async with endpoint(answering(204)) as worker:
        push = Push(still_topics, worker.url + "push?x=1", subscription="worker-DU1")
        message_id = await publish(still_topics, body, account="DU1", schedule="tägl.")
        async with running(push):
            (request,) = await worker.until(1)

    assert (request.method, request.path) == ("POST", "/push?x=1")
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert request.body == {
        "message": {
            "attributes": {"account": "DU1", "schedule": "tägl."},
            "data": base64.b64encode(body).decode(),
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": "2026-11-23T17:00:00.000000Z",
            "publish_time": "2026-11-23T17:00:00.000000Z",
        },
        "subscription": "projects/local/subscriptions/worker-DU1",
        "deliveryAttempt": 1,
    }


@pytest.mark.parametrize(
    ("data", "attributes", "missing"),
    [(b"{}", {}, {"attributes"}), (b"", {"a": "b"}, {"data"}), (b"", {}, {"attributes", "data"})],
)
async def test_what_is_empty_is_left_out_as_pubsub_does(
    topics: LocalTopics, data: bytes, attributes: Mapping[str, str], missing: set[str]
) -> None:
    async with endpoint(answering(204)) as worker, running(Push(topics, worker.url)):
        await publish(topics, data, **attributes)
        (request,) = await worker.until(1)

    assert {"attributes", "data"} - set(request.body["message"]) == missing


@pytest.mark.parametrize("code", sorted(ACKNOWLEDGED))
async def test_an_acknowledged_message_never_comes_again(topics: LocalTopics, code: int) -> None:
    async with endpoint(answering(code)) as worker:
        await publish(topics)
        async with running(Push(topics, worker.url, retry=QUICK)):
            await worker.until(1)
            await until_waiting(topics, 0)
        async with running(Push(topics, worker.url, retry=QUICK)):
            await publish(topics, b"another")
            requests = await worker.until(2)

    assert [data_of(request) for request in requests] == [b"{}", b"another"]


@pytest.mark.parametrize("code", [203, 205, 206, 301, 307, 400, 401, 404, 409, 413, 429, 500, 502, 503, 504])
async def test_any_other_answer_brings_the_message_again_one_attempt_later(
    topics: LocalTopics, code: int
) -> None:
    async with endpoint(answering(code, 204)) as worker, running(Push(topics, worker.url, retry=QUICK)):
        message_id = await publish(topics)
        requests = await worker.until(2)
        await until_waiting(topics, 0)

    assert attempts(requests) == [1, 2]
    assert {request.body["message"]["messageId"] for request in requests} == {message_id}


@pytest.mark.parametrize("failing", [silence, hanging_up])
async def test_no_answer_brings_the_message_again(topics: LocalTopics, failing: Answer) -> None:
    async with (
        endpoint(answering_attempt(2, before=failing)) as worker,
        running(Push(topics, worker.url, retry=QUICK, ack_deadline_s=0.1)),
    ):
        await publish(topics)
        requests = await worker.until(2)

    assert attempts(requests) == [1, 2]


@pytest.mark.parametrize(("final", "expected"), [(204, [1]), (503, [1, 2])])
async def test_after_an_interim_answer_the_final_one_counts(
    topics: LocalTopics, final: int, expected: list[int]
) -> None:
    async def interim_first(_: Request) -> bytes:
        return status(102) + status(final)

    async with (
        endpoint(answering_attempt(2, before=interim_first)) as worker,
        running(Push(topics, worker.url, retry=QUICK)),
    ):
        await publish(topics)
        await worker.until(len(expected))
        await until_waiting(topics, 0)

    assert attempts(worker.requests) == expected


async def test_no_more_than_the_allowed_number_is_under_way_at_once(topics: LocalTopics) -> None:
    under_way, most = 0, 0
    full = asyncio.Event()

    async def answer(_: Request) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 10:
            full.set()
        async with asyncio.timeout(60):
            await full.wait()
        await asyncio.sleep(0)
        under_way -= 1
        return status(204)

    await asyncio.gather(*(publish(topics, str(number).encode()) for number in range(40)))
    async with endpoint(answer) as worker, running(Push(topics, worker.url, max_outstanding=10)):
        requests = await worker.until(40)
        await until_waiting(topics, 0)

    assert most == 10
    assert sorted(int(data_of(request)) for request in requests) == list(range(40))


async def test_what_waits_for_the_account_keeps_no_place_from_what_closes_all(topics: LocalTopics) -> None:
    done = asyncio.Event()

    async def answer(request: Request) -> bytes:
        if data_of(request) == b"close-all":
            done.set()
        async with asyncio.timeout(60):
            await done.wait()
        return status(204)

    for number in range(20):
        await publish(topics, b"waits %d" % number)
    await publish(topics, b"close-all")
    async with endpoint(answer) as worker, running(Push(topics, worker.url)):
        await worker.until(21)
        await until_waiting(topics, 0)


async def test_an_idle_push_leaves_the_file_alone(still_topics: LocalTopics, clock: FakeClock) -> None:
    statements: list[str] = []
    async with endpoint(answering(204)) as worker, running(Push(still_topics, worker.url)):
        await clock.until_asleep()
        await still_topics.database.read(lambda c: c.set_trace_callback(statements.append))
        for _ in range(50):
            clock.advance(still_topics.poll_s)
            await clock.until_asleep()

    assert statements == []


async def test_what_is_under_way_at_a_cancellation_comes_again_with_the_next_run(topics: LocalTopics) -> None:
    async with endpoint(silence) as worker:
        push = Push(topics, worker.url)
        await publish(topics)
        async with running(push):
            await worker.until(1)
        async with running(push):
            requests = await worker.until(2)

    assert attempts(requests) == [1, 2]


PUSH = """
import asyncio, sys
from pathlib import Path
from trader.adapters.clock import SystemClock
from trader.adapters.local_topic import LocalTopics
from trader.adapters.local_topic.push import Push

async def main():
    topics = await LocalTopics.open(Path(sys.argv[1]), SystemClock())
    await Push(topics, sys.argv[2]).run()

asyncio.run(main())
"""


async def test_a_killed_push_delivers_again_what_was_not_acknowledged(
    topics: LocalTopics, topics_file: Path
) -> None:
    async def answer(request: Request) -> bytes:
        done = data_of(request) == b"quick" or request.body["deliveryAttempt"] == 2
        return status(204) if done else await silence(request)

    async with endpoint(answer) as worker:
        await publish(topics, b"quick")
        await publish(topics, b"slow")
        async with python(PUSH, str(topics_file), worker.url) as process:
            await worker.until(2)
            await until_waiting(topics, 1)
            process.kill()
        async with python(PUSH, str(topics_file), worker.url):
            requests = await worker.until(3)
            await until_waiting(topics, 0)

    assert data_of(requests[2]) == b"slow"
    assert requests[2].body["deliveryAttempt"] == 2
    assert requests[2].body["message"] in [request.body["message"] for request in requests[:2]]


PUBLISH = """
import asyncio, sys
from pathlib import Path
from trader.adapters.clock import SystemClock
from trader.adapters.local_topic import LocalTopics
from trader.ports import OutgoingMessage, Topic

async def main():
    topics = await LocalTopics.open(Path(sys.argv[1]), SystemClock())
    print(await topics.publish(OutgoingMessage(Topic.INTENTS, b"from afar")), flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


async def test_what_a_process_published_before_it_was_killed_is_delivered(
    topics: LocalTopics, topics_file: Path
) -> None:
    async with python(PUBLISH, str(topics_file)) as process:
        message_id = await line(process)
        process.kill()
    async with endpoint(answering(204)) as worker, running(Push(topics, worker.url)):
        (request,) = await worker.until(1)

    assert request.body["message"]["messageId"] == message_id
    assert data_of(request) == b"from afar"
