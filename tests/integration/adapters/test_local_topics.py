"""What the local topics promise beyond the contract: ids, history, a file refused."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.clock import NOON, FakeClock
from tests.support.endpoint import endpoint
from tests.support.pushing import answering, data_of, publish, running
from trader.adapters.local_topic import LocalTopics
from trader.adapters.local_topic.deliveries import Deliveries
from trader.adapters.local_topic.push import Push
from trader.domain.errors import TopicUnavailable
from trader.ports import OutgoingMessage, Topic


async def result(topics: LocalTopics, data: bytes) -> str:
    return await topics.publish(OutgoingMessage(Topic.RESULTS, data))


async def kept(topics: LocalTopics, topic: Topic = Topic.RESULTS, *, after: str = "0") -> list[bytes]:
    return [message.data async for message in topics.subscription(topic, after=after).follow(wait=False)]


async def test_ids_grow_whatever_the_clock_does_and_a_new_file_takes_none_of_an_old_ones(
    tmp_path: Path, clock: FakeClock
) -> None:
    ids = []
    for name in ("removed", "new"):
        topics = await LocalTopics.open(tmp_path / name, clock)
        ids += [int(await publish(topics)) for _ in range(3)]
        clock.turn(-3600)
        ids.append(int(await publish(topics)))
        clock.turn(+3601)
        await topics.close()

    assert ids == sorted(set(ids))
    assert ids[0] == int(NOON.timestamp() * 1_000_000)


async def test_a_subscriber_may_ask_for_what_is_yet_to_come_only(topics: LocalTopics) -> None:
    await result(topics, b"old")
    reader = await topics.results(past=False)
    await result(topics, b"new")

    assert [message.data async for message in reader.follow(wait=False)] == [b"new"]


async def test_what_answers_a_message_comes_after_it(topics: LocalTopics) -> None:
    await result(topics, b"of another")
    asked = await publish(topics)
    await result(topics, b"of this one")

    assert await kept(topics, after=asked) == [b"of this one"]


async def test_history_stays_a_week_and_what_waits_or_died_stays_longer(
    still_topics: LocalTopics, clock: FakeClock
) -> None:
    deliveries = Deliveries(still_topics)
    await result(still_topics, b"old")
    acknowledged, died = int(await publish(still_topics)), int(await publish(still_topics, b"died"))
    await publish(still_topics, b"waiting")
    await deliveries.acknowledge(acknowledged)
    delivery = await deliveries.begin(died)
    assert delivery is not None
    await deliveries.bury(delivery, "worker-local")
    clock.advance(timedelta(days=6).total_seconds())
    await result(still_topics, b"recent")
    await deliveries.forget_old()
    assert await kept(still_topics) == [b"old", b"recent"]

    clock.advance(timedelta(days=1, seconds=1).total_seconds())
    async with endpoint(answering(503)) as worker, running(Push(still_topics, worker.url)):
        (request,) = await worker.until(1)

    assert data_of(request) == b"waiting"
    assert await kept(still_topics) == [b"recent"]
    assert await kept(still_topics, Topic.INTENTS) == [b"waiting"]
    assert [letter.data for letter in await still_topics.dead_letters()] == [b"died"]


async def test_a_file_of_a_newer_version_is_refused(topics_file: Path, clock: FakeClock) -> None:
    with closing(sqlite3.connect(topics_file)) as connection:
        connection.execute("PRAGMA user_version = 7")

    with pytest.raises(TopicUnavailable, match=r"topics\.sqlite3 is of version 7") as refused:
        await LocalTopics.open(topics_file, clock)
    assert refused.value.code == "topic-unavailable"


async def test_a_locked_file_takes_no_message(still_topics: LocalTopics, topics_file: Path) -> None:
    with closing(sqlite3.connect(topics_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TopicUnavailable, match="another process holds it"):
            await publish(still_topics)

    await publish(still_topics)
