"""Trades the crosses of SPY's daily MACD: up is long SPY; down is long VIXY, and short SPY if wished."""

from decimal import Decimal

from pydantic import Field

from trader.domain.indicators import macd
from trader.domain.instruments import Stock
from trader.domain.market import BarSize
from trader.domain.strategy import Bars, BarsNeeded, Decision, Strategy
from trader.domain.targets import Flat, Hold, Target, Weight
from trader.domain.wire import Wire

SPY, VIXY = Stock("SPY"), Stock("VIXY")
OF_SPY = BarsNeeded(SPY, BarSize.DAY_1, days=200)
OF_VIXY = BarsNeeded(VIXY, BarSize.DAY_1, days=30)
LEAST_BARS = 100
"""From here on the seed's share of the slow average is below a thousandth: (25/27)**100."""


class Parameters(Wire):
    """What a cross down leads to."""

    short_spy: bool = Field(True, description="Whether a cross down sells SPY short; otherwise it is closed.")


def needs(_: Parameters) -> tuple[BarsNeeded, ...]:
    """Return the bars of SPY that the MACD is made of, and those of VIXY that say that it trades."""
    return (OF_SPY, OF_VIXY)


def decide(bars: Bars, parameters: Parameters) -> Decision:
    """Return what the last finished bar's cross calls for; no cross, and too little data, are a Hold."""
    spy, vixy = bars.get(OF_SPY, ()), bars.get(OF_VIXY, ())
    if len(spy) < LEAST_BARS:
        return _hold(f"expected at least {LEAST_BARS} finished bars of SPY, found {len(spy)}")
    if not vixy or vixy[-1].start != spy[-1].start:
        found = f"{vixy[-1].start:%Y-%m-%d}" if vixy else "none"
        return _hold(f"expected VIXY's bar of {spy[-1].start:%Y-%m-%d}, found {found}")
    closes = [bar.close for bar in spy]
    lines = macd(closes)
    before, now = (lines.line[n] - lines.signal[n] for n in (-2, -1))
    if before <= 0 < now:
        targets: tuple[Target, ...] = (Weight(SPY, Decimal(1)), Flat(VIXY))
    elif before >= 0 > now:
        below = Weight(SPY, Decimal(-1)) if parameters.short_spy else Flat(SPY)
        targets = (below, Weight(VIXY, Decimal(1)))
    else:
        targets = _hold("the MACD has not crossed its signal line on the last finished bar").targets
    return Decision(
        targets,
        {"close": closes[-1], "macd": lines.line[-1], "signal": lines.signal[-1], "crossedFrom": before},
    )


def _hold(reason: str) -> Decision:
    return Decision((Hold(SPY, reason), Hold(VIXY, reason)), {})


STRATEGY = Strategy("spymacdvixy", Parameters, needs, decide)
