"""One trading run at a time holds the account: fenced, taken from the dead alone, yielded when asked."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random

import pytest
from pydantic import JsonValue

from tests.support.clock import FakeClock
from tests.support.desk import claimed
from tests.support.stores import Repeating
from tests.support.world import ACCOUNT
from trader.adapters.sqlite import SqliteStore
from trader.domain.errors import Failed, LeaseLost, Retryable
from trader.ports import Create, Delete, Document, Store, Update
from trader.runs import locks
from trader.runs.lease import Lease, LeaseWatch
from trader.runs.locks import AccountLock, LockRecord
from trader.runs.runs import OwnedRun

LEASE_S = 60
PATH = locks.path_of(ACCOUNT)
NOTE = f"accounts/{ACCOUNT}/orders/note"
"""A document that only the holder of the account may write."""


@dataclass
class Worker:
    """A worker process: what it has seen of leases, and which of its own runs still work."""

    store: Store
    clock: FakeClock
    name: str
    watch: LeaseWatch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = LeaseWatch(self.clock, LEASE_S, self.name)

    def lease(self, run: str) -> Lease:
        return Lease(nonce=f"{self.name} {run}", worker=self.name)

    async def acquire(self, run: str, *, urgent: bool = False, wait_s: float = 0) -> AccountLock:
        lease = self.lease(run)
        self.watch.begin(lease.nonce)
        until = self.clock.monotonic() + wait_s
        return await locks.acquire(
            self.store, self.clock, self.watch, ACCOUNT, run, lease, urgent=urgent, until=until
        )

    async def trade(self, run: str, *, urgent: bool = False) -> OwnedRun:
        """Return a run that holds the account."""
        lock = await self.acquire(run, urgent=urgent)
        return await claimed(self.store, self.clock, run, self.lease(run), lock)


@pytest.fixture
def one(store: SqliteStore, clock: FakeClock) -> Worker:
    return Worker(store, clock, "one")


@pytest.fixture
def two(store: SqliteStore, clock: FakeClock) -> Worker:
    return Worker(store, clock, "two")


async def lock_of(store: Store) -> LockRecord:
    document = await store.get(PATH)
    assert document is not None
    return locks.read(document)


async def taken_from_the_dead(two: Worker) -> OwnedRun:
    """Let ``two`` watch the lease until it is dead, and take the account."""
    with pytest.raises(Retryable):
        await two.acquire("id/b")
    two.clock.advance(LEASE_S)
    return await two.trade("id/b")


# -- taken and freed --------------------------------------------------------------------------------------


async def test_a_free_account_is_taken_at_once(store: SqliteStore, one: Worker) -> None:
    await one.acquire("id/a")
    held = await lock_of(store)
    assert (held.run, held.fence) == ("id/a", 1)
    assert held.holder == one.lease("id/a")


async def test_of_many_that_want_the_account_at_once_one_has_it(store: SqliteStore, clock: FakeClock) -> None:
    workers = [Worker(store, clock, f"w{n}") for n in range(10)]
    outcomes = await asyncio.gather(*(w.acquire("id/a") for w in workers), return_exceptions=True)
    assert sum(isinstance(outcome, AccountLock) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Retryable) for outcome in outcomes) == 9
    assert (await lock_of(store)).fence == 1


async def test_a_run_that_waits_gets_the_account_when_it_is_released(
    store: SqliteStore, clock: FakeClock, one: Worker, two: Worker
) -> None:
    holder = await one.trade("id/a")
    waiting = asyncio.create_task(two.acquire("id/b", wait_s=100))
    await clock.until_asleep()
    assert (await lock_of(store)).run == "id/a"
    await holder.release()
    clock.advance(locks.POLL_S)
    lock = await waiting
    assert (lock.record.run, lock.record.fence) == ("id/b", 2)


async def test_a_run_that_has_waited_in_vain_is_sent_back_and_told_whom_it_waited_for(
    clock: FakeClock, one: Worker, two: Worker
) -> None:
    await one.trade("id/a")
    waiting = asyncio.create_task(two.acquire("id/b", wait_s=1))
    await clock.until_asleep()
    clock.advance(1)
    with pytest.raises(Retryable) as sent_back:
        await waiting
    assert (sent_back.value.code, "id/a" in sent_back.value.message) == ("account-locked", True)


async def test_the_end_of_a_run_frees_the_account_in_the_same_write(store: SqliteStore, one: Worker) -> None:
    run = await one.trade("id/a")
    await run.release()
    freed = await lock_of(store)
    assert (freed.holder, freed.run, freed.urgent) == (None, None, None)


# -- dead holders -----------------------------------------------------------------------------------------


async def test_a_dead_holders_account_is_taken_and_its_own_writes_are_refused(
    store: SqliteStore, clock: FakeClock, one: Worker, two: Worker
) -> None:
    dead = await one.trade("id/a")
    await taken_from_the_dead(two)
    assert (await lock_of(store)).fence == 2
    for write in (
        dead.renew(),
        dead.write([Create(NOTE, {})]),
        dead.write([Create(NOTE, {})], plan={"a": 1}),
    ):
        with pytest.raises(LeaseLost):
            await write
    assert await store.get(NOTE) is None


async def test_a_holder_that_comes_back_frees_nothing_that_another_holds(
    store: SqliteStore, clock: FakeClock, one: Worker, two: Worker
) -> None:
    dead = await one.trade("id/a")
    await taken_from_the_dead(two)
    with pytest.raises(LeaseLost):
        await dead.release()
    assert (await lock_of(store)).run == "id/b"


async def test_a_holder_that_reads_the_lock_again_learns_that_it_has_lost_it(
    store: SqliteStore, clock: FakeClock, one: Worker, two: Worker
) -> None:
    dead = await one.trade("id/a")
    await taken_from_the_dead(two)
    assert dead.account_lock is not None
    with pytest.raises(LeaseLost):
        await dead.account_lock.refresh(dead.nonce)


async def test_a_holder_that_renews_keeps_the_account(clock: FakeClock, one: Worker, two: Worker) -> None:
    holder = await one.trade("id/a")
    for _ in range(20):
        with pytest.raises(Retryable):
            await two.acquire("id/b")
        clock.advance(LEASE_S - 1)
        await holder.renew()


async def test_a_lease_is_dead_only_once_it_was_watched_long_enough(
    clock: FakeClock, one: Worker, two: Worker
) -> None:
    await one.trade("id/a")
    clock.advance(10 * LEASE_S)
    with pytest.raises(Retryable):
        await two.acquire("id/b")
    clock.advance(LEASE_S - 0.001)
    with pytest.raises(Retryable):
        await two.acquire("id/b")
    clock.advance(0.001)
    await two.acquire("id/b")


async def test_a_worker_takes_what_its_own_dead_run_holds_at_once(one: Worker) -> None:
    await one.trade("id/a")
    one.watch.end(one.lease("id/a").nonce)
    lock = await one.acquire("id/b")
    assert lock.record.fence == 2


async def test_a_worker_leaves_what_its_own_live_run_holds(clock: FakeClock, one: Worker) -> None:
    await one.trade("id/a")
    clock.advance(10 * LEASE_S)
    with pytest.raises(Retryable):
        await one.acquire("id/b")


async def test_of_two_that_find_a_holder_dead_one_takes_its_place(
    store: SqliteStore, clock: FakeClock, one: Worker, two: Worker
) -> None:
    three = Worker(store, clock, "three")
    await one.trade("id/a")
    for worker in (two, three):
        with pytest.raises(Retryable):
            await worker.acquire("id/b")
    clock.advance(LEASE_S)
    outcomes = await asyncio.gather(two.acquire("id/b"), three.acquire("id/c"), return_exceptions=True)
    assert sum(isinstance(outcome, AccountLock) for outcome in outcomes) == 1
    assert (await lock_of(store)).fence == 2


async def test_what_the_gateway_is_known_to_have_taken_outlives_its_holder(
    store: SqliteStore, clock: FakeClock, one: Worker, two: Worker
) -> None:
    holder = await one.trade("id/a")
    lock = holder.account_lock
    assert lock is not None
    lock.record = lock.record.model_copy(update={"taken_order_id": 41})
    await lock.refresh(holder.nonce)
    await holder.renew()
    assert (await lock_of(store)).taken_order_id == 41
    successor = await taken_from_the_dead(two)
    assert successor.account_lock is not None
    assert successor.account_lock.record.taken_order_id == 41


# -- yielding ---------------------------------------------------------------------------------------------


async def asked(worker: Worker, run: str = "id/close-all") -> None:
    with pytest.raises(Retryable):
        await worker.acquire(run, urgent=True)


async def test_a_holder_sees_that_it_is_asked_to_yield(one: Worker, two: Worker) -> None:
    holder = await one.trade("id/a")
    lock = holder.account_lock
    assert lock is not None
    await asked(two)
    assert not lock.is_asked_to_yield
    await lock.refresh(holder.nonce)
    assert lock.record.urgent == "id/close-all"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"plan": {"a": 1}}, id="a change of the run"),
        pytest.param({}, id="no change of the run"),
    ],
)
async def test_being_asked_to_yield_loses_nothing_that_the_holder_writes(
    store: SqliteStore, one: Worker, two: Worker, changes: Mapping[str, JsonValue]
) -> None:
    holder = await one.trade("id/a")
    await asked(two)
    (version,) = await holder.write([Create(NOTE, {"booked": True})], **changes)
    written = await store.get(NOTE)
    assert written == Document(NOTE, {"booked": True}, version)
    assert (await lock_of(store)).urgent == "id/close-all"
    assert holder.account_lock is not None
    assert holder.account_lock.is_asked_to_yield


async def test_who_is_asked_once_is_not_asked_for_another(
    store: SqliteStore, one: Worker, two: Worker
) -> None:
    await one.trade("id/a")
    await asked(two)
    before = await store.get(PATH)
    await asked(two, "id/close-all-2")
    assert await store.get(PATH) == before


async def test_a_run_does_not_ask_itself_to_yield(store: SqliteStore, one: Worker, two: Worker) -> None:
    await one.trade("id/close-all")
    await asked(two)
    assert (await lock_of(store)).urgent is None


async def test_one_that_is_urgent_itself_is_not_asked_to_yield(
    store: SqliteStore, one: Worker, two: Worker
) -> None:
    holder = await one.trade("id/close-all", urgent=True)
    lock = holder.account_lock
    assert lock is not None
    await asked(two, "id/close-less")
    await lock.refresh(holder.nonce)
    assert not lock.is_asked_to_yield
    await holder.release()
    after = (await one.trade("id/a")).account_lock
    assert after is not None
    await asked(two, "id/close-less")
    assert (await lock_of(store)).urgent == "id/close-less"


async def test_asking_does_not_keep_a_dead_holder_alive_for_ever(
    clock: FakeClock, one: Worker, two: Worker
) -> None:
    await one.trade("id/a")
    await asked(two)
    for _ in range(3):
        clock.advance(LEASE_S / 2)
        try:
            lock = await two.acquire("id/close-all", urgent=True)
        except Retryable:
            continue
        assert (lock.record.run, lock.is_asked_to_yield) == ("id/close-all", False)
        return
    raise AssertionError("the account was never taken")


async def test_who_has_yielded_asks_nothing_of_the_next(store: SqliteStore, one: Worker, two: Worker) -> None:
    holder = await one.trade("id/a")
    await asked(two)
    await holder.release()
    lock = await two.acquire("id/close-all", urgent=True)
    assert (lock.record.run, lock.is_asked_to_yield) == ("id/close-all", False)
    await lock.refresh(two.lease("id/close-all").nonce)
    assert not lock.is_asked_to_yield


# -- the store errs ---------------------------------------------------------------------------------------


async def test_an_account_taken_by_a_write_whose_reply_was_lost_is_known_as_ones_own(
    store: SqliteStore, clock: FakeClock
) -> None:
    worker = Worker(Repeating(store), clock, "one")
    lock = await worker.acquire("id/a")
    assert lock.record.run == "id/a"
    assert (await lock_of(store)).fence == lock.record.fence == 1


async def test_a_write_whose_reply_was_lost_is_known_by_what_stands(
    store: SqliteStore, clock: FakeClock, one: Worker
) -> None:
    lock = await one.acquire("id/a")
    repeating = Repeating(store)
    lock.store = repeating
    run = await claimed(store, clock, "id/a", one.lease("id/a"), lock)
    run._store = repeating
    (version,) = await run.write([Create(NOTE, {"booked": True})], plan={"a": 1})
    assert await store.get(NOTE) == Document(NOTE, {"booked": True}, version)
    await run.renew()
    await run.release()
    assert (await lock_of(store)).holder is None


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        ({"fence": "many"}, "fence"),
        ({"fence": None}, "fence"),
        ({"holder": 5}, "holder"),
        ({"holder": {"nonce": "n"}}, "worker"),
        ({"version": 9}, "version"),
        ({"surplus": 1}, "surplus"),
    ],
)
async def test_a_damaged_lock_fails_the_run_that_wants_it_by_name(
    store: SqliteStore, one: Worker, two: Worker, damage: Mapping[str, JsonValue], where: str
) -> None:
    holder = await one.trade("id/a")
    document = await store.get(PATH)
    assert document is not None
    await store.commit([Update(PATH, {**document.data, **damage}, document.version)])
    with pytest.raises(Failed) as failed:
        await two.acquire("id/b")
    assert failed.value.code == "document-damaged"
    assert PATH in failed.value.message
    assert where in (failed.value.field or "")
    assert holder.account_lock is not None
    with pytest.raises(Failed):
        await holder.account_lock.refresh(holder.nonce)


async def test_a_lock_that_is_deleted_by_hand_is_lost_to_its_holder_and_free_for_the_next(
    store: SqliteStore, one: Worker, two: Worker
) -> None:
    holder = await one.trade("id/a")
    document = await store.get(PATH)
    assert document is not None
    await store.commit([Delete(PATH, document.version)])
    with pytest.raises(LeaseLost):
        await holder.write([Create(NOTE, {})])
    await two.acquire("id/b")
    with pytest.raises(LeaseLost):
        await holder.write([Create(NOTE, {})])
    assert await store.get(NOTE) is None


# -- any history ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
async def test_in_any_history_only_the_latest_holder_writes(
    store: SqliteStore, clock: FakeClock, seed: int
) -> None:
    """Three workers take, renew, write, freeze, wake and release at random."""
    random = Random(seed)
    workers = [Worker(store, clock, f"w{n}") for n in range(3)]
    holding: dict[str, OwnedRun] = {}
    numbers = iter(range(1000))
    fence = 0
    for _ in range(80):
        worker = random.choice(workers)
        owned = holding.get(worker.name)
        step = random.choice(("acquire", "time passes", *DOINGS))
        if step == "time passes":
            clock.advance(random.choice((1.0, 15.0, 60.0)))
        elif step == "acquire" and owned is None:
            try:
                holding[worker.name] = await worker.trade(f"id/{next(numbers)}")
            except Retryable:
                continue
        elif owned is not None and step in DOINGS:
            lock, nonce = await lock_of(store), owned.nonce
            is_holder = lock.holder is not None and lock.holder.nonce == nonce
            assert lock.fence >= fence
            fence = lock.fence
            try:
                await DOINGS[step](owned, next(numbers))
            except LeaseLost:
                assert not is_holder
            else:
                assert is_holder
                if step != "release":
                    continue
            worker.watch.end(nonce)
            del holding[worker.name]


DOINGS: Mapping[str, Callable[[OwnedRun, int], Awaitable[object]]] = {
    "write": lambda run, n: run.write([Create(f"{NOTE}-{n}", {})]),
    "renew": lambda run, _: run.renew(),
    "release": lambda run, _: run.release(),
}
