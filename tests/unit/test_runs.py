"""What an attempt writes of its run, while something else of the same attempt goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import ACCOUNT, World
from trader.adapters.sqlite import SqliteStore
from trader.ports import Write
from trader.runs import locks, runs
from trader.runs.decoding import decode
from trader.runs.lease import Lease, LeaseWatch
from trader.runs.runs import OwnedRun


class Halting:
    """A store whose commits have taken place long before they are answered."""

    def __init__(self, store: SqliteStore) -> None:
        self.answers = asyncio.Event()
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        versions = await self._store.commit(writes)
        await self.answers.wait()
        return versions


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    yield store
    await store.close()


async def test_the_account_may_be_acquired_while_the_lease_is_being_renewed(store: SqliteStore) -> None:
    world = World(store)
    delivery = world.message("trading", id="x")()
    request = decode(delivery, world.intents, ACCOUNT)
    lease = Lease(nonce="mine", worker="one")
    owned = await runs.create(store, world.clock, ACCOUNT, request, delivery, lease)
    assert isinstance(owned, OwnedRun)
    halting: Any = Halting(store)
    owned._store = halting
    renewing = asyncio.create_task(owned.renew())
    await asyncio.sleep(0)
    watch = LeaseWatch(world.clock, 60, "one")
    watch.begin(lease.nonce)
    owned.account_lock = await locks.acquire(
        store, world.clock, watch, ACCOUNT, "id/x", lease, urgent=False, until=world.clock.monotonic()
    )
    halting.answers.set()
    await renewing
    await owned.renew()
    assert owned.account_lock.record.holder == lease.model_copy(update={"renewals": 1})
