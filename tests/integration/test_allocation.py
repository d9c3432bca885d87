"""Allocations through a whole worker: strategies that agree, disagree, fail, and orders that stand in the way."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.crash import ACCOUNT
from tests.support.play import Play, playing
from trader.domain.ledger import CROSSING
from trader.domain.messages import Result
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.stored import orderbook

BOTH = ["testsignalgenerator", "buy-and-hold"]
"""At the simulator's time the first is short of SPY, and the second long of it."""


def limits(*symbols: str, **given: Any) -> JsonObject:
    return {
        "enabled": True,
        "allowedSymbols": list(symbols),
        "maxNotional": 90_000,
        "allowShort": True,
        **given,
    }


TWO: Mapping[str, Any] = {
    "exposure": {"overall": 1, "strategies": {"testsignalgenerator": 0.2, "buy-and-hold": 0.5}},
    "strategies": {"testsignalgenerator": limits("SPY"), "buy-and-hold": limits("SPY")},
}


def allocation(*strategies: str, **given: Any) -> JsonObject:
    return {"intent": "allocation", "strategies": list(strategies), **given}


def outcome(result: Result) -> dict[str, Any]:
    assert result.outcome is not None, result
    return dict(result.outcome)


async def crossings(play: Play) -> list[tuple[Decimal, Decimal]]:
    """Return quantity and price of each fill that crossed inside."""
    fills = await orderbook.all_fills(play.world.store, ACCOUNT)
    return sorted((fill.quantity, fill.price) for fill in fills if fill.stem.startswith(CROSSING))


async def test_two_strategies_that_disagree_cross_inside_and_the_rest_goes_out(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=TWO) as play:
        result = await play.result(allocation(*BOTH))
        assert result.status is Status.SUCCEEDED, result
        (line,) = outcome(result)["netting"]
        price = Decimal(line["price"])
        short, long = Decimal(20_000) // price, Decimal(50_000) // price
        assert line["wishes"] == {"testsignalgenerator": str(-short), "buy-and-hold": str(long)}
        assert line["crossed"] == {"testsignalgenerator": str(-short), "buy-and-hold": str(short)}
        (order,) = result.orders
        assert (order.state, order.filled) == (OrderState.FILLED, long - short)
        assert await play.held() == {"testsignalgenerator": -short, "buy-and-hold": long}
        assert await crossings(play) == [(-short, price), (short, price)]
        assert play.position("SPY") == long - short


async def test_allocating_twice_orders_nothing_the_second_time(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=TWO) as play:
        await play.result(allocation(*BOTH))
        again = await play.result(allocation(*BOTH))
        assert (again.status, again.orders, outcome(again)["netting"]) == (Status.SUCCEEDED, (), [])
        assert len(await crossings(play)) == 2
