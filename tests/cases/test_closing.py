"""Hard histories of close-all: what it may not sell twice, whom it waits for, and what fires meanwhile."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from pydantic import JsonValue

from gateway_simulator.contracts import ContractQuery
from gateway_simulator.records import Position
from gateway_simulator.wire.orders import PlaceOrder
from tests.support.crash import ACCOUNT, Fate, How, Theatre, theatre
from tests.support.eventually import eventually
from tests.support.gateway import RunningWorker
from tests.support.play import (
    CLOSE_ALL,
    MANY,
    QUICK,
    RECONCILE,
    Play,
    misbehaves,
    placed,
    playing,
    signal,
    with_a_history,
)
from tests.support.stores import Freezing, as_the_plan_is_stored
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject
from trader.intents.close_all import CloseAllOutcome
from trader.plans import StoredPlan
from trader.ports import Store, Update
from trader.runner.runner import Runner
from trader.runner.sweeper import Sweeper
from trader.runs import locks, runs
from trader.runs.lease import Lease
from trader.stored import orderbook

OWN: JsonObject = {"intent": "close-all", "strategies": ["testsignalgenerator"]}


async def with_a_manual_stop(play: Play) -> Decimal:
    """Hold some MSFT, and a manual stop order that would sell all of it; return how much."""
    await play.holds("MSFT")
    held = play.position("MSFT")
    play.manual("MSFT", "SELL", held, order_type="STP", aux_price=Decimal(1))
    return held


async def test_a_manual_stop_that_fires_as_all_is_cancelled_leaves_nothing_to_close(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await with_a_manual_stop(play)
        play.misbehaves("stop-fires-as-all-is-cancelled")
        closed = await play.result(CLOSE_ALL)
        assert closed.orders == ()
        assert play.position("MSFT") == 0
        assert len(play.placed("MSFT")) == 1, "nothing was sold a second time"
        assert (await play.result(RECONCILE)).status is Status.SUCCEEDED


@pytest.mark.parametrize("stop", [True, False])
async def test_only_what_stands_is_planned_to_be_cancelled(tmp_path: Path, stop: bool) -> None:
    async with playing(tmp_path) as play:
        await (with_a_manual_stop(play) if stop else play.holds("MSFT"))
        closed = await play.result(CLOSE_ALL, "close")
        assert [order.state for order in closed.orders] == ["filled"]
        document = await play.world.store.get(runs.path_of(ACCOUNT, "message/close"))
        assert document is not None
        plan = StoredPlan.model_validate(runs.read(document).plan)
        assert [stage.name for stage in plan.stages] == (["cancel", "close"] if stop else ["close"])


@pytest.mark.parametrize("by_hand", [True, False])
async def test_what_has_just_been_sold_is_not_sold_again_while_its_position_isn_t_told_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_hand: bool
) -> None:
    """A position is told a moment after the fill that moved it, and then another run may have the account."""
    settling = QUICK.model_copy(update={"settle_s": 0.3})
    async with playing(tmp_path, durations=settling) as play:
        await play.holds("MSFT")
        tell, late = play.gateway.announcer.position_changed, list[Position]()
        monkeypatch.setattr(play.gateway.announcer, "position_changed", late.append)
        if by_hand:
            play.manual("MSFT", "SELL", play.position("MSFT"), order_type="STP", aux_price=Decimal(1))
            await play.result({**CLOSE_ALL, "dryRun": True})  # from here on the order is known
            play.gateway.exchange.fill_at_market(*play.gateway.book.open_orders())
        else:
            await play.result(OWN)
        sleep = play.worker.clock.sleep

        async def told_meanwhile(seconds: float) -> None:
            if seconds == settling.settle_s:
                for position in late:
                    tell(position)
            await sleep(seconds)

        monkeypatch.setattr(play.worker.clock, "sleep", told_meanwhile)
        closed = await play.result(CLOSE_ALL)
        assert closed.orders == ()
        assert play.position("MSFT") == 0
        await play.result(RECONCILE)


async def test_a_manual_stop_that_fires_between_plan_and_order_keeps_the_order_back(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        async with world.worker() as runner:
            assert await world.deliver(runner, world.message(signal("MSFT"), "opened")(1))
        real, frozen = world.store, Freezing(world.store, as_the_plan_is_stored)
        world.store = cast(Store, frozen)
        async with world.worker() as runner:
            world.store = real
            play = Play(world, cast(RunningWorker, None))
            stop = play.manual("MSFT", "SELL", play.position("MSFT"), order_type="STP", aux_price=Decimal(1))
            closing = asyncio.create_task(world.deliver(runner, world.message(OWN, "close")(1)))
            await frozen.is_frozen.wait()
            world.gateway.exchange.fill_at_market(stop)
            await eventually(lambda: not any(p.symbol == "MSFT" for p in runner.ports.broker.positions()))
            frozen.thaw()
            assert await closing
            assert await world.deliver(runner, world.message(RECONCILE, "evening")(1))
        closed = await world.the_result_of("message/close")
        states = {order.instrument: order.state for order in closed.orders}
        assert states == {"SPY": OrderState.FILLED, "MSFT": OrderState.UNSENT}
        assert (closed.status, closed.reason and closed.reason.code) == (Status.FAILED, "partly-done")
        assert play.position("MSFT") == 0
        await world.all_is_well()


@pytest.mark.parametrize("side", ["BUY", "SELL"])
async def test_futures_and_options_held_by_hand_are_closed_where_they_trade(
    tmp_path: Path, side: str
) -> None:
    async with playing(tmp_path) as play:
        await play.holds("MSFT")
        for sec_type, name in (("FUT", "ESZ6"), ("OPT", "SPY   261218C00650000")):
            [held] = play.gateway.catalogue.find(ContractQuery(sec_type=sec_type, local_symbol=name))
            by_hand = PlaceOrder(action=side, total_quantity=Decimal(2), order_type="MKT", tif="DAY")
            play.gateway.manual_order(held, by_hand)
        await eventually(lambda: len(play.worker.worker.ports.broker.positions()) == 3)
        closed = await play.result(CLOSE_ALL)
        assert {(order.instrument, order.state) for order in closed.orders} == {
            ("MSFT", OrderState.FILLED),
            ("ESZ6", OrderState.FILLED),
            ("SPY   261218C00650000", OrderState.FILLED),
        }
        assert not any(held.quantity for held in play.gateway.book.positions.values())
        assert (await play.result(RECONCILE)).status is Status.SUCCEEDED


@pytest.mark.parametrize("how", ["after", "error"])
async def test_close_all_that_is_halted_in_the_middle_tells_what_it_has_sent_and_what_not(
    tmp_path: Path, how: How
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        async with world.worker() as runner:
            for symbol in ("SPY", "MSFT", "NVDA"):
                assert await world.deliver(runner, world.message(signal(symbol), symbol)(1))
        message = world.message(CLOSE_ALL, "close")
        async with world.worker(Fate(2, how, "orders.place")) as runner:
            assert not await world.deliver(runner, message(1))
        await world.configured(TradingState.HALTED, **MANY)
        await world.until_acknowledged(message)
        result = await world.the_result_of("message/close")
        assert result.reason is not None
        assert (result.status, result.reason.code) == (Status.FAILED, "partly-done")
        assert "halted" in result.reason.message
        states = [OrderState.FILLED, OrderState.FILLED, OrderState.UNSENT]
        assert [order.state for order in result.orders] == states
        assert len(placed(world.gateway)) == 5
        assert await orderbook.open_orders(world.store, ACCOUNT) == []
        await world.all_is_well()


async def test_a_close_all_that_is_taken_over_waits_for_its_own_closing_order_and_does_not_cancel_it(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        async with world.worker() as runner:
            assert await world.deliver(runner, world.message(signal("MSFT"), "MSFT")(1))
        misbehaves(world.gateway, "partly-filled")
        message = world.message(CLOSE_ALL, "close")
        async with world.worker(Fate(1, "after", "orders.place")) as runner:
            assert not await world.deliver(runner, message(1))
        fills = asyncio.create_task(fills_once_seen_working(world))
        await world.until_acknowledged(message)
        await fills
        result = await world.the_result_of("message/close")
        (order,) = result.orders
        assert (result.status, order.state) == (Status.SUCCEEDED, OrderState.FILLED)
        assert not [o for o in placed(world.gateway, "MSFT") if "Cancel" in o.status.value]
        await world.all_is_well()


async def fills_once_seen_working(world: Theatre) -> None:
    """Fill the rest of the one open order as soon as the books say that it stands at the broker."""

    async def seen_working() -> bool:
        (kept,) = await orderbook.open_orders(world.store, ACCOUNT)
        return kept.value.standing is OrderState.WORKING

    await eventually(seen_working)
    (order,) = world.gateway.book.open_orders()
    world.gateway.exchange.fill_at_market(order)


async def test_close_all_waits_for_a_run_that_holds_the_account_and_then_closes_what_it_did(
    tmp_path: Path,
) -> None:
    patient = QUICK.model_copy(update={"order_wait_s": 60, "handler_s": 1})
    async with playing(tmp_path, durations=patient) as play:
        await play.holds("SPY")
        play.misbehaves("partly-filled")
        holder = asyncio.create_task(play.push(signal("MSFT"), "holder"))
        await play.until(lambda: play.placed("MSFT"))
        closed = await play.result(CLOSE_ALL, "urgent")
        assert (await holder).status_code == 204
        (working,) = (await play.world.the_result_of("message/holder")).orders
        assert working.state is OrderState.WORKING
        assert closed.status is Status.SUCCEEDED, closed
        assert [play.position("SPY"), play.position("MSFT")] == [0, 0]
        assert list(play.gateway.book.open_orders()) == []


@pytest.mark.parametrize(
    ("seconds", "end"), [(590, (Status.SUCCEEDED, None)), (601, (Status.EXPIRED, "too-old"))]
)
async def test_close_all_is_sent_back_while_a_run_holds_the_account_and_has_its_end_when_that_lets_go(
    tmp_path: Path, seconds: float, end: tuple[Status, str | None]
) -> None:
    quick = QUICK.model_copy(update={"handler_s": 1})
    async with playing(tmp_path, durations=quick) as play:
        await play.holds("MSFT")
        holder = await Holder.of(play.world.store)
        sent_back = await play.push(CLOSE_ALL, "urgent")
        assert (sent_back.status_code, sent_back.text) == (503, "account-locked")
        assert (await holder.read()).urgent == "message/urgent", "the holder is asked to yield"
        play.world.pass_time(seconds)
        await holder.renews()
        assert (await play.push(CLOSE_ALL, "urgent")).status_code == (503 if end[1] is None else 204)
        await holder.lets_go()
        result = await play.result(CLOSE_ALL, "urgent")
        assert (result.status, result.reason and result.reason.code) == end
        assert (play.position("MSFT") == 0) == (end[1] is None)


class Holder:
    """A run of another worker that holds the account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    async def of(cls, store: Store) -> "Holder":
        holder = cls(store)
        await holder._write(holder=Lease(nonce="another", worker="another"), run="id/long")
        return holder

    async def read(self) -> locks.LockRecord:
        document = await self._store.get(locks.path_of(ACCOUNT))
        assert document is not None
        return locks.read(document)

    async def renews(self) -> None:
        held = (await self.read()).holder
        assert held is not None
        await self._write(holder=held.model_copy(update={"renewals": held.renewals + 1}))

    async def lets_go(self) -> None:
        await self._write(holder=None, run=None, urgent=None)

    async def _write(self, **changes: object) -> None:
        document = await self._store.get(locks.path_of(ACCOUNT))
        assert document is not None
        record = locks.read(document).model_copy(update=changes)
        await self._store.commit([Update(document.path, record.to_json(), document.version)])


