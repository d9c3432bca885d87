"""A real store and a clock that stands still, for what writes and waits."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.support.desk import Desk
from trader.adapters.sqlite import SqliteStore


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "state.sqlite3")
    yield opened
    await opened.close()


@pytest.fixture
def desk(store: SqliteStore, clock: FakeClock) -> Desk:
    return Desk(store, clock)
