"""European options without dividends: prices and their derivatives (Black and Scholes 1973)."""

from dataclasses import dataclass
from math import erf, exp, log, pi, sqrt

_LEAST = 1e-9  # of a price, a volatility and a time: all three have logarithms or divide


@dataclass(frozen=True, slots=True)
class Terms:
    """An option: strike, years left, annual volatility and interest, whether it is a call."""

    strike: float
    years: float
    volatility: float
    rate: float
    is_call: bool


@dataclass(frozen=True, slots=True)
class Greeks:
    """A price and its derivatives: to the underlying (twice), to a point of volatility, to a day."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float


def price(spot: float, terms: Terms) -> float:
    """What it is worth; it grows with the spot for a call, and falls for a put."""
    first, second = _ds(spot, terms)
    owed = terms.strike * exp(-terms.rate * terms.years)
    if terms.is_call:
        return max(spot * _below(first) - owed * _below(second), _LEAST)
    return max(owed * _below(-second) - spot * _below(-first), _LEAST)


def greeks(spot: float, terms: Terms) -> Greeks:
    """The price and what it depends on, in IB's units."""
    first, second = _ds(spot, terms)
    root = sqrt(max(terms.years, _LEAST))
    density = exp(-first * first / 2) / sqrt(2 * pi)
    sign = 1 if terms.is_call else -1
    owed = terms.strike * exp(-terms.rate * terms.years)
    decay = spot * density * terms.volatility / (2 * root) + sign * terms.rate * owed * _below(sign * second)
    return Greeks(
        price=price(spot, terms),
        delta=sign * _below(sign * first),
        gamma=density / (spot * max(terms.volatility, _LEAST) * root),
        vega=spot * density * root / 100,
        theta=-decay / 365,
    )


def _ds(spot: float, terms: Terms) -> tuple[float, float]:
    sd = max(terms.volatility, _LEAST) * sqrt(max(terms.years, _LEAST))
    first = (log(spot / terms.strike) + terms.rate * terms.years) / sd + sd / 2
    return first, first - sd


def _below(z: float) -> float:
    """How likely a normal number is below z."""
    return (1 + erf(z / sqrt(2))) / 2
