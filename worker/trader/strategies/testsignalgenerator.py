"""Follows the MACD of 30-minute bars: long above its signal line, short below; a daily proof of the path."""

from decimal import Decimal

from pydantic import Field

from trader.domain.configuration import Symbol
from trader.domain.indicators import macd
from trader.domain.instruments import Stock
from trader.domain.market import BarSize
from trader.domain.strategy import Bars, BarsNeeded, Decision, Strategy
from trader.domain.targets import Hold, Target, Weight
from trader.domain.wire import Wire

SLOW, SIGNAL = 26, 9
LEAST_BARS = SLOW + SIGNAL - 1
"""From here on the seed's share of the slow average is below a tenth; five sessions have some 60 bars."""


class Parameters(Wire):
    """What it trades."""

    symbol: Symbol = Field("SPY", description="A US stock, in capitals.")


def needs(parameters: Parameters) -> tuple[BarsNeeded, ...]:
    """Return the five sessions that the decision is made on."""
    return (BarsNeeded(Stock(parameters.symbol), BarSize.MINUTES_30, days=5),)


def decide(bars: Bars, parameters: Parameters) -> Decision:
    """Return the direction of the last finished bar; the lines' equality, and too few bars, are a Hold."""
    (needed,) = needs(parameters)
    closes = [bar.close for bar in bars.get(needed, ())]
    stock = needed.instrument
    if len(closes) < LEAST_BARS:
        reason = f"expected at least {LEAST_BARS} finished bars, found {len(closes)}"
        return Decision((Hold(stock, reason),), {})
    lines = macd(closes, slow=SLOW, signal=SIGNAL)
    line, signal = lines.line[-1], lines.signal[-1]
    target: Target = Hold(stock, "the MACD equals its signal line")
    if line > signal:
        target = Weight(stock, Decimal(1))
    elif line < signal:
        target = Weight(stock, Decimal(-1))
    return Decision((target,), {"close": closes[-1], "macd": line, "signal": signal})


STRATEGY = Strategy("testsignalgenerator", Parameters, needs, decide)
