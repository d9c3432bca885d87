"""The crosses of SPY's daily MACD: only a cross on the last finished bar changes anything."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.market import bars, local
from trader.domain.indicators import macd
from trader.domain.strategy import Bars
from trader.domain.targets import Flat, Hold, Weight
from trader.strategies.spymacdvixy import LEAST_BARS, OF_SPY, OF_VIXY, SPY, STRATEGY, VIXY, Parameters

DAY = 24 * 60
FIRST = local("2026-02-06 00:00", "UTC")
FALLING = [500.0 - n for n in range(120)]
RISING = [400.0 + n for n in range(120)]
UP, DOWN = [*FALLING, 400.0], [*RISING, 500.0]
"""The last close turns the line over its signal line: up, and down."""


def given_bars(closes: list[float], vixy: int | None = None) -> Bars:
    """Return the closes as SPY's, and as many bars of VIXY, or those up to the bar ``vixy``."""
    spy = bars(FIRST, closes, DAY)
    return {OF_SPY: spy, OF_VIXY: bars(FIRST, [15.0] * len(closes), DAY)[-30:vixy]}


def wants(closes: list[float], *, short_spy: bool = True) -> tuple[object, ...]:
    return STRATEGY.decide(given_bars(closes), Parameters(short_spy=short_spy)).targets


def test_it_asks_for_two_hundred_days_of_spy_and_thirty_of_vixy() -> None:
    assert STRATEGY.needs(Parameters()) == (OF_SPY, OF_VIXY)
    assert [(str(need.instrument), need.size, need.days) for need in (OF_SPY, OF_VIXY)] == [
        ("SPY", "1 day", 200),
        ("VIXY", "1 day", 30),
    ]


def test_the_series_cross_as_they_are_meant_to() -> None:
    for closes, sign in ((UP, 1), (DOWN, -1)):
        lines = macd(closes)
        before, now = (lines.line[n] - lines.signal[n] for n in (-2, -1))
        assert before * sign <= 0 < now * sign


@pytest.mark.parametrize(
    ("closes", "short_spy", "expected"),
    [
        (UP, True, (Weight(SPY, Decimal(1)), Flat(VIXY))),
        (UP, False, (Weight(SPY, Decimal(1)), Flat(VIXY))),
        (DOWN, True, (Weight(SPY, Decimal(-1)), Weight(VIXY, Decimal(1)))),
        (DOWN, False, (Flat(SPY), Weight(VIXY, Decimal(1)))),
    ],
)
def test_a_cross_up_is_long_spy_and_a_cross_down_is_long_vixy(
    closes: list[float], short_spy: bool, expected: tuple[object, ...]
) -> None:
    assert wants(closes, short_spy=short_spy) == expected


@pytest.mark.parametrize("closes", [RISING, FALLING, [450.0] * 120, [*UP, 401.0], [*DOWN, 499.0]])
def test_without_a_cross_on_the_last_bar_both_are_held(closes: list[float]) -> None:
    assert [type(target) for target in wants(closes)] == [Hold, Hold]


@pytest.mark.parametrize("count", [0, 1, LEAST_BARS - 1])
def test_too_few_bars_are_a_reason_to_hold(count: int) -> None:
    assert [type(target) for target in wants(UP[len(UP) - count :])] == [Hold, Hold]


def test_a_bar_of_vixy_that_is_a_day_behind_is_a_reason_to_hold_both() -> None:
    decision = STRATEGY.decide(given_bars(DOWN, vixy=-1), Parameters())
    assert [type(target) for target in decision.targets] == [Hold, Hold]
    assert "expected VIXY's bar of 2026-06-06, found 2026-06-05" in str(decision.targets[0])


def test_no_bars_at_all_are_a_reason_to_hold() -> None:
    assert [type(target) for target in STRATEGY.decide({}, Parameters()).targets] == [Hold, Hold]


@given(st.lists(st.floats(100, 1000), min_size=LEAST_BARS + 1, max_size=LEAST_BARS + 40))
def test_it_changes_something_exactly_where_the_lines_change_places(closes: list[float]) -> None:
    lines = macd(closes)
    above = [line > signal for line, signal in zip(lines.line, lines.signal, strict=True)]
    below = [line < signal for line, signal in zip(lines.line, lines.signal, strict=True)]
    (was_above, is_above), (was_below, is_below) = [*pairwise(above)][-1], [*pairwise(below)][-1]
    crossed = (is_above and not was_above) or (is_below and not was_below)
    assert (not isinstance(wants(closes)[0], Hold)) == crossed
