"""What the broker said of orders that misled others: errors that end nothing, ends that are none, ids."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.crash import ACCOUNT, theatre
from tests.support.play import CLOSE_ALL, MANY, Play, playing, signal
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.intents.close_all import CloseAllOutcome
from trader.stored import orderbook

AT_THE_CLOSE: dict[str, Any] = {**MANY, "order": {"type": "MOC", "tif": "DAY"}}
"""A configuration whose orders are accepted at once, and stay open until the close."""
OWN: JsonObject = {"intent": "close-all", "strategies": ["testsignalgenerator"]}


def is_flat(play: Play, symbol: str) -> bool:
    return play.position(symbol) == 0 and not list(play.gateway.book.open_orders())


@pytest.mark.case(4)
async def test_an_error_about_the_time_in_force_is_not_taken_for_a_cancel(tmp_path: Path) -> None:
    # ib-api-reloaded/ib_async issue 191, pst-group/pysystemtrade issue 1580
    async with playing(tmp_path) as play:
        play.misbehaves("tif-set-to-day")
        (order,) = (await play.result(signal("MSFT"), "first")).orders
        again = await play.result(signal("MSFT"), "first")
        nothing = await play.result(signal("MSFT"))
        assert (order.state, order.filled) == (OrderState.FILLED, order.quantity)
        assert again.orders == (order,)
        assert (nothing.status, nothing.orders) == (Status.SUCCEEDED, ())
        assert len(play.placed()) == 1


@pytest.mark.case(5)
async def test_a_rejection_then_inactive_is_the_end_in_the_brokers_words(tmp_path: Path) -> None:
    # nautechsystems/nautilus_trader issue 3603, brndnmtthws/thetagang pull request 709
    async with playing(tmp_path) as play:
        play.misbehaves("rejected-then-inactive")
        result = await play.result(signal("MSFT"))
        (order,) = result.orders
        assert (result.status, result.reason and result.reason.code) == (Status.FAILED, "orders-rejected")
        assert order.state is OrderState.REJECTED
        assert "EQUITY WITH LOAN VALUE" in order.text
        assert await orderbook.open_orders(play.world.store, ACCOUNT) == []
        assert await play.locked() == []


@pytest.mark.case(6)
async def test_an_order_held_until_shares_are_located_stays_open_and_is_said_to_be_held(
    tmp_path: Path,
) -> None:
    # nautechsystems/nautilus_trader issue 3723
    async with playing(tmp_path) as play:
        play.misbehaves("held-for-locate")
        result = await play.result(signal("NVDA"))
        (order,) = result.orders
        assert (result.status, order.state, order.filled) == (Status.SUCCEEDED, OrderState.HELD, Decimal(0))
        assert "held" in order.text.lower()
        waiting = await play.result(signal("NVDA"))
        assert waiting.orders == (), "it is under way"
        play.world.pass_time(61)
        await play.until(lambda: play.position("NVDA"))
        assert (await play.result(signal("NVDA"))).orders == ()
        assert sum((await play.held()).values()) == order.quantity
        assert len(play.placed()) == 1


@pytest.mark.case(10)
async def test_an_execution_told_twice_without_a_status_is_one_fill(tmp_path: Path) -> None:
    # IB's own documentation
    async with playing(tmp_path) as play:
        play.misbehaves("fill-reports-astray")
        (order,) = (await play.result(signal("MSFT"))).orders
        assert (order.state, order.filled) == (OrderState.FILLED, order.quantity)
        (fill,) = await orderbook.all_fills(play.world.store, ACCOUNT)
        assert (fill.quantity, fill.commission) == (order.quantity, None)


async def test_an_order_whose_execution_is_told_after_its_end_is_looked_up_and_ends_in_the_same_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        async with world.worker() as runner:
            monkeypatch.setattr(runner.ports.broker, "fills", lambda: ())  # unasked, none is told of
            assert await world.deliver(runner, world.message(signal("MSFT"), "first")(1))
        (order,) = (await world.the_result_of("message/first")).orders
        assert (order.state, order.filled) == (OrderState.FILLED, order.quantity)
        await world.all_is_well()


@pytest.mark.case(11)
async def test_of_an_order_that_is_cancelled_the_filled_part_is_booked(tmp_path: Path) -> None:
    # erdewit/ib_insync issue 491
    async with playing(tmp_path) as play:
        play.misbehaves("partly-filled")
        opened = await play.result(signal("MSFT"), "first")
        (order,) = opened.orders
        assert (opened.status, order.state) == (Status.SUCCEEDED, OrderState.WORKING)
        part = play.position("MSFT")
        assert 0 < part < order.quantity
        closed = await play.result(CLOSE_ALL)
        assert closed.status is Status.SUCCEEDED, closed
        assert [report.quantity for report in closed.orders] == [-part]
        assert is_flat(play, "MSFT")
        assert await play.held() == {}
        assert await orderbook.open_orders(play.world.store, ACCOUNT) == []


@pytest.mark.case(15)
async def test_a_manual_order_is_seen_and_never_cancelled_by_a_strategys_run(tmp_path: Path) -> None:
    # nautechsystems/nautilus_trader issues 3472 and 5057
    async with playing(tmp_path) as play:
        play.misbehaves("manual-order")
        await play.holds("AAPL")
        (manual,) = play.gateway.book.open_orders()
        seen = await play.result({**CLOSE_ALL, "dryRun": True})
        assert [cancel.reference for cancel in CloseAllOutcome.model_validate(seen.outcome).cancels] == [""]
        closed = await play.result(OWN)
        assert (closed.status, play.position("AAPL")) == (Status.SUCCEEDED, Decimal(0))
        assert (closed.outcome or {})["cancels"] == []
        assert [order.perm_id for order in play.gateway.book.open_orders()] == [manual.perm_id]
        everything = await play.result(CLOSE_ALL)
        assert everything.status is Status.SUCCEEDED
        assert is_flat(play, "AAPL")


@pytest.mark.case(15)
async def test_what_a_manual_order_may_still_sell_is_not_sold_a_second_time(tmp_path: Path) -> None:
    # nautechsystems/nautilus_trader issues 3472 and 5057
    async with playing(tmp_path) as play:
        await play.holds("MSFT")
        (opened,) = play.placed()
        play.manual("MSFT", "SELL", opened.quantity - 1, order_type="STP", aux_price=Decimal(1))
        result = await play.result(OWN)
        (order,) = result.orders
        assert (result.status, order.state) == (Status.FAILED, OrderState.UNSENT)
        assert "at most 1 left to close" in order.text
        assert play.position("MSFT") == opened.quantity


@pytest.mark.case(17)
@pytest.mark.parametrize("scenario", ["cancel-comes-too-late", "cancel-of-no-order"])
async def test_a_cancel_that_comes_too_late_books_the_fill_and_closes_what_is_held_then(
    tmp_path: Path, scenario: str
) -> None:
    # erdewit/ib_insync issue 299; refused with 10148, and with 10147
    async with playing(tmp_path, configuration=AT_THE_CLOSE) as play:
        opened = await play.result(signal("MSFT"))
        (order,) = opened.orders
        assert order.state is OrderState.WORKING
        play.misbehaves(scenario)
        closed = await play.result(OWN)
        assert closed.status is Status.SUCCEEDED, closed
        assert [report.filled for report in closed.orders] == [-order.quantity]
        assert is_flat(play, "MSFT")
        assert await play.held() == {}


@pytest.mark.case(18)
async def test_an_id_that_was_used_is_a_rejection_and_nothing_is_sent_under_the_next(tmp_path: Path) -> None:
    # erdewit/ib_insync issues 644 and 80
    async with playing(tmp_path) as play:
        play.misbehaves("duplicate-order-id-refused")
        result = await play.result(signal("MSFT"), "first")
        (order,) = result.orders
        assert (result.status, order.state) == (Status.FAILED, OrderState.REJECTED)
        assert "103" in order.text
        await play.result(signal("MSFT"), "first")
        assert play.gateway.requests["placeOrder"] == 1
        assert (await play.result(signal("MSFT"), "second")).status is Status.SUCCEEDED


@pytest.mark.case(18)
async def test_an_order_that_lives_in_spite_of_a_duplicate_id_is_found(tmp_path: Path) -> None:
    # erdewit/ib_insync issues 644 and 80
    async with playing(tmp_path) as play:
        play.misbehaves("duplicate-order-id-lives")
        (order,) = (await play.result(signal("MSFT"))).orders
        assert (order.state, order.filled) == (OrderState.FILLED, order.quantity)
        assert play.gateway.requests["placeOrder"] == 1


@pytest.mark.case(18)
async def test_a_counter_that_has_gone_back_is_no_proof_that_an_order_never_stood(tmp_path: Path) -> None:
    # erdewit/ib_insync issues 644 and 80
    async with playing(tmp_path) as play:
        await play.holds("SPY")
        play.misbehaves("duplicate-order-id", "drops-while-orders-wait")
        for symbol in ("MSFT", "NVDA"):
            assert (await play.result(signal(symbol))).status is Status.SUCCEEDED
        dropped = await play.result(signal("IWM"))
        assert dropped.status is Status.UNRESOLVED
        assert "it was reset" in dropped.orders[0].text
        assert await play.locked() == ["IWM"]
        assert play.placed("IWM") == []
