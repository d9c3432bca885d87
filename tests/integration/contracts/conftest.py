"""The adapters that keep each contract: one more adapter is one more entry here."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from trader.adapters.clock import SystemClock
from trader.adapters.local_topic import LocalTopics
from trader.adapters.sqlite import SqliteStore
from trader.ports import Publisher, Store, Subscription, Topic

OpenStore = Callable[[], Awaitable[Store]]


@dataclass(frozen=True, slots=True)
class Topics:
    """A publisher, and a subscription to the results topic that was there before anything was published."""

    publisher: Publisher
    results: Subscription


OpenTopics = Callable[[], Awaitable[Topics]]


async def sqlite_store(folder: Path, cleanup: AsyncExitStack) -> Store:
    store = await SqliteStore.open(folder / "state.sqlite3")
    cleanup.push_async_callback(store.close)
    return store


STORES: Mapping[str, Callable[[Path, AsyncExitStack], Awaitable[Store]]] = {"sqlite": sqlite_store}


@pytest.fixture(params=STORES)
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Open one more handle, as another process would, on the test's own store."""
    async with AsyncExitStack() as cleanup:
        yield lambda: STORES[request.param](tmp_path, cleanup)


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    return await open_store()


async def local_topics(folder: Path, cleanup: AsyncExitStack) -> Topics:
    topics = await LocalTopics.open(folder / "topics.sqlite3", SystemClock())
    cleanup.push_async_callback(topics.close)
    return Topics(topics, topics.subscription(Topic.RESULTS))


TOPICS: Mapping[str, Callable[[Path, AsyncExitStack], Awaitable[Topics]]] = {"local": local_topics}


@pytest.fixture(params=TOPICS)
async def open_topics(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenTopics]:
    """Open one more handle, as another process would, on the test's own topics."""
    async with AsyncExitStack() as cleanup:
        yield lambda: TOPICS[request.param](tmp_path, cleanup)


@pytest.fixture
async def topics(open_topics: OpenTopics) -> Topics:
    return await open_topics()
