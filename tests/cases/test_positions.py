"""Nothing is opened at the broker where a position lags behind its fills, or other hands have moved it."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from gateway_simulator.records import Position
from tests.support.allocating import allocation, code_of, configuration, follow, following
from tests.support.crash import ACCOUNT, Fate, How, theatre
from tests.support.gateway import RunningWorker
from tests.support.play import CLOSE_ALL, QUICK, RECONCILE, Play, playing, signal, with_a_history
from tests.support.strategies import SPY, long, wanting
from trader.domain.errors import Rejected
from trader.domain.instruments import Contract, Instrument, Listed
from trader.domain.status import Status
from trader.domain.targets import Flat
from trader.domain.trading_state import TradingState
from trader.ports import MarketData
from trader.runner.sweeper import Sweeper
from trader.runs import locks, runs
from trader.stored import orderbook, records

SHARES = configuration({"a": 0.3, "b": 0.1})
A_IS_FLAT = wanting("a", Flat(SPY))
SETTLING = QUICK.model_copy(update={"settle_s": 0.3})


async def reduce_only(play: Play) -> None:
    now = play.world.clock.now()
    await records.set_trading_state(
        play.world.store, ACCOUNT, TradingState.REDUCE_ONLY, reason="test", published_at=now, at=now
    )


@contextmanager
def positions_held_back(
    play: Play, monkeypatch: pytest.MonkeyPatch, *, until_settled: bool = False
) -> Iterator[None]:
    """Let the gateway tell no position; it does so at the end, or while the worker lets things settle."""
    tell, late, sleep = play.gateway.announcer.position_changed, list[Position](), play.worker.clock.sleep

    def tell_all() -> None:
        while late:
            tell(late.pop(0))

    async def told_meanwhile(seconds: float) -> None:
        if until_settled and seconds == SETTLING.settle_s:
            tell_all()
        await sleep(seconds)

    with monkeypatch.context() as patched:
        patched.setattr(play.gateway.announcer, "position_changed", late.append)
        patched.setattr(play.worker.clock, "sleep", told_meanwhile)
        yield
    tell_all()


async def sells_once(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the strategy be followed twice while no position is told: the second time it sells nothing."""
    await reduce_only(play)
    with positions_held_back(play, monkeypatch):
        await play.result(allocation("a"))
        assert play.position("SPY") == 0
        assert (await play.result(allocation("a"))).orders == ()
    assert play.position("SPY") == 0


# -- what a person has traded -----------------------------------------------------------------------------


