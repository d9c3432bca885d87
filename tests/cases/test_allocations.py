"""What the broker does to an order that two strategies share, or that stands in a strategy's way."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.allocating import allocation, code_of, configuration, follow, following, outcome, refusals
from tests.support.play import Play
from tests.support.strategies import long
from trader.domain.ledger import EXTERNAL
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.domain.wire import JsonObject

SHARES = configuration({"a": 0.3, "b": 0.1})
RECONCILE: JsonObject = {"intent": "trade-reconciliation"}


async def sums(play: Play) -> Decimal:
    """Return what all owners hold together."""
    return sum((await play.held()).values(), Decimal(0))


@pytest.mark.case(11)
async def test_a_part_that_filled_is_shared_and_the_rest_of_it_can_be_ordered_again(tmp_path: Path) -> None:
    # erdewit/ib_insync issue 491
    async with following(tmp_path, long("a"), long("b"), configuration=SHARES) as play:
        play.misbehaves("partly-filled")
        (order,) = (await play.result(allocation("a", "b"))).orders
        assert order.state is OrderState.WORKING
        assert 0 < order.filled < order.quantity
        held = await play.held()
        assert sum(held.values()) == order.filled
        assert held["a"] > held["b"] > 0
        nothing = await play.result(allocation("a", "b"))
        assert nothing.orders == (), "what is under way counts"
        follow(play, long("a", "-1"), long("b"))
        result = await play.result(allocation("a", "b"))
        assert code_of(result) == ("succeeded", None), result
        assert [line["strategies"] for line in outcome(result)["cancelled"]] == [["a", "b"]]
        targets = {line["strategy"]: Decimal(line["quantity"]) for line in outcome(result)["targets"]}
        assert await play.held() == targets, "what b lost with the cancel is ordered for it again"
        assert play.position("SPY") == sum(targets.values())


@pytest.mark.case(17)
async def test_a_cancel_that_comes_too_late_leaves_a_fill_that_counts(tmp_path: Path) -> None:
    # erdewit/ib_insync issue 299
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        first = await play.result(allocation("a", orderType="MOC"))
        play.misbehaves("cancel-comes-too-late")
        follow(play, long("a", "-1"))
        result = await play.result(allocation("a"))
        assert code_of(result) == ("succeeded", None), result
        (order,) = result.orders
        (target,) = outcome(result)["targets"]
        assert order.quantity == Decimal(target["quantity"]) - first.orders[0].quantity
        assert play.position("SPY") == Decimal(target["quantity"])


@pytest.mark.case(5)
async def test_a_rejected_order_of_two_is_nobodys_holding(tmp_path: Path) -> None:
    # nautechsystems/nautilus_trader issue 3603
    async with following(tmp_path, long("a"), long("b"), configuration=SHARES) as play:
        play.misbehaves("rejected-then-inactive")
        result = await play.result(allocation("a", "b"))
        assert code_of(result) == ("failed", "orders-rejected")
        assert await play.held() == {}


async def test_a_corrected_quantity_is_shared_as_if_it_had_been_so_from_the_start(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), long("b"), configuration=SHARES) as play:
        play.misbehaves("corrected-quantity")
        await play.result(allocation("a", "b"))
        play.world.pass_time(6)
        await play.until(lambda: play.position("SPY") == 2)
        await play.result(RECONCILE)
        held = await play.held()
        assert sum(held.values()) == 2
        assert held["a"] >= held.get("b", Decimal(0))


async def test_what_has_crossed_stands_whatever_becomes_of_the_rest(tmp_path: Path) -> None:
    shares = configuration({"a": 0.3, "b": 0.1})
    async with following(tmp_path, long("a"), long("b", "-1"), configuration=shares) as play:
        play.misbehaves("rejected-then-inactive")
        result = await play.result(allocation("a", "b"))
        assert code_of(result) == ("failed", "orders-rejected")
        held = await play.held()
        assert held["a"] == -held["b"] > 0
        assert play.position("SPY") == 0
        again = await play.result(allocation("a", "b"))
        assert [order.state for order in again.orders] == [OrderState.FILLED]
        assert (await play.held())["b"] == held["b"]
        assert await sums(play) == play.position("SPY")


@pytest.mark.case(15)
async def test_a_manual_order_in_the_contract_is_external_and_is_not_cancelled(tmp_path: Path) -> None:
    # nautechsystems/nautilus_trader issues 3472 and 5057
    async with following(tmp_path, long("a"), configuration=SHARES) as play:
        await play.result(allocation("a"))
        resting = play.manual("SPY", "BUY", Decimal(3), order_type="LMT", lmt_price=Decimal(100), tif="GTC")
        play.manual("SPY", "BUY", Decimal(7))
        follow(play, long("a", "-1"))
        held = await play.result(allocation("a"))
        assert code_of(held) == ("rejected", "books-differ")
        await play.result(RECONCILE)
        result = await play.result(allocation("a"))
        assert (result.status, refusals(result)) == (Status.SUCCEEDED, []), result
        assert (await play.held())[EXTERNAL] == 7
        assert play.gateway.book.orders[resting.perm_id].is_open
