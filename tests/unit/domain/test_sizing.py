"""From weight and capital to an order: exact, never above the capital, nothing left to do the second time."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.instruments import Stock
from trader.domain.sizing import capital, limit_price, target_quantity, unit_value
from trader.domain.targets import Flat, Weight

SPY = Stock("SPY")
ONE = Decimal(1)


def decimals(least: str, most: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(least), Decimal(most), places=places, allow_nan=False, allow_infinity=False)


money = decimals("0", "1000000000", 2)
prices = decimals("0.0001", "1000000", 4)
rates = decimals("0.000001", "200", 6)
multipliers = st.sampled_from([Decimal(1), Decimal(5), Decimal(50), Decimal(100)])
weights = decimals("-1", "1", 4).filter(bool)
quantities = st.integers(-10_000_000, 10_000_000).map(Decimal)


def sized(weight: str, capital_: str, price: str) -> Decimal:
    unit = unit_value(Decimal(price), ONE, ONE)
    return target_quantity(Weight(SPY, Decimal(weight)), Decimal(capital_), unit)


def test_the_worked_example() -> None:
    available = capital(Decimal(100_000), Decimal("0.9"), Decimal("0.5"))
    assert available == 45_000
    assert sized("-0.5", str(available), "450") == -50


@pytest.mark.parametrize(
    ("weight", "capital_", "price", "expected"),
    [
        ("1", "45000", "450.01", "99"),
        ("-1", "45000", "450.01", "-99"),  # toward zero, not down
        ("1", "449.99", "450", "0"),
        ("-1", "449.99", "450", "0"),
        ("1", "0", "450", "0"),
        ("1", "300", "0.1", "3000"),
    ],
)
def test_quantities_are_whole_and_rounded_toward_zero(
    weight: str, capital_: str, price: str, expected: str
) -> None:
    assert str(sized(weight, capital_, price)) == expected


def test_a_contracts_multiplier_and_currency_count() -> None:
    unit = unit_value(Decimal(5000), Decimal(50), Decimal("0.92"))
    assert unit == 230_000
    assert target_quantity(Weight(SPY, ONE), Decimal(500_000), unit) == 2


def test_flat_is_nothing_whatever_the_capital() -> None:
    assert target_quantity(Flat(SPY), Decimal(45_000), Decimal(450)) == 0


def test_an_account_in_debt_has_no_capital_rather_than_the_opposite_side() -> None:
    assert capital(Decimal(-100_000), Decimal("0.9"), Decimal("0.5")) == 0


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "Infinity"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_price_that_the_gate_should_have_refused_sizes_nothing(bad: str, position: int) -> None:
    factors = [ONE, ONE, ONE]
    factors[position] = Decimal(bad)
    with pytest.raises(ValueError, match="the data gate comes first"):
        unit_value(*factors)


@given(weights, money, prices, multipliers, rates)
def test_rounding_never_exceeds_the_capital_and_leaves_less_than_a_unit(
    weight: Decimal, available: Decimal, price: Decimal, multiplier: Decimal, fx: Decimal
) -> None:
    unit = unit_value(price, multiplier, fx)
    quantity = target_quantity(Weight(SPY, weight), available, unit)
    wanted = abs(weight) * available
    assert quantity == quantity.to_integral_value()
    assert abs(quantity) * unit <= wanted
    assert wanted < (abs(quantity) + 1) * unit
    assert quantity * weight >= 0


@given(weights, money, prices)
def test_long_and_short_are_each_others_mirror(weight: Decimal, available: Decimal, price: Decimal) -> None:
    one_side = target_quantity(Weight(SPY, weight), available, price)
    other_side = target_quantity(Weight(SPY, -weight), available, price)
    assert one_side == -other_side


@pytest.mark.parametrize(
    ("price", "quantity", "tick", "expected"),
    [
        ("450", 1, "0.01", "450.45"),
        ("450", -1, "0.01", "449.55"),
        ("450.33", 1, "0.01", "450.79"),  # 450.78033 up
        ("450.33", -1, "0.01", "449.87"),  # 449.87967 down
        ("450.33", 1, "0.25", "451.00"),
        ("450.33", -1, "0.25", "449.75"),
        ("0.0001", -1, "0.01", "0.01"),
    ],
)
def test_a_limit_price_is_moved_to_be_filled_and_lies_on_a_tick(
    price: str, quantity: int, tick: str, expected: str
) -> None:
    found = limit_price(Decimal(price), Decimal(quantity), Decimal("0.1"), Decimal(tick))
    assert found == Decimal(expected)


@given(prices, decimals("0", "50", 2), st.sampled_from(["0.0001", "0.00005", "0.01", "0.05", "0.25"]))
def test_a_limit_price_never_lies_on_the_wrong_side_of_the_price(
    price: Decimal, offset: Decimal, tick: str
) -> None:
    step = Decimal(tick)
    buy, sale = (limit_price(price, Decimal(q), offset, step) for q in (1, -1))
    assert price * (1 + offset / 100) <= buy < price * (1 + offset / 100) + step
    assert sale == step or price * (1 - offset / 100) - step < sale <= price * (1 - offset / 100)
    assert buy % step == sale % step == 0


@pytest.mark.parametrize(("quantity", "tick"), [("0", "0.01"), ("1", "0"), ("1", "-0.01")])
def test_a_limit_price_of_no_order_or_no_tick_is_refused(quantity: str, tick: str) -> None:
    with pytest.raises(ValueError, match="expected a quantity other than 0 and a tick above 0"):
        limit_price(Decimal(450), Decimal(quantity), ONE, Decimal(tick))
