"""What every keeper of dead letters promises: looking loses nothing, and what is removed is gone."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.emulators import fresh_project
from trader.adapters.clock import SystemClock
from trader.adapters.google.dead_letters import PubsubDeadLetters
from trader.adapters.google.provisioning import Pushing, provisioning
from trader.adapters.google.pubsub import PubsubTopics
from trader.adapters.local_topic import LocalTopics
from trader.adapters.local_topic.deliveries import Deliveries
from trader.adapters.local_topic.topics import LocalDeadLetters
from trader.domain.errors import TopicUnavailable
from trader.ports import DeadLetters, OutgoingMessage, Topic


@dataclass(frozen=True, slots=True)
class Letters:
    """A way to let a message lie there, and to open the port as one more command would."""

    bury: Callable[[bytes], Awaitable[None]]
    open: Callable[[], Awaitable[DeadLetters]]


async def local(request: pytest.FixtureRequest, folder: Path, cleanup: AsyncExitStack) -> Letters:
    async def topics() -> LocalTopics:
        return await LocalTopics.open(folder / "topics.sqlite3", SystemClock())

    publisher = await topics()
    cleanup.push_async_callback(publisher.close)

    async def bury(data: bytes) -> None:
        message_id = await publisher.publish(OutgoingMessage(Topic.INTENTS, data, {"account": "DU1"}))
        deliveries = Deliveries(publisher)
        delivery = await deliveries.begin(int(message_id))
        assert delivery is not None
        await deliveries.bury(delivery, "worker-local")

    async def opened() -> DeadLetters:
        box = LocalDeadLetters(await topics())
        cleanup.push_async_callback(box.close)
        return box

    return Letters(bury, opened)


async def pubsub(request: pytest.FixtureRequest, folder: Path, cleanup: AsyncExitStack) -> Letters:
    address: str = request.getfixturevalue("pubsub_emulator")
    project = fresh_project()
    async with provisioning(project, address) as made:
        await made.push(await made.topic("intents"), Pushing("worker", "http://127.0.0.1:9/"))
    topics = PubsubTopics(project, {Topic.INTENTS: "intents-dead-letter"}, SystemClock(), emulator=address)
    cleanup.push_async_callback(topics.close)

    async def bury(data: bytes) -> None:
        await topics.publish(OutgoingMessage(Topic.INTENTS, data, {"account": "DU1"}))

    async def opened() -> DeadLetters:
        box = PubsubDeadLetters(project, "intents-dead-letter", emulator=address)
        cleanup.push_async_callback(box.close)
        return box

    return Letters(bury, opened)


KINDS: Mapping[str, Callable[[pytest.FixtureRequest, Path, AsyncExitStack], Awaitable[Letters]]] = {
    "local": local,
    "pubsub": pubsub,
}


@pytest.fixture(params=KINDS)
async def letters(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Letters]:
    async with AsyncExitStack() as cleanup:
        yield await KINDS[request.param](request, tmp_path, cleanup)


async def test_who_looks_takes_nothing_away(letters: Letters) -> None:
    for data in (b"one", b"two"):
        await letters.bury(data)
    first = await letters.open()
    seen = await first.letters()
    await first.close()
    again = await (await letters.open()).letters()
    assert {message.data for message in seen} == {b"one", b"two"}
    assert {message.id for message in seen} == {message.id for message in again}
    assert all(message.attributes["account"] == "DU1" for message in seen)


async def test_what_is_removed_is_gone_and_the_others_stay(letters: Letters) -> None:
    for data in (b"one", b"two"):
        await letters.bury(data)
    box = await letters.open()
    one = next(message for message in await box.letters() if message.data == b"one")
    await box.remove(one.id)
    await box.close()
    assert [message.data for message in await (await letters.open()).letters()] == [b"two"]


async def test_where_nothing_lies_there_is_nothing(letters: Letters) -> None:
    assert await (await letters.open()).letters() == []


async def test_a_project_without_dead_letters_says_so(pubsub_emulator: str) -> None:
    box = PubsubDeadLetters(fresh_project(), "intents-dead-letter", emulator=pubsub_emulator)
    with pytest.raises(TopicUnavailable, match="topic-missing"):
        await box.letters()
    await box.close()
