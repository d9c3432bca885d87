"""The test signal: its direction by the MACD of finished bars, and Hold where that can't be told."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.market import bars, local
from trader.domain.indicators import macd
from trader.domain.instruments import Stock
from trader.domain.market import BarSize
from trader.domain.strategy import BarsNeeded, Decision
from trader.domain.targets import Hold, Weight
from trader.strategies.testsignalgenerator import LEAST_BARS, STRATEGY, Parameters

SPY = Stock("SPY")
NEEDED = BarsNeeded(SPY, BarSize.MINUTES_30, days=5)


def decide(closes: list[float]) -> Decision:
    return STRATEGY.decide({NEEDED: bars(local("2026-11-16 09:30"), closes)}, Parameters())


def test_it_asks_for_five_sessions_of_half_hours_of_its_symbol() -> None:
    assert STRATEGY.needs(Parameters()) == (NEEDED,)
    assert STRATEGY.needs(Parameters(symbol="QQQ"))[0].instrument == Stock("QQQ")


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        ([450.0] * 40 + [455.0], Weight(SPY, Decimal(1))),
        ([450.0] * 40 + [445.0], Weight(SPY, Decimal(-1))),
        ([450.0 + n for n in range(60)], Weight(SPY, Decimal(1))),
        ([450.0 - n for n in range(60)], Weight(SPY, Decimal(-1))),
        ([450.0] * 60, Hold(SPY, "the MACD equals its signal line")),
    ],
)
def test_it_is_long_above_the_signal_line_short_below_and_holds_on_it(
    closes: list[float], expected: Weight | Hold
) -> None:
    assert decide(closes).targets == (expected,)


def test_the_figures_it_was_led_by_are_those_of_the_last_bar() -> None:
    closes = [450.0 + (n % 7) for n in range(60)]
    lines = macd(closes)
    assert decide(closes).indicators == {
        "close": closes[-1],
        "macd": lines.line[-1],
        "signal": lines.signal[-1],
    }


@pytest.mark.parametrize("count", [0, 1, LEAST_BARS - 1])
def test_too_few_bars_are_a_reason_to_hold_and_never_a_guess(count: int) -> None:
    decision = decide([450.0 + n for n in range(count)])
    assert decision.targets == (Hold(SPY, f"expected at least 34 finished bars, found {count}"),)
    assert decision.indicators == {}


def test_no_bars_at_all_are_a_reason_to_hold() -> None:
    assert isinstance(STRATEGY.decide({}, Parameters()).targets[0], Hold)


@given(st.lists(st.floats(1, 1000), min_size=LEAST_BARS, max_size=70), st.sampled_from([0.5, 2.0, 8.0]))
def test_the_unit_of_the_price_does_not_matter(closes: list[float], factor: float) -> None:
    assert decide([close * factor for close in closes]).targets == decide(closes).targets


def test_a_price_that_is_no_number_opens_nothing() -> None:
    assert isinstance(decide([450.0] * 40 + [float("nan")]).targets[0], Hold)
