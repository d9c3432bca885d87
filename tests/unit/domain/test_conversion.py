"""Cash in other currencies: which pair, which side, how much of it, and what keeps it back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.market import contract
from tests.support.orders import record
from trader.domain.configuration_reading import parse
from trader.domain.configuration_sample import sample
from trader.domain.conversion import (
    Balance,
    conversion_quantity,
    conversion_refusals,
    conversions_on,
    foreign_balances,
    held_by_strategies,
    under_way,
    unsettled,
)
from trader.domain.errors import GatewayNotReady
from trader.domain.instruments import Contract
from trader.domain.ledger import CASH, EXTERNAL, BookedFill, crossing_fills
from trader.domain.orders import OrderContract, OrderState
from trader.domain.portfolio import Account, AccountValue, Fill

LIMITS = parse(sample("DU1")).limits
NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)


def pair(name: str, lot: str = "1") -> Contract:
    first, _, second = name.partition(".")
    return replace(
        contract(),
        con_id=12,
        symbol=first,
        currency=second,
        local_symbol=name,
        sec_type="CASH",
        lot=Decimal(lot),
    )


def balance(currency: str, amount: str) -> Balance:
    return Balance(currency, Decimal(amount), Decimal(amount))


def account(base: str, *values: tuple[str, str, str]) -> Account:
    lines = tuple(AccountValue(name=n, value=Decimal(v), currency=c) for n, v, c in values)
    return Account(id="DU1", base_currency=base, values=lines)


@pytest.mark.parametrize(
    ("name", "currency", "amount", "price", "expected"),
    [
        ("EUR.USD", "EUR", "1234.99", "1.1", "-1234"),  # euros of a dollar account are sold
        ("EUR.USD", "EUR", "-1234.99", "1.1", "1234"),  # borrowed ones are bought
        ("USD.JPY", "JPY", "300000", "150", "2000"),  # yen of a dollar account buy dollars
        ("USD.JPY", "JPY", "-300149", "150", "-2000"),
        ("EUR.USD", "USD", "1100.99", "1.1", "1000"),  # dollars of a euro account buy euros
        ("EUR.USD", "USD", "-1100.99", "1.1", "-1000"),
        ("USD.HKD", "USD", "99.9", "7.8", "-99"),  # dollars of a Hong Kong account are sold
        ("EUR.USD", "EUR", "0.99", "1.1", "0"),
        ("EUR.USD", "EUR", "-0.99", "1.1", "0"),
    ],
)
def test_the_side_is_that_of_the_listed_pair(
    name: str, currency: str, amount: str, price: str, expected: str
) -> None:
    quantity = conversion_quantity(balance(currency, amount), pair(name), Decimal(price))
    assert (quantity, str(quantity)) == (Decimal(expected), expected)


amounts = st.decimals(-(10**9), 10**9, places=2)
prices = st.decimals("0.0001", 1000, places=5)
lots = st.sampled_from(["0.01", "1", "100", "25000"])


@given(amounts, prices, lots)
def test_never_more_is_converted_than_there_is_and_less_than_a_lot_is_left(
    amount: Decimal, price: Decimal, lot: str
) -> None:
    sold = conversion_quantity(Balance("EUR", amount, amount), pair("EUR.USD", lot), price)
    assert abs(sold) <= abs(amount)
    assert abs(amount) - abs(sold) < Decimal(lot)
    assert sold * amount <= 0
    bought = conversion_quantity(Balance("JPY", amount, amount), pair("USD.JPY", lot), price)
    assert abs(bought) * price <= abs(amount)
    assert abs(amount) - abs(bought) * price < price * Decimal(lot)
    assert bought * amount >= 0
    assert sold % Decimal(lot) == bought % Decimal(lot) == 0


def test_balances_are_those_of_other_currencies_the_most_valuable_first() -> None:
    found = foreign_balances(
        account(
            "EUR",
            ("CashBalance", "5000", "EUR"),
            ("CashBalance", "5700", "BASE"),
            ("CashBalance", "100", "USD"),
            ("ExchangeRate", "0.9", "USD"),
            ("CashBalance", "-8000", "HKD"),
            ("ExchangeRate", "0.11", "HKD"),
            ("CashBalance", "0", "CHF"),
        )
    )
    assert [(b.currency, b.value) for b in found] == [("HKD", Decimal(-880)), ("USD", Decimal(90))]


def test_a_rate_that_is_missing_is_waited_for() -> None:
    with pytest.raises(GatewayNotReady, match="ExchangeRate in USD"):
        foreign_balances(account("EUR", ("CashBalance", "1", "USD")))


def test_each_limit_has_its_code() -> None:
    def codes(quantity: str, unit: str, left: int) -> list[str]:
        found = conversion_refusals(
            Decimal(quantity), Decimal(unit), pair("EUR.USD"), LIMITS, left_today=left
        )
        return [refusal.code for refusal in found]

    assert codes("-90000", "1.1", 1) == []
    assert codes("-90910", "1.1", 1) == ["order-notional"]
    assert codes("5", "1.1", 0) == ["conversions-per-day"]
    assert codes("0", "1.1", 0) == ["below-lot"]


def test_conversions_are_counted_by_the_exchanges_date_and_only_those_that_went() -> None:
    night = datetime(2026, 11, 24, 4, 30, tzinfo=UTC)  # half past eleven of the 23rd in New York
    orders = [
        record(wanted={CASH: 5}, planned_at=NOON).at(OrderState.FILLED),
        record(wanted={CASH: 5}, planned_at=night).at(OrderState.WORKING),
        record(wanted={CASH: 5}, planned_at=NOON).at(OrderState.UNSENT),
        record(wanted={"alpha": 5}, planned_at=NOON).at(OrderState.FILLED),
    ]
    assert conversions_on(orders, NOON) == 2
    assert conversions_on(orders, NOON + timedelta(days=1)) == 0


def booked(instrument: str, quantity: int, owner: str = CASH) -> BookedFill:
    """Return a fill at noon in EUR.USD, which is booked under that name or under EUR alone."""
    return BookedFill(
        stem=f"{owner}{quantity}",
        exec_id=f"{owner}{quantity}.01",
        order="i0",
        con_id=12,
        instrument=instrument,
        sec_type="CASH",
        currency="USD",
        quantity=Decimal(quantity),
        price=Decimal(1),
        at=NOON,
        shares={owner: Decimal(quantity)},
    )


def told() -> Fill:
    """Return the broker's report of such a fill, which nobody has booked."""
    return Fill(
        exec_id="1.01",
        order_id=1,
        perm_id=1,
        client_id=0,
        reference="",
        con_id=12,
        symbol="EUR",
        sec_type="CASH",
        currency="USD",
        quantity=Decimal(5),
        price=Decimal(1),
        at=NOON,
        commission=None,
        commission_currency=None,
    )


