"""Pairs are asked for the way round that they are listed."""

import pytest

from trader.domain.currencies import PRECEDENCE, listed_pair
from trader.domain.instruments import Forex


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("EUR", "USD", Forex("EUR", "USD")),
        ("USD", "EUR", Forex("EUR", "USD")),
        ("HKD", "USD", Forex("USD", "HKD")),
        ("JPY", "GBP", Forex("GBP", "JPY")),
        ("USD", "MXN", Forex("USD", "MXN")),
        ("ZAR", "MXN", Forex("MXN", "ZAR")),
    ],
)
def test_the_market_has_one_way_round(one: str, other: str, expected: Forex) -> None:
    assert listed_pair(one, other) == listed_pair(other, one) == expected


def test_each_currency_has_one_place() -> None:
    assert len(set(PRECEDENCE)) == len(PRECEDENCE)
