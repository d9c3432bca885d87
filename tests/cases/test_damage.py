"""Documents damaged by hand: whoever needs one fails by its name, and no other run is harmed."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.crash import ACCOUNT, Fate, theatre
from tests.support.play import Play, playing, signal, with_a_history
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.ports import Delete, Document, Update
from trader.runner.sweeper import Sweeper
from trader.runs import locks, runs
from trader.stored import orderbook, records

NVDA = signal("NVDA")


async def an_open_order(play: Play) -> str:
    play.misbehaves("partly-filled")
    await play.result(signal("MSFT"))
    (order,) = await orderbook.open_orders(play.world.store, ACCOUNT)
    return order.path


async def a_fill(play: Play) -> str:
    await play.holds("MSFT")
    (fill, *_) = await play.world.store.query(f"accounts/{ACCOUNT}/fills")
    return fill.path


async def the_lock_of_the_account(play: Play) -> str:
    await play.holds("MSFT")
    return locks.path_of(ACCOUNT)


async def the_trading_state(play: Play) -> str:
    return records.trading_state_path(ACCOUNT)


async def its_own_run(play: Play) -> str:
    play.misbehaves("pacing")
    assert (await play.push(NVDA, "under-test")).status_code == 503
    return runs.path_of(ACCOUNT, "message/under-test")


DOCUMENTS = (an_open_order, a_fill, the_lock_of_the_account, the_trading_state, its_own_run)
REQUIRED = ("order", "stem", "fence", "changedAt", "lease")
DAMAGES: dict[str, Callable[[JsonObject], JsonObject]] = {
    "nothing left of it": lambda data: {"state": data["state"]} if "state" in data else {},
    "a field is missing": lambda data: {key: data[key] for key in data if key not in REQUIRED},
    "a field of another type": lambda data: {**data, **{key: [7] for key in REQUIRED if key in data}},
    "an unknown version": lambda data: {**data, "version": 9},
}


async def rewritten(play: Play, path: str, data: JsonObject) -> Document:
    """Put ``data`` in the place of a document, and return what stood there."""
    document = await play.world.store.get(path)
    assert document is not None
    await play.world.store.commit([Update(path, data, document.version)])
    return document


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("find", DOCUMENTS, ids=lambda find: find.__name__.replace("_", " "))
async def test_a_damaged_document_fails_the_run_that_needs_it_by_name(
    tmp_path: Path, find: Callable[[Play], Awaitable[str]], damage: Callable[[JsonObject], JsonObject]
) -> None:
    async with playing(tmp_path) as play:
        path = await find(play)
        await play.worker.until_ready()
        play.gateway.faults = None
        document = await play.world.store.get(path)
        assert document is not None
        broken = damage(document.data)
        await rewritten(play, path, broken)
        sent = len(play.placed())
        result = await play.result(NVDA, "under-test")
        assert (result.status, result.reason and result.reason.code) == (Status.FAILED, "document-damaged")
        assert result.reason is not None
        assert path in result.reason.message
        assert len(play.placed()) == sent
        if find is not the_trading_state:  # which a summary tells of
            assert (await play.result({"intent": "summary"})).status is Status.SUCCEEDED
        await rewritten(play, path, document.data)
        assert (await play.result(NVDA, "mended")).status is Status.SUCCEEDED


async def test_a_damaged_lock_leaves_an_order_that_may_stand_in_doubt_and_not_merely_failed(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        message = world.message(signal("MSFT"), "first")
        async with world.worker(Fate(1, "after", "orders.place")) as doomed:
            assert not await world.deliver(doomed, message(1))
        lock = await world.store.get(locks.path_of(ACCOUNT))
        assert lock is not None
        await world.store.commit([Update(lock.path, {"fence": "?"}, lock.version)])
        world.pass_time(61)
        async with world.worker() as runner:
            sweeper = Sweeper(runner)
            for _ in range(2):
                await sweeper.sweep()
                world.pass_time(61)
        result = await world.the_result_of("message/first")
        assert (result.status, result.reason and result.reason.code) == (
            Status.UNRESOLVED,
            "document-damaged",
        )
        assert len(await orderbook.contract_locks(world.store, ACCOUNT)) == 1
        assert [event for event, _ in await world.alerts()] == ["order-unresolved"]
        damaged = await world.store.get(lock.path)
        assert damaged is not None
        await world.store.commit([Delete(lock.path, damaged.version)])
        await world.all_is_well()


async def test_an_order_that_is_found_no_more_is_not_sent_again(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        path = await an_open_order(play)
        document = await rewritten(play, path, {})
        result = await play.result(signal("MSFT"))
        assert (result.status, result.reason and result.reason.code) == (Status.REJECTED, "order-unknown")
        assert len(play.placed()) == 1
        await rewritten(play, path, document.data)


async def test_a_run_whose_own_order_cant_be_read_any_more_is_in_doubt(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        message = world.message(signal("MSFT"), "first")
        async with world.worker(Fate(1, "after", "orders.place")) as doomed:
            assert not await world.deliver(doomed, message(1))
        (order,) = await orderbook.open_orders(world.store, ACCOUNT)
        document = await world.store.get(order.path)
        assert document is not None
        await world.store.commit([Update(order.path, {"state": "open"}, document.version)])
        world.pass_time(61)
        async with world.worker() as runner:
            for _ in range(2):
                await Sweeper(runner).sweep()
                world.pass_time(61)
        result = await world.the_result_of("message/first")
        assert (result.status, result.reason and result.reason.code) == (
            Status.UNRESOLVED,
            "document-damaged",
        )
        damaged = await world.store.get(order.path)
        assert damaged is not None
        await world.store.commit([Update(order.path, document.data, damaged.version)])