async def dead_workers_are_seen_to_be_dead(world: Theatre, runner: Runner) -> None:
    """Let ``runner`` look at all leases for longer than one lives."""
    lock = await world.store.get(locks.path_of(ACCOUNT))
    assert lock is not None
    assert not runner.watch.is_dead(lock, locks.read(lock).holder)
    await Sweeper(runner).sweep()
    world.clock.jump(61)


async def test_an_order_that_another_run_places_while_a_close_all_is_away_is_told_as_left(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        async with world.worker() as runner:
            assert await world.deliver(runner, world.message(signal("MSFT"), "MSFT")(1))
        message = world.message(CLOSE_ALL, "close")
        async with world.worker(Fate(1, "after", "orders.place")) as runner:
            assert not await world.deliver(runner, message(1))
        await world.configured(**{**MANY, "order": {"type": "MOC", "tif": "DAY"}})
        async with world.worker() as other:
            await dead_workers_are_seen_to_be_dead(world, other)
            assert await world.deliver(other, world.message(signal("AAPL"), "AAPL")(1))
            (waits,) = world.gateway.book.open_orders()
            assert await world.deliver(other, message(2))
        result = await world.the_result_of("message/close")
        assert (result.status, result.reason and result.reason.code) == (Status.FAILED, "residue")
        (left,) = CloseAllOutcome.model_validate(result.outcome).residue
        assert (left.instrument, left.code) == ("AAPL", "not-cancelled")
        assert abs(left.quantity) == waits.terms.total_quantity
        await world.all_is_well()


async def test_a_close_all_does_not_give_way_to_one_that_closes_less(tmp_path: Path) -> None:
    patient = QUICK.model_copy(update={"order_wait_s": 1, "settle_s": 0.5})
    async with playing(tmp_path, durations=patient) as play:
        await play.holds("SPY", "MSFT")
        play.manual("MSFT", "BUY", Decimal(1), order_type="LMT", lmt_price=Decimal(1))
        everything = asyncio.create_task(play.push(CLOSE_ALL, "everything"))
        await play.until(lambda: not list(play.gateway.book.open_orders()))
        less = await play.result({**CLOSE_ALL, "strategies": ["buy-and-hold"]}, "less")
        assert (await everything).status_code == 204
        assert (await play.world.the_result_of("message/everything")).status is Status.SUCCEEDED
        assert (less.status, less.orders) == (Status.SUCCEEDED, ())
        assert [play.position(symbol) for symbol in ("SPY", "MSFT")] == [Decimal(0)] * 2


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_strategy_that_nobody_knows_is_refused_and_not_told_as_closed(
    tmp_path: Path, dry_run: bool
) -> None:
    async with playing(tmp_path) as play:
        await play.holds("SPY")
        named: list[JsonValue] = ["buy-and-hold", "testsignalgeneratr"]
        slip: JsonObject = {**CLOSE_ALL, "strategies": named, "dryRun": dry_run}
        result = await play.result(slip, "slip")
        assert (result.status, result.reason and result.reason.code) == (Status.REJECTED, "unknown-strategy")
        assert result.reason is not None
        assert "did you mean testsignalgenerator?" in result.reason.message
        assert play.position("SPY") != 0


async def test_what_a_strategy_that_is_gone_has_left_can_be_closed(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.holds("SPY")
        play.worker.worker.runner.strategies = {}
        for name in ("first", "again"):
            result = await play.result(OWN, name)
            assert result.status is Status.SUCCEEDED
        assert play.position("SPY") == 0