@pytest.mark.parametrize(
    "fill",
    [booked("EUR.USD", 5), booked("EUR", 5, EXTERNAL), booked("EUR.USD", 5, "alpha"), told()],
    ids=["converted", "by hand", "a strategy's", "not booked"],
)
@pytest.mark.parametrize("currency", ["EUR", "USD"])
def test_after_any_fill_in_a_pair_both_its_balances_are_given_time_to_be_told(
    fill: BookedFill | Fill, currency: str
) -> None:
    soon = unsettled(currency, [fill], NOON + timedelta(seconds=299))
    assert soon is not None
    assert soon.code == "just-converted"
    assert unsettled(currency, [fill], NOON + timedelta(minutes=5)) is None
    assert unsettled("GBP", [fill], NOON) is None
    assert unsettled(currency, [fill.model_copy(update={"sec_type": "STK"})], NOON) is None


@pytest.mark.parametrize("currency", ["EUR", "USD"])
def test_an_open_order_in_a_pair_keeps_both_its_balances_back(currency: str) -> None:
    order = OrderContract.of(pair("EUR.USD"))
    refusal = under_way(currency, [order, order])
    assert refusal is not None
    assert (refusal.code, "found one in EUR.USD;" in refusal.message) == ("under-way", True)
    assert under_way("GBP", [order]) is None
    assert under_way(currency, [order.model_copy(update={"sec_type": "STK"})]) is None


@pytest.mark.parametrize("currency", ["EUR", "USD"])
def test_what_a_strategy_holds_of_a_pair_keeps_both_its_balances_back(currency: str) -> None:
    fills = [booked("EUR.USD", 5, "beta"), booked("EUR.USD", -5, "alpha"), booked("EUR", 3, EXTERNAL)]
    refusal = held_by_strategies(currency, fills)
    assert refusal is not None
    assert (refusal.code, "found alpha, beta;" in refusal.message) == ("held-by-strategy", True)
    assert held_by_strategies("GBP", fills) is None
    assert held_by_strategies(currency, [*fills[:2], booked("EUR.USD", -5, "beta")]) is not None
    assert held_by_strategies(currency, fills[2:]) is None, "what was converted by hand is cash"


def test_what_a_strategy_has_sold_again_or_given_to_another_inside_is_not_held() -> None:
    fills = [booked("EUR.USD", 5, "alpha"), booked("EUR.USD", -4, "alpha")]
    given = crossing_fills(
        "run/12",
        OrderContract.of(pair("EUR.USD")),
        {"alpha": Decimal(-1), "beta": Decimal(1)},
        Decimal(1),
        NOON,
    )
    held = held_by_strategies("EUR", [*fills, *given])
    assert held is not None
    assert "found beta;" in held.message
    assert held_by_strategies("EUR", [*fills, *given, booked("EUR.USD", -1, "beta")]) is None
