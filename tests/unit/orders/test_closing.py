"""Closing a position takes from each owner what it holds there, and never turns the position round."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.closing import closing_parts, reducible
from trader.domain.ledger import EXTERNAL

quantities = st.integers(-1000, 1000).map(Decimal)
owners = st.dictionaries(st.sampled_from(("alpha", "beta", "gamma", EXTERNAL)), quantities, max_size=4)


@given(quantities, owners)
def test_the_parts_close_the_position_exactly(position: Decimal, held: Mapping[str, Decimal]) -> None:
    parts = closing_parts(position, held)
    assert sum(parts.values(), Decimal(0)) == -position
    assert all(part * position < 0 for part in parts.values()), "no part opens anything"


@given(quantities, owners)
def test_no_strategy_gives_up_more_than_it_holds(position: Decimal, held: Mapping[str, Decimal]) -> None:
    for owner, part in closing_parts(position, held).items():
        if owner != EXTERNAL:
            assert abs(part) <= abs(held[owner])
            assert part * held[owner] < 0


@given(quantities, owners)
def test_books_that_agree_are_closed_to_nothing_where_no_owner_stands_on_the_other_side(
    position: Decimal, held: Mapping[str, Decimal]
) -> None:
    one_side = {owner: abs(quantity).copy_sign(position) for owner, quantity in held.items()}
    whole = sum(one_side.values(), Decimal(0))
    parts = closing_parts(whole, one_side)
    assert {
        owner: quantity + parts.get(owner, Decimal(0)) for owner, quantity in one_side.items()
    } == dict.fromkeys(one_side, Decimal(0))


@pytest.mark.parametrize(
    ("position", "held", "parts"),
    [
        (10, {}, {EXTERNAL: -10}),
        (10, {"alpha": 10}, {"alpha": -10}),
        (10, {"alpha": 4}, {"alpha": -4, EXTERNAL: -6}),
        (10, {"alpha": 4, EXTERNAL: 3}, {"alpha": -4, EXTERNAL: -6}),
        (10, {"alpha": 15, "beta": 5}, {"alpha": -8, "beta": -2}),
        (-10, {"alpha": -10}, {"alpha": 10}),
        (-10, {"alpha": 10}, {EXTERNAL: 10}),
        (0, {"alpha": 10}, {}),
    ],
)
def test_what_nobody_owns_is_closed_for_nobody(
    position: int, held: Mapping[str, int], parts: Mapping[str, int]
) -> None:
    found = closing_parts(Decimal(position), {owner: Decimal(part) for owner, part in held.items()})
    assert found == parts


@given(quantities, quantities)
def test_an_order_that_is_cut_to_what_reduces_never_turns_the_position_round(
    position: Decimal, wanted: Decimal
) -> None:
    cut = reducible(position, wanted)
    after = position + cut
    assert after * position >= 0
    assert abs(after) <= abs(position)
    assert abs(cut) <= abs(wanted)
    assert cut * wanted >= 0


@given(quantities, quantities)
def test_an_order_that_only_reduces_is_not_cut(position: Decimal, wanted: Decimal) -> None:
    if position * wanted < 0 and abs(wanted) <= abs(position):
        assert reducible(position, wanted) == wanted
