"""The adapters that keep each contract: one more adapter is one more entry here."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.broken_files import held, losing_a_reply
from tests.support.emulators import fresh_project
from tests.support.proxy import proxy
from trader.adapters.clock import SystemClock
from trader.adapters.google.firestore import FirestoreStore
from trader.adapters.google.provisioning import provisioning
from trader.adapters.google.pubsub import PubsubTopics
from trader.adapters.local_topic import LocalTopics
from trader.adapters.sqlite import SqliteStore
from trader.ports import Publisher, Store, Subscription, Topic

IN_VAIN_S = 3.0
"""How long an adapter here waits for an answer that doesn't come. An emulator under load takes over one."""

NAMES = {Topic.INTENTS: "intents", Topic.RESULTS: "results"}


@dataclass(frozen=True, slots=True)
class Stores:
    """How one kind of store is opened, again and again on the same documents, and how it is troubled.

    ``unsteady`` opens a handle that the two kinds of trouble are of. ``damage`` does to a document what a
    person can who changes it past the store.
    """

    open: Callable[[], Awaitable[Store]]
    unsteady: Callable[[], Awaitable[Store]]
    losing_a_reply: Callable[[], AbstractContextManager[None]]
    silent: Callable[[], AbstractContextManager[None]]
    damage: Callable[[str], Awaitable[None]]


async def sqlite_stores(request: pytest.FixtureRequest, folder: Path, cleanup: AsyncExitStack) -> Stores:
    path = folder / "state.sqlite3"

    async def open_one(busy_timeout_s: float = 30) -> SqliteStore:
        store = await SqliteStore.open(path, busy_timeout_s=busy_timeout_s)
        cleanup.push_async_callback(store.close)
        return store

    troubled = await open_one(IN_VAIN_S)

    async def unsteady() -> Store:
        return troubled

    async def damage(document: str) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as prompt:
            prompt.execute("PRAGMA ignore_check_constraints = ON")
            prompt.execute("UPDATE documents SET data = '{' WHERE collection || '/' || id = ?", (document,))

    return Stores(open_one, unsteady, lambda: losing_a_reply(troubled._database), lambda: held(path), damage)


async def firestore_stores(request: pytest.FixtureRequest, folder: Path, cleanup: AsyncExitStack) -> Stores:
    address: str = request.getfixturevalue("firestore_emulator")
    project = fresh_project()
    between = await cleanup.enter_async_context(proxy(address))

    def opened(store: FirestoreStore) -> Store:
        cleanup.push_async_callback(store.close)
        return store

    async def open_one() -> Store:
        return opened(FirestoreStore(project, SystemClock(), emulator=address))

    async def unsteady() -> Store:
        return opened(
            FirestoreStore(
                project, SystemClock(), emulator=between.address, call_s=IN_VAIN_S, query_s=IN_VAIN_S
            )
        )

    async def damage(document: str) -> None:
        # As in the console, which offers a timestamp as the type of a time.
        async with httpx.AsyncClient(trust_env=False) as console:
            answer = await console.patch(
                f"http://{address}/v1/projects/{project}/databases/(default)/documents/{document}",
                params={"updateMask.fieldPaths": "changedAt"},
                headers={"Authorization": "Bearer owner"},
                json={"fields": {"changedAt": {"timestampValue": "2026-11-23T17:00:00Z"}}},
            )
            assert answer.status_code == 200, answer.text

    return Stores(open_one, unsteady, between.losing_a_reply, between.silent, damage)


STORES: Mapping[str, Callable[[pytest.FixtureRequest, Path, AsyncExitStack], Awaitable[Stores]]] = {
    "sqlite": sqlite_stores,
    "firestore": firestore_stores,
}
OpenStore = Callable[[], Awaitable[Store]]


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """The test's own documents, which nobody else has."""
    async with AsyncExitStack() as cleanup:
        yield await STORES[request.param](request, tmp_path, cleanup)


@pytest.fixture
def open_store(stores: Stores) -> OpenStore:
    """Open one more handle, as another process would, on the test's own store."""
    return stores.open


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    return await open_store()


@dataclass(frozen=True, slots=True)
class Topics:
    """A publisher, and a subscription to the results topic that was there before anything was published."""

    publisher: Publisher
    results: Subscription


OpenTopics = Callable[[], Awaitable[Topics]]


@dataclass(frozen=True, slots=True)
class TopicsOfOneKind:
    """As Stores, for topics."""

    open: OpenTopics
    unsteady: OpenTopics
    losing_a_reply: Callable[[], AbstractContextManager[None]]
    silent: Callable[[], AbstractContextManager[None]]


async def local_topics(
    request: pytest.FixtureRequest, folder: Path, cleanup: AsyncExitStack
) -> TopicsOfOneKind:
    path = folder / "topics.sqlite3"

    async def open_one(busy_timeout_s: float = 30) -> LocalTopics:
        topics = await LocalTopics.open(path, SystemClock(), busy_timeout_s=busy_timeout_s)
        cleanup.push_async_callback(topics.close)
        return topics

    troubled = await open_one(IN_VAIN_S)

    async def steady() -> Topics:
        topics = await open_one()
        return Topics(topics, await topics.results(past=True))

    async def unsteady() -> Topics:
        return Topics(troubled, await troubled.results(past=True))

    return TopicsOfOneKind(steady, unsteady, lambda: losing_a_reply(troubled.database), lambda: held(path))


async def pubsub_topics(
    request: pytest.FixtureRequest, folder: Path, cleanup: AsyncExitStack
) -> TopicsOfOneKind:
    address: str = request.getfixturevalue("pubsub_emulator")
    project = fresh_project()
    async with provisioning(project, address) as made:
        for name in NAMES.values():
            await made.topic(name)
    between = await cleanup.enter_async_context(proxy(address))

    async def opened(topics: PubsubTopics) -> Topics:
        cleanup.push_async_callback(topics.close)
        steady = PubsubTopics(project, NAMES, SystemClock(), emulator=address)
        cleanup.push_async_callback(steady.close)
        results = await steady.results(past=True)
        cleanup.push_async_callback(results.close)
        return Topics(topics, results)

    async def steady() -> Topics:
        return await opened(PubsubTopics(project, NAMES, SystemClock(), emulator=address))

    async def unsteady() -> Topics:
        return await opened(
            PubsubTopics(project, NAMES, SystemClock(), emulator=between.address, publish_s=2 * IN_VAIN_S)
        )

    return TopicsOfOneKind(steady, unsteady, between.losing_a_reply, between.silent)


TOPICS: Mapping[str, Callable[[pytest.FixtureRequest, Path, AsyncExitStack], Awaitable[TopicsOfOneKind]]] = {
    "local": local_topics,
    "pubsub": pubsub_topics,
}


@pytest.fixture(params=TOPICS)
async def topics_of_one_kind(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[TopicsOfOneKind]:
    """The test's own topics, which nobody else has."""
    async with AsyncExitStack() as cleanup:
        yield await TOPICS[request.param](request, tmp_path, cleanup)


@pytest.fixture
def open_topics(topics_of_one_kind: TopicsOfOneKind) -> OpenTopics:
    """Open one more handle, as another process would, on the test's own topics."""
    return topics_of_one_kind.open


@pytest.fixture
async def topics(open_topics: OpenTopics) -> Topics:
    return await open_topics()
