"""Indicators of technical analysis, on floats: they decide a direction, never an amount."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


def exponential_average(values: Sequence[float], period: int) -> tuple[float, ...]:
    """Return ``e[0] = x[0]; e[i] = a*x[i] + (1-a)*e[i-1]`` with ``a = 2/(period+1)``.

    This is pandas' ``ewm(span=period, adjust=False).mean()``: seeded by the first value, so that there is
    one for each input. TA-Lib and others seed with a simple average of the first ``period`` values.
    """
    if period < 1:
        raise ValueError(f"expected a period of at least 1, found {period}")
    a = 2 / (period + 1)
    # Written as a step towards the value: a price that doesn't move has exactly itself as its average.
    return tuple(accumulate(values, lambda average, value: average + a * (value - average)))


@dataclass(frozen=True, slots=True)
class Macd:
    """The MACD line and its signal line, one value of each for every close."""

    line: tuple[float, ...]
    signal: tuple[float, ...]


def macd(closes: Sequence[float], *, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Return the moving average convergence divergence (G. Appel): fast average minus slow, and its own."""
    averages = zip(exponential_average(closes, fast), exponential_average(closes, slow), strict=True)
    line = tuple(quick - slow_ for quick, slow_ in averages)
    return Macd(line, exponential_average(line, signal))
