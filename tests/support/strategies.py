"""Strategies that want what a test says, and some that can't say what they want."""

from collections.abc import Callable
from decimal import Decimal

from trader.domain.instruments import Instrument, Stock
from trader.domain.market import BarSize
from trader.domain.strategy import AnyStrategy, Bars, BarsNeeded, Decision, Strategy
from trader.domain.targets import Target, Weight
from trader.domain.wire import Wire

SPY = Stock("SPY")


class NoParameters(Wire):
    """No parameters."""


def strategy(name: str, decide: Callable[[Bars], Decision], *needs: Instrument) -> AnyStrategy:
    """Return a strategy that needs five daily bars of each instrument."""
    wanted = tuple(BarsNeeded(instrument, BarSize.DAY_1, days=5) for instrument in needs)
    return Strategy(name, NoParameters, lambda _: wanted, lambda bars, _: decide(bars))


def wanting(name: str, *targets: Target) -> AnyStrategy:
    """Return a strategy that always wants these targets."""
    instruments = dict.fromkeys(target.instrument for target in targets)
    return strategy(name, lambda _: Decision(targets, {}), *instruments)


def long(name: str, weight: str = "1", symbol: str = "SPY") -> AnyStrategy:
    """Return a strategy that wants a weight, below 0 for short, of one stock."""
    return wanting(name, Weight(Stock(symbol), Decimal(weight)))


def raising(name: str) -> AnyStrategy:
    """Return a strategy that fails."""

    def decide(_: Bars) -> Decision:
        raise ZeroDivisionError("nothing to divide by")

    return strategy(name, decide, SPY)


def no_number(name: str) -> AnyStrategy:
    """Return a strategy whose figures are no numbers, and that trusts them all the same."""
    return strategy(name, lambda _: Decision((Weight(SPY, Decimal(1)),), {"close": float("nan")}), SPY)


def no_weight(name: str) -> AnyStrategy:
    """Return a strategy whose weight is no number."""
    return strategy(name, lambda _: Decision((Weight(SPY, Decimal("nan")),), {}), SPY)
