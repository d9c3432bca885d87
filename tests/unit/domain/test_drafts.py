"""From wishes to drafts of orders: each refused wish has its code, and what only reduces is never one."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.test_rebalance import quote
from trader.domain.configuration import Configuration, OrderTerms
from trader.domain.configuration_reading import parse
from trader.domain.drafts import Draft, Drafting
from trader.domain.orders import OrderType
from trader.domain.refusal import Refusal
from trader.domain.risk import Bounds, Proposal
from trader.domain.trading_state import TradingState

UNIT = Decimal(100)
NAMES = ("alpha", "beta")
GATE = Refusal(code="market-closed", message="it is closed")
LOCK = Refusal(code="contract-locked", message="it is locked")
MARKET = OrderTerms()
LIMIT = OrderTerms(type=OrderType.LMT, limit_offset_percent=Decimal(2))


def configured(**limits: Any) -> Configuration:
    return parse(
        {
            "account": "DU1",
            "allowedAccounts": ["DU1"],
            "strategies": {
                name: {
                    "enabled": True,
                    "allowedSymbols": ["S1", "S2"],
                    "maxNotional": 100_000,
                    "allowShort": True,
                }
                for name in NAMES
            },
            "limits": {"orderNotional": 100_000, **limits},
        }
    )


def drafting(terms: OrderTerms = MARKET, *, limits: dict[str, Any] | None = None, **given: Any) -> Drafting:
    configuration = configured(**(limits or {}))
    bounds = {name: Bounds(name, configuration, Decimal(0)) for name in NAMES}
    return Drafting(terms, configuration.limits, bounds, **given)


def wish(quantity: int, held: int = 0, strategy: str = "alpha", symbol: str = "S1") -> Proposal:
    return Proposal(strategy, symbol, Decimal(held), Decimal(quantity), UNIT)


def drafted(maker: Drafting, *wishes: Proposal, unit: Decimal = UNIT) -> Draft | None:
    return maker.draft(quote(1, unit), maker.wishes({1: wishes})[1])


def codes(maker: Drafting) -> list[tuple[str, str, int]]:
    return [(one.strategy, one.refusal.code, int(one.quantity)) for one in maker.refused]


def test_wishes_for_one_contract_become_one_draft() -> None:
    maker = drafting()
    draft = drafted(maker, wish(10), wish(-4, strategy="beta"))
    assert draft is not None
    assert draft.quantity == 6
    assert (draft.netted.contributor, draft.opens) == ("alpha", True)
    assert codes(maker) == []


@pytest.mark.parametrize(
    ("state", "wished", "left", "refused"),
    [
        (TradingState.REDUCE_ONLY, wish(10), None, 10),
        (TradingState.REDUCE_ONLY, wish(-4, held=10), -4, 0),
        (TradingState.REDUCE_ONLY, wish(-15, held=10), -10, -5),  # of a reversal the closing is left
        (TradingState.REDUCE_ONLY, wish(5, held=10), None, 5),
        (TradingState.ACTIVE, wish(-15, held=10), -15, 0),
    ],
)
def test_while_only_reducing_is_allowed_what_opens_is_refused_before_netting(
    state: TradingState, wished: Proposal, left: int | None, refused: int
) -> None:
    maker = drafting(state=state)
    draft = drafted(maker, wished)
    assert (draft.quantity if draft else None) == left
    assert sum(one.quantity for one in maker.refused) == refused
    assert {one.refusal.code for one in maker.refused} <= {"reduce-only"}


def test_a_gate_holds_everything_back_and_a_lock_only_what_opens() -> None:
    gated, locked = drafting(gates={1: GATE}), drafting(closed={1: LOCK})
    both = wish(-5, held=10), wish(5, strategy="beta")
    assert drafted(gated, *both) is None
    assert codes(gated) == [("alpha", "market-closed", -5), ("beta", "market-closed", 5)]
    draft = drafted(locked, *both)
    assert draft is not None
    assert draft.netted.rest == {"alpha": -5}, "nothing crosses with what is refused"
    assert codes(locked) == [("beta", "contract-locked", 5)]


def test_an_order_that_is_too_large_loses_what_opens_and_keeps_what_reduces() -> None:
    maker = drafting(limits={"orderNotional": 1000})
    draft = drafted(maker, wish(30), wish(-5, held=8, strategy="beta"))
    assert draft is not None
    assert draft.netted.rest == {"beta": -5}
    assert codes(maker) == [("alpha", "order-notional", 30)]


def test_a_limit_price_beyond_the_collar_is_refused() -> None:
    maker = drafting(LIMIT, limits={"priceCollarPercent": 1})
    assert drafted(maker, wish(5)) is None
    assert codes(maker) == [("alpha", "price-collar", 5)]
    assert drafted(drafting(LIMIT), wish(5)) is not None


def test_a_limit_price_is_moved_to_be_filled_and_what_crosses_needs_none() -> None:
    bought, crossed = (
        drafted(drafting(LIMIT), wish(5)),
        drafted(drafting(LIMIT), wish(5), wish(-5, 0, "beta")),
    )
    assert bought is not None
    assert bought.limit == 102
    assert crossed is not None
    assert crossed.limit is None
    assert crossed.quantity == 0


def test_what_a_strategy_gives_up_makes_room_for_what_it_takes_whatever_the_order() -> None:
    configuration = configured()
    maker = Drafting(MARKET, configuration.limits, {"alpha": Bounds("alpha", configuration, Decimal(90_000))})
    sold, bought = wish(-900, held=900, symbol="S2"), wish(900)
    assert set(maker.wishes({1: [bought], 2: [sold]})[1]) == {bought}
    assert codes(maker) == []


@pytest.mark.parametrize(
    ("position", "left", "refused"), [(10, -10, 0), (6, -6, -4), (0, None, -10), (-3, None, -10)]
)
def test_closing_ones_holding_may_reach_no_further_than_the_brokers_position(
    position: int, left: int | None, refused: int
) -> None:
    maker = drafting()
    draft = drafted(maker, wish(-6, held=6), wish(-4, held=4, strategy="beta"))
    assert draft is not None
    found = maker.within_position(draft, Decimal(position))
    assert (found.quantity if found else None) == left
    assert sum(one.quantity for one in maker.refused) == refused


proposals = st.lists(
    st.builds(wish, st.integers(-900, 900).filter(bool), st.integers(-900, 900), st.sampled_from(NAMES)),
    min_size=1,
    max_size=2,
    unique_by=lambda found: found.strategy,
)


@given(proposals, st.sampled_from(TradingState), st.sampled_from([1, 1000, 100_000]))
def test_whatever_is_wished_is_drafted_or_refused_and_reducing_always_goes(
    wished: list[Proposal], state: TradingState, order_notional: int
) -> None:
    maker = drafting(state=state, limits={"orderNotional": order_notional})
    draft = drafted(maker, *wished)
    going = {one.strategy: one.quantity for one in draft.wishes} if draft else {}
    for one in wished:
        refused = {found.quantity for found in maker.refused if found.strategy == one.strategy}
        assert going.get(one.strategy, Decimal(0)) + sum(refused) == one.quantity
        if one.only_reduces:
            assert going[one.strategy] == one.quantity
    if state is not TradingState.ACTIVE and draft:
        assert not draft.opens
