"""What every publisher promises, together with the subscription that reads what it published."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.contracts.conftest import OpenTopics, Topics, TopicsOfOneKind
from trader.domain.errors import TopicUnavailable
from trader.ports import OutgoingMessage, ReceivedMessage, Subscription, Topic


def result(data: bytes = b"{}", attributes: Mapping[str, str] | None = None) -> OutgoingMessage:
    return OutgoingMessage(Topic.RESULTS, data, attributes or {})


async def take(subscription: Subscription, count: int) -> list[ReceivedMessage]:
    """Wait for ``count`` messages."""
    taken: list[ReceivedMessage] = []
    async with asyncio.timeout(60):
        async for message in subscription.follow(wait=True):
            taken.append(message)
            if len(taken) == count:
                break
    return taken


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        (b'{"intent": "summary"}', {"account": "DU1", "ce-type": "ib-intents.result.v1"}),
        ('{"reason": "größer als 日本 🐂"}'.encode(), {"grüße": "aus Zürich 🐂", 'quo"te': "back\\slash\n"}),
        (bytes(range(256)), {}),
        (b"x" * 1_000_000, {"size": "large"}),
        (b"", {"only": "attributes", "empty": ""}),
    ],
    ids=["plain", "unicode", "bytes without attributes", "large", "attributes without data"],
)
async def test_a_subscriber_gets_what_was_published(
    topics: Topics, data: bytes, attributes: Mapping[str, str]
) -> None:
    before = datetime.now(UTC)
    message_id = await topics.publisher.publish(result(data, attributes))

    (message,) = await take(topics.results, 1)

    assert (message.id, message.data, message.attributes) == (message_id, data, attributes)
    assert message.published_at.tzinfo is not None
    assert abs(message.published_at - before) < timedelta(minutes=1)


async def test_what_another_process_publishes_is_received_while_waiting(open_topics: OpenTopics) -> None:
    mine, other = await open_topics(), await open_topics()
    waiting = asyncio.ensure_future(take(mine.results, 2))

    first = await other.publisher.publish(result(b"1"))
    second = await other.publisher.publish(result(b"2"))

    assert [message.id for message in await waiting] == [first, second]


async def test_without_waiting_a_reader_ends_with_the_last_message(topics: Topics) -> None:
    await topics.publisher.publish(result(b"1"))
    await topics.publisher.publish(result(b"2"))

    assert [message.data async for message in topics.results.follow(wait=False)] == [b"1", b"2"]


async def test_a_reader_of_one_topic_gets_nothing_of_another(topics: Topics) -> None:
    await topics.publisher.publish(OutgoingMessage(Topic.INTENTS, b"intent"))
    await topics.publisher.publish(result(b"result"))

    assert [message.data async for message in topics.results.follow(wait=False)] == [b"result"]


async def test_of_a_thousand_messages_none_is_lost_and_none_doubled(open_topics: OpenTopics) -> None:
    handles = [await open_topics() for _ in range(4)]
    reading = asyncio.ensure_future(take(handles[0].results, 1000))

    async def publish(number: int) -> tuple[str, bytes]:
        data = str(number).encode()
        return await handles[number % 4].publisher.publish(result(data)), data

    published = await asyncio.gather(*(publish(number) for number in range(1000)))

    received = [(message.id, message.data) for message in await reading]
    assert sorted(received) == sorted(published)
    assert len({message_id for message_id, _ in published}) == 1000


async def test_messages_come_in_the_order_of_their_publication(topics: Topics) -> None:
    ids = [await topics.publisher.publish(result(str(number).encode())) for number in range(150)]

    assert [message.id for message in await take(topics.results, 150)] == ids


async def test_a_publication_whose_reply_is_lost_is_there_at_least_once(
    topics_of_one_kind: TopicsOfOneKind,
) -> None:
    topics = await topics_of_one_kind.unsteady()
    await topics.publisher.publish(result(b"first"))

    with topics_of_one_kind.losing_a_reply(), suppress(TopicUnavailable):
        await topics.publisher.publish(result(b"second", {"ce-id": "the same in each"}))

    first, *again = [message async for message in topics.results.follow(wait=False)]
    assert first.data == b"first"
    assert {(message.data, message.attributes["ce-id"]) for message in again} == {
        (b"second", "the same in each")
    }


async def test_a_topic_that_does_not_answer_says_so_in_time_and_recovers(
    topics_of_one_kind: TopicsOfOneKind,
) -> None:
    topics = await topics_of_one_kind.unsteady()
    await topics.publisher.publish(result(b"first"))

    with topics_of_one_kind.silent():
        async with asyncio.timeout(15):
            with pytest.raises(TopicUnavailable):
                await topics.publisher.publish(result(b"late"))

    async with asyncio.timeout(15):
        while True:
            with suppress(TopicUnavailable):
                await topics.publisher.publish(result(b"last"))
                break


async def test_a_reader_goes_on_where_it_stopped(topics: Topics) -> None:
    await topics.publisher.publish(result(b"1"))
    assert [message.data async for message in topics.results.follow(wait=False)] == [b"1"]
    await topics.publisher.publish(result(b"2"))

    assert [message.data for message in await take(topics.results, 1)] == [b"2"]


async def test_a_reader_that_stops_in_between_loses_nothing(topics: Topics) -> None:
    ids = [await topics.publisher.publish(result(str(number).encode())) for number in range(20)]

    taken = [message.id for _ in range(4) for message in await take(topics.results, 5)]

    assert sorted(taken) == sorted(ids)


async def test_each_reader_gets_every_message(open_topics: OpenTopics) -> None:
    mine, other = await open_topics(), await open_topics()
    await mine.publisher.publish(result(b"for both"))

    for topics in (mine, other):
        assert [message.data for message in await take(topics.results, 1)] == [b"for both"]
