"""What an attempt writes of its run: its claim, and what else of the same attempt goes on meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.stores import Passing, Repeating
from tests.support.world import ACCOUNT, World
from trader.adapters.sqlite import SqliteStore
from trader.domain.errors import Retryable
from trader.domain.status import Status
from trader.ports import Document, Store, Write
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


class Noting(Passing):
    """Notes which documents each write is about."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.written: list[list[str]] = []

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        self.written.append([write.path for write in writes])
        return await self.real.commit(writes)


async def test_a_run_that_trades_is_claimed_and_has_the_account_in_one_write(store: SqliteStore) -> None:
    noting = Noting(store)
    world = World(noting)
    await world.worker().receive(world.message("trading", id="x")())
    assert set(noting.written[0]) == {runs.path_of(ACCOUNT, "id/x"), locks.path_of(ACCOUNT)}
    assert world.results()[-1].status is Status.SUCCEEDED
    lock = await store.get(locks.path_of(ACCOUNT))
    assert lock is not None
    assert locks.read(lock).holder is None, "its end has freed the account"


class Claiming:
    """Two runs that want the account, each by a worker of its own."""

    def __init__(self, store: Store) -> None:
        self.world = World(store)
        self.store = store
        self.delivery = "first"

    async def create(self, name: str, taking: locks.Taking | None) -> OwnedRun | Document:
        delivery = self.world.message("trading", id=name)()
        request = decode(delivery, self.world.intents, ACCOUNT)
        return await runs.create(
            self.store, self.world.clock, ACCOUNT, request, delivery, self.lease(name), taking
        )

    async def free(self, name: str) -> locks.Taking | None:
        watch = LeaseWatch(self.world.clock, 60, name)
        return await locks.free(self.store, watch, ACCOUNT, f"id/{name}", self.lease(name), urgent=False)

    async def acquire(self, name: str) -> locks.AccountLock:
        watch, clock = LeaseWatch(self.world.clock, 60, name), self.world.clock
        return await locks.acquire(
            self.store, clock, watch, ACCOUNT, f"id/{name}", self.lease(name), urgent=False, until=0
        )

    def lease(self, name: str) -> Lease:
        return Lease(nonce=f"{self.delivery} nonce of {name}", worker=name)


async def test_a_run_is_claimed_though_another_was_quicker_to_take_the_account(store: SqliteStore) -> None:
    claiming = Claiming(store)
    taking = await claiming.free("slow")
    quick = await claiming.create("quick", await claiming.free("quick"))
    slow = await claiming.create("slow", taking)
    assert isinstance(quick, OwnedRun)
    assert isinstance(slow, OwnedRun)
    assert quick.account_lock is not None
    assert slow.account_lock is None
    assert await claiming.free("later") is None, "the account is held"
    with pytest.raises(Retryable, match="another run is trading this account: id/quick"):
        await claiming.acquire("slow")
    await quick.release()
    assert (await claiming.acquire("slow")).record.fence == 2


async def test_a_claim_whose_reply_was_lost_has_the_account_all_the_same(store: SqliteStore) -> None:
    claiming = Claiming(Repeating(store))
    owned = await claiming.create("x", await claiming.free("x"))
    assert isinstance(owned, OwnedRun)
    owned.account_lock = await claiming.acquire("x")
    assert owned.account_lock.record.fence == 1
    await owned.renew()
    await owned.release()
    lock = await store.get(locks.path_of(ACCOUNT))
    assert lock is not None
    assert locks.read(lock).holder is None


async def test_a_run_that_stands_already_takes_no_account(store: SqliteStore) -> None:
    claiming = Claiming(store)
    await claiming.create("x", None)
    claiming.delivery = "second"
    standing = await claiming.create("x", await claiming.free("x"))
    assert isinstance(standing, Document)
    assert await store.get(locks.path_of(ACCOUNT)) is None
