"""The broker's numbers: three ways of saying "none", none of which may get through."""

import math
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.adapters.ib.numbers import decimal, from_text, number, price


@pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf, sys.float_info.max, -sys.float_info.max])
def test_a_number_that_was_not_sent_is_none(nothing: float) -> None:
    assert decimal(nothing) is None
    assert price(nothing) is None
    assert from_text(str(nothing)) is None
    with pytest.raises(ValueError, match="expected a number"):
        number(nothing)


@pytest.mark.parametrize("nothing", [0.0, -1.0, -0.01])
def test_zero_and_minus_one_are_no_prices(nothing: float) -> None:
    assert price(nothing) is None


def test_a_number_is_what_a_person_would_write() -> None:
    assert str(decimal(100.0)) == "100"
    assert str(decimal(0.1)) == "0.1"
    assert price(671.35) == Decimal("671.35")


@given(st.floats(allow_nan=False, allow_infinity=False, max_value=1e300, min_value=-1e300))
def test_every_finite_number_keeps_its_value(value: float) -> None:
    found = decimal(value)

    assert found is not None
    assert float(found) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_an_amount_written_as_text_is_read_exactly(amount: Decimal) -> None:
    assert from_text(str(amount)) == amount


@pytest.mark.parametrize("text", ["", "INDIVIDUAL", "true", "1,000"])
def test_a_value_that_is_no_number_is_none(text: str) -> None:
    assert from_text(text) is None
