"""MACD against hand-computed values, an independent formula, and what must hold for any prices."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trader.domain.indicators import exponential_average, macd

prices = st.floats(min_value=0.01, max_value=100_000)
closes = st.lists(prices, min_size=1, max_size=120)


def weighted(values: NDArray[np.float64], period: int) -> NDArray[np.float64]:
    """The same average in closed form: a matrix of weights, the first value's being what the others leave."""
    a = 2 / (period + 1)
    age = np.subtract.outer(np.arange(len(values)), np.arange(len(values)))
    weights = np.where(age >= 0, a * (1 - a) ** np.maximum(age, 0), 0.0)
    weights[:, 0] = (1 - a) ** np.arange(len(values))
    return np.asarray(weights @ values)


def test_an_average_starts_with_the_first_value_and_moves_by_hand_computed_steps() -> None:
    assert exponential_average([10.0, 16.0, 10.0], 2) == pytest.approx((10.0, 14.0, 34 / 3))


def test_macd_of_a_step_is_as_computed_by_hand() -> None:
    lines = macd([100.0, 113.5])
    fast, slow = 100 + 13.5 * 2 / 13, 100 + 13.5 * 2 / 27
    assert lines.line == pytest.approx((0.0, fast - slow))
    assert lines.signal == pytest.approx((0.0, (fast - slow) / 5))


@given(closes)
def test_macd_agrees_with_the_closed_form(values: list[float]) -> None:
    x = np.array(values)
    line = weighted(x, 12) - weighted(x, 26)
    found = macd(values)
    scale = max(values)
    assert np.allclose(found.line, line, rtol=0, atol=1e-9 * scale)
    assert np.allclose(found.signal, weighted(line, 9), rtol=0, atol=1e-9 * scale)


@given(closes, st.floats(min_value=-1000, max_value=1000))
def test_adding_to_every_price_changes_nothing(values: list[float], shift: float) -> None:
    moved = macd([value + shift for value in values])
    scale = max(*values, abs(shift), 1)
    assert np.allclose(moved.line, macd(values).line, rtol=0, atol=1e-9 * scale)


@given(closes, st.floats(min_value=0.01, max_value=100))
def test_macd_is_as_large_as_the_prices_are(values: list[float], factor: float) -> None:
    scaled = macd([value * factor for value in values])
    plain = macd(values)
    tolerance = 1e-9 * max(values) * factor
    assert np.allclose(scaled.line, np.array(plain.line) * factor, rtol=0, atol=tolerance)
    assert np.allclose(scaled.signal, np.array(plain.signal) * factor, rtol=0, atol=tolerance)


@given(prices, st.integers(min_value=1, max_value=200))
def test_a_price_that_does_not_move_has_no_macd_at_all(price: float, count: int) -> None:
    lines = macd([price] * count)
    assert set(lines.line) == set(lines.signal) == {0.0}


@given(closes, st.integers(min_value=1, max_value=50))
def test_an_average_has_one_value_for_each_and_stays_among_them(values: list[float], period: int) -> None:
    average = exponential_average(values, period)
    assert len(average) == len(values)
    slack = 1e-9 * max(values)
    assert all(min(values) - slack <= value <= max(values) + slack for value in average)


def test_a_value_that_is_no_number_is_not_hidden() -> None:
    assert math.isnan(macd([1.0, math.nan, 1.0]).signal[-1])


def test_a_period_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, found 0"):
        exponential_average([1.0], 0)


def test_no_prices_have_no_macd() -> None:
    assert macd([]).line == ()