async def test_what_a_person_has_sold_already_isnt_sold_again(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        await play.result(allocation("a"))
        play.manual("SPY", "SELL", play.position("SPY"))
        await play.until(lambda: not any(p.quantity for p in play.worker.worker.ports.broker.positions()))
        follow(play, A_IS_FLAT)
        assert code_of(await play.result(allocation("a"))) == ("rejected", "books-differ")
        assert play.position("SPY") == 0
        await play.result(RECONCILE)


async def test_what_a_person_has_sold_isnt_sold_again_once_that_is_booked_either(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        await play.result(allocation("a"))
        play.manual("SPY", "SELL", play.position("SPY"))
        await play.result(RECONCILE)
        held = await play.held()
        assert held["EXTERNAL"] == -held["a"]
        follow(play, A_IS_FLAT)
        assert code_of(await play.result(allocation("a"))) == ("rejected", "beyond-position")
        assert play.position("SPY") == 0


async def test_what_a_person_has_sold_isnt_sold_again_because_another_strategy_buys(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        await play.result(allocation("a"))
        play.manual("SPY", "SELL", play.position("SPY"))
        await play.result(RECONCILE)
        follow(play, A_IS_FLAT, long("b"))
        assert code_of(await play.result(allocation("a", "b"))) == ("rejected", "beyond-position")
        assert play.position("SPY") == 0


async def test_what_a_person_has_sold_isnt_sold_again_on_the_way_to_a_short(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        await play.result(allocation("a"))
        play.manual("SPY", "SELL", play.position("SPY"))
        await play.result(RECONCILE)
        follow(play, long("a", "-0.1"))
        assert code_of(await play.result(allocation("a"))) == ("rejected", "beyond-position")
        assert play.position("SPY") == 0


async def test_a_short_is_opened_beside_a_persons_own(tmp_path: Path) -> None:
    async with following(tmp_path, configuration=SHARES) as play:
        play.manual("SPY", "SELL", Decimal(100))
        await play.result(RECONCILE)
        follow(play, long("a", "-1"))
        assert (await play.result(allocation("a"))).status is Status.SUCCEEDED
        held = await play.held()
        assert play.position("SPY") == held["a"] - 100 < -100


async def test_a_reversal_goes_where_nobody_else_has_traded(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        await play.result(allocation("a"))
        follow(play, long("a", "-1"))
        assert (await play.result(allocation("a"))).status is Status.SUCCEEDED
        assert play.position("SPY") == (await play.held())["a"] < 0


async def test_a_holding_that_is_gone_and_has_no_price_keeps_no_other_contract_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = configuration({"a": 0.3, "b": 0.1}, "SPY", "QQQ")
    async with following(tmp_path, long("a"), long("b", symbol="QQQ"), configuration=two) as play:
        await play.result(allocation("b"))
        await play.until(lambda: bool(play.worker.worker.ports.broker.positions()))
        gone = {position.con_id for position in play.worker.worker.ports.broker.positions()}
        play.manual("QQQ", "SELL", play.position("QQQ"))
        await play.until(lambda: not any(p.quantity for p in play.worker.worker.ports.broker.positions()))
        market_data = type(play.worker.worker.ports.market_data)
        asked = market_data.contract

        async def unknown(self: MarketData, instrument: Instrument) -> Contract:
            if isinstance(instrument, Listed) and instrument.con_id in gone:
                raise Rejected("unknown-instrument", "no such contract any more")
            return await asked(self, instrument)

        with monkeypatch.context() as patched:
            patched.setattr(market_data, "contract", unknown)
            play.world.pass_time(60)
            assert code_of(await play.result(allocation("a"))) == ("succeeded", None)
        assert play.position("SPY") > 0
        await play.result(RECONCILE)


async def test_of_a_holding_only_what_a_person_has_left_of_it_is_sold(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        await play.result(allocation("a"))
        play.manual("SPY", "SELL", Decimal(10))
        await play.result(RECONCILE)
        left = play.position("SPY")
        follow(play, A_IS_FLAT)
        result = await play.result(allocation("a"))
        assert code_of(result) == ("failed", "partly-done")
        assert [order.quantity for order in result.orders] == [-left]
        assert play.position("SPY") == 0


async def test_a_short_of_another_strategy_may_come_of_a_sale(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), long("b", "-1"), configuration=SHARES) as play:
        await play.result(allocation("a", "b"))
        held = await play.held()
        assert held["b"] < 0 < play.position("SPY")
        follow(play, A_IS_FLAT, long("b", "-1"))
        assert (await play.result(allocation("a"))).status is Status.SUCCEEDED
        assert play.position("SPY") == held["b"]


async def test_what_the_broker_has_corrected_downwards_isnt_sold_as_it_was(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        play.misbehaves("corrected-quantity")
        await play.result(allocation("a"))
        play.world.pass_time(6)
        broker = play.worker.worker.ports.broker
        await play.until(lambda: [p.quantity for p in broker.positions()] == [2])
        play.gateway.faults = None
        follow(play, A_IS_FLAT)
        result = await play.result(allocation("a"))
        assert [order.quantity for order in result.orders] == [-2]
        assert play.position("SPY") == 0
        await play.result(RECONCILE)


@pytest.mark.case(15)
async def test_what_a_manual_stop_may_still_sell_isnt_sold_by_a_strategy_too(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        await play.result(allocation("a"))
        stop = play.manual("SPY", "SELL", play.position("SPY"), order_type="STP", aux_price=Decimal(1))
        follow(play, A_IS_FLAT)
        result = await play.result(allocation("a"))
        assert code_of(result) == ("failed", "orders-rejected")
        play.gateway.exchange.fill_at_market(stop)
        assert play.position("SPY") == 0
        await play.result(RECONCILE)


@pytest.mark.case(15)
async def test_a_manual_stop_that_is_gone_keeps_nothing_back(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        await play.result(allocation("a"))
        stop = play.manual("SPY", "SELL", play.position("SPY"), order_type="STP", aux_price=Decimal(1))
        await play.result({"intent": "reconcile"})
        play.gateway.exchange.cancel(stop)
        follow(play, A_IS_FLAT)
        assert (await play.result(allocation("a"))).status is Status.SUCCEEDED
        assert play.position("SPY") == 0


# -- positions that come late -----------------------------------------------------------------------------


async def test_reduce_only_sells_nothing_twice_while_the_position_is_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(tmp_path, long("a"), configuration=SHARES, durations=SETTLING) as play:
        await play.result(allocation("a"))
        play.manual("SPY", "SELL", play.position("SPY") // 2)
        await play.result(RECONCILE)
        follow(play, A_IS_FLAT)
        await sells_once(play, monkeypatch)


async def test_reduce_only_of_two_that_disagree_sells_nothing_twice_while_the_position_is_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(tmp_path, long("a"), long("b", "-1"), configuration=SHARES) as play:
        await play.result(allocation("a", "b"))
        follow(play, A_IS_FLAT, long("b", "-1"))
        await sells_once(play, monkeypatch)


async def test_what_has_filled_is_waited_for_before_anything_is_ordered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(tmp_path, long("a"), long("b"), configuration=SHARES, durations=SETTLING) as play:
        with positions_held_back(play, monkeypatch, until_settled=True):
            assert (await play.result(allocation("a"))).status is Status.SUCCEEDED
            assert (await play.result(allocation("b"))).status is Status.SUCCEEDED


async def test_gross_exposure_counts_what_was_just_bought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = configuration(
        {"a": 0.3, "b": 0.3}, "SPY", "MSFT", limits={"orderNotional": 90_000, "grossExposure": 0.4}
    )
    async with following(tmp_path, long("a"), long("b", symbol="MSFT"), configuration=limited) as play:
        with positions_held_back(play, monkeypatch):
            assert (await play.result(allocation("a"))).status is Status.SUCCEEDED
            assert code_of(await play.result(allocation("b"))) == ("rejected", "gross-exposure")


# -- what a close-all leaves behind -----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["before", "refused"])
async def test_what_another_run_has_planned_and_not_sent_isnt_sent_after_all_was_closed(
    tmp_path: Path, how: How
) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        message = world.message(signal("MSFT"), "opens")
        async with world.worker(Fate(1, how, "orders.place")) as runner:
            assert not await world.deliver(runner, message(1))
        async with world.worker() as runner:
            if how == "before":
                await Sweeper(runner).sweep()
                world.clock.jump(61)
            assert await world.deliver(runner, world.message(CLOSE_ALL, "close")(1))
            assert (await world.the_result_of("message/close")).status is Status.SUCCEEDED
            await world.deliver(runner, message(2))
            late = await world.the_result_of("message/opens")
        assert (late.status, [order.state for order in late.orders]) == (Status.FAILED, ["unsent"])
        assert Play(world, cast("RunningWorker", None)).position("MSFT") == 0


async def test_a_close_all_that_dies_before_its_plan_leaves_nothing_to_be_sent_after_it_is_done(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        opens, message = world.message(signal("MSFT"), "opens"), world.message(CLOSE_ALL, "close")
        async with world.worker(Fate(1, "refused", "orders.place")) as runner:
            assert not await world.deliver(runner, opens(1))
        fate = Fate(3, "after", "store.commit")
        async with world.worker(fate) as runner:
            assert not await world.deliver(runner, message(1))
        assert await orderbook.open_orders(world.store, ACCOUNT) == [], "the other run's order is cancelled"
        died = await world.store.get(runs.path_of(ACCOUNT, "message/close"))
        lock = await world.store.get(locks.path_of(ACCOUNT))
        assert died is not None
        assert lock is not None
        assert runs.read(died).plan is None
        async with world.worker() as runner:
            assert not runner.watch.is_dead(died, runs.read(died).lease)
            assert not runner.watch.is_dead(lock, locks.read(lock).holder)
            world.clock.jump(61)
            assert await world.deliver(runner, message(2))
            await world.deliver(runner, opens(2))
        assert (await world.the_result_of("message/close")).status is Status.SUCCEEDED
        late = await world.the_result_of("message/opens")
        assert (late.status, [order.state for order in late.orders]) == (Status.FAILED, ["unsent"])
        play = Play(world, cast("RunningWorker", None))
        assert [play.position(symbol) for symbol in ("SPY", "MSFT")] == [0, 0]
        await world.all_is_well()


async def test_a_contract_in_which_an_order_surely_wasnt_sent_is_closed(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        play = Play(world, cast("RunningWorker", None))
        async with world.worker() as runner:
            play.manual("MSFT", "BUY", Decimal(5))
            assert await world.deliver(runner, world.message(RECONCILE, "booked")(1))
        message = world.message(signal("MSFT"), "opens")
        async with world.worker(Fate(1, "refused", "orders.place")) as runner:
            assert not await world.deliver(runner, message(1))
        async with world.worker() as runner:
            assert await world.deliver(runner, world.message(CLOSE_ALL, "close")(1))
            await world.deliver(runner, message(2))
        assert play.position("MSFT") == 0


async def test_a_stop_that_fired_before_anybody_asked_after_it_isnt_closed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with playing(tmp_path, durations=SETTLING) as play:
        await play.holds("MSFT")
        with positions_held_back(play, monkeypatch, until_settled=True):
            play.manual("MSFT", "SELL", play.position("MSFT"), order_type="STP", aux_price=Decimal(1))
            play.gateway.exchange.fill_at_market(*play.gateway.book.open_orders())
            closed = await play.result(CLOSE_ALL)
        assert (code_of(closed), closed.orders) == (("failed", "residue"), ())
        assert play.position("MSFT") == 0
        await play.result(RECONCILE)
