"""The adapters that keep each contract: one more adapter is one more entry here."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from trader.adapters.sqlite import SqliteStore
from trader.ports import Store

OpenStore = Callable[[], Awaitable[Store]]


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
