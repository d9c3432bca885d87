"""What one strategy is held to: each limit is a code, all are told, and none keeps a position open."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from trader.domain.configuration import Configuration
from trader.domain.configuration_reading import overlay, parse
from trader.domain.configuration_sample import sample
from trader.domain.refusal import Refusal
from trader.domain.risk import Bounds, Proposal

quantities = st.integers(-100_000, 100_000).map(Decimal)


def configured(**strategy: JsonValue) -> Configuration:
    """Return the sample: SPY, 50,000 a strategy, 100,000 an order, with the strategy's keys changed."""
    return parse(overlay(sample("DU1"), {"strategies": {"testsignalgenerator": strategy}}))


def proposal(
    quantity: int, *, held: int = 0, symbol: str = "SPY", strategy: str = "testsignalgenerator"
) -> Proposal:
    return Proposal(strategy, symbol, Decimal(held), Decimal(quantity), unit_value=Decimal(450))


def refusals(proposed: Proposal, configuration: Configuration) -> tuple[Refusal, ...]:
    """Return why ``proposed`` may not go, by a strategy that holds nothing else."""
    invested = abs(proposed.held) * proposed.unit_value
    bounds = Bounds(proposed.strategy, configuration, invested)
    return () if proposed.only_reduces else bounds.open(proposed)


def codes(proposed: Proposal, configuration: Configuration) -> list[str]:
    return [refusal.code for refusal in refusals(proposed, configuration)]


@pytest.mark.parametrize(
    ("proposed", "expected"),
    [
        (proposal(100), []),
        (proposal(-100), []),
        (proposal(-200, held=100), []),  # from long to short: 90,000, below the order limit
        (proposal(111), []),
        (proposal(112), ["strategy-notional"]),  # 50,400
        (proposal(12, held=100), ["strategy-notional"]),  # what is held already counts
        (proposal(-223, held=112), []),  # 49,950 held afterwards, of the other side
        (proposal(-224, held=112), ["strategy-notional"]),
        (proposal(1, symbol="QQQ"), ["symbol-not-allowed"]),
        (proposal(1, strategy="spymacdvixy"), ["strategy-not-configured"]),
    ],
)
def test_an_order_is_held_to_the_limits(proposed: Proposal, expected: list[str]) -> None:
    assert codes(proposed, configured()) == expected


def test_a_limit_itself_is_still_allowed() -> None:
    assert codes(proposal(100), configured(maxNotional=45_000)) == []
    assert codes(proposal(100), configured(maxNotional=44_999)) == ["strategy-notional"]


def test_a_strategy_that_is_switched_off_opens_nothing() -> None:
    assert codes(proposal(1), configured(enabled=False)) == ["strategy-disabled"]


def test_shorting_that_is_off_is_refused_also_as_the_rest_of_a_reversal() -> None:
    long_only = configured(allowShort=False)
    assert codes(proposal(-1), long_only) == ["short-not-allowed"]
    assert codes(proposal(-101, held=100), long_only) == ["short-not-allowed"]
    assert codes(proposal(-100, held=100), long_only) == []


def test_every_refusal_is_told_at_once_with_what_was_expected_and_found() -> None:
    strict = configured(enabled=False, allowedSymbols=["QQQ"], maxNotional=1, allowShort=False)
    found = refusals(proposal(-300), strict)
    assert [refusal.code for refusal in found] == [
        "strategy-disabled",
        "symbol-not-allowed",
        "short-not-allowed",
        "strategy-notional",
    ]
    assert found[3].message == (
        "expected at most strategies.testsignalgenerator.maxNotional 1, "
        "found 135000.00; this order isn't sent"
    )
    assert all("expected" in refusal.message for refusal in found)


def test_what_a_strategy_holds_elsewhere_counts_and_what_it_gives_up_makes_room() -> None:
    bounds = Bounds("testsignalgenerator", configured(), Decimal(45_000))
    bought = proposal(100)
    assert [refusal.code for refusal in bounds.open(bought)] == ["strategy-notional"]
    bounds.reduce(proposal(-100, held=100))
    assert bounds.open(bought) == ()
    assert [refusal.code for refusal in bounds.open(proposal(12))] == ["strategy-notional"]


def test_a_strategy_whose_holdings_nobody_can_value_opens_nothing() -> None:
    unknown = Refusal(code="strategy-notional", message="nobody knows")
    assert Bounds("testsignalgenerator", configured(), unknown).open(proposal(1)) == (unknown,)


@given(quantities.filter(bool), st.integers(1, 100))
def test_closing_is_never_refused(held: Decimal, percent: int) -> None:
    closing = -(held * percent / 100).to_integral_value(rounding="ROUND_UP")
    refused_everything = configured(enabled=False, allowedSymbols=["QQQ"], maxNotional=1, allowShort=False)
    order = Proposal("testsignalgenerator", "SPY", held, closing, unit_value=Decimal(450))
    assert refusals(order, refused_everything) == ()


@given(quantities, quantities)
def test_an_order_only_reduces_if_less_of_the_same_side_is_left(held: Decimal, quantity: Decimal) -> None:
    order = Proposal("x", "SPY", held, quantity, unit_value=Decimal(1))
    assert order.only_reduces == (held != 0 and 0 <= order.after / held < 1)


@given(quantities, quantities)
def test_what_of_a_change_only_reduces_never_passes_zero(held: Decimal, quantity: Decimal) -> None:
    reducing = Proposal("x", "SPY", held, quantity, unit_value=Decimal(1)).reducing()
    assert reducing.quantity == 0 or reducing.only_reduces
    assert abs(reducing.quantity) <= abs(quantity)
    assert reducing.after * held >= 0
