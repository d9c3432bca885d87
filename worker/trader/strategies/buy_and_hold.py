"""Keeps all of its capital in one stock; copy this file to begin a strategy of your own."""

from decimal import Decimal

from pydantic import Field

from trader.domain.configuration import Symbol
from trader.domain.instruments import Stock
from trader.domain.market import BarSize
from trader.domain.strategy import Bars, BarsNeeded, Decision, Strategy
from trader.domain.targets import Hold, Weight
from trader.domain.wire import Wire


class Parameters(Wire):
    """What it buys."""

    symbol: Symbol = Field("SPY", description="A US stock, in capitals.")


def needs(parameters: Parameters) -> tuple[BarsNeeded, ...]:
    """Return the bars that the decision is made on: those of the last five sessions."""
    return (BarsNeeded(Stock(parameters.symbol), BarSize.DAY_1, days=5),)


def decide(bars: Bars, parameters: Parameters) -> Decision:
    """Return the whole weight. Without a bar it holds: whatever isn't known must come to that."""
    (needed,) = needs(parameters)
    finished = bars.get(needed, ())
    if not finished:
        return Decision((Hold(needed.instrument, "expected finished bars, found none"),), {})
    return Decision((Weight(needed.instrument, Decimal(1)),), {"close": finished[-1].close})


STRATEGY = Strategy("buy-and-hold", Parameters, needs, decide)
