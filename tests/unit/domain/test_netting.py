"""Netting: opposite wishes cross inside, and nobody gets more or less than was wished for."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.netting import NET, net

whole = st.integers(-10_000, 10_000).map(Decimal).filter(bool)
wishes = st.dictionaries(st.sampled_from("abcdefgh"), whole, max_size=8)
fractional = st.dictionaries(st.sampled_from("abcdefgh"), whole.map(lambda units: units / 8), max_size=8)


def quantities(given_: dict[str, int]) -> dict[str, Decimal]:
    return {name: Decimal(quantity) for name, quantity in given_.items()}


@pytest.mark.parametrize(
    ("wished", "crossed", "rest"),
    [
        ({}, {}, {}),
        ({"a": 10}, {}, {"a": 10}),
        ({"a": 10, "b": 5}, {}, {"a": 10, "b": 5}),
        ({"a": 10, "b": -10}, {"a": 10, "b": -10}, {}),
        ({"a": 100, "b": -30}, {"a": 30, "b": -30}, {"a": 70}),
        ({"a": 100, "b": -30, "c": 50}, {"a": 20, "b": -30, "c": 10}, {"a": 80, "c": 40}),
        ({"a": 1, "b": 1, "c": -1}, {"a": 1, "c": -1}, {"b": 1}),  # whole units; the tie goes by name
        ({"a": -3, "b": -3, "c": 5}, {"a": -3, "b": -2, "c": 5}, {"b": -1}),
    ],
)
def test_opposite_wishes_cross_and_the_rest_of_one_side_goes_out(
    wished: dict[str, int], crossed: dict[str, int], rest: dict[str, int]
) -> None:
    found = net(quantities(wished))
    assert (found.crossed, found.rest) == (quantities(crossed), quantities(rest))


@given(st.one_of(wishes, fractional))
def test_netting_conserves_each_strategys_quantity(wished: dict[str, Decimal]) -> None:
    found = net(wished)
    zero = Decimal(0)
    assert {name: found.crossed.get(name, zero) + found.rest.get(name, zero) for name in wished} == wished


@given(fractional)
def test_of_fractions_too_nobody_is_turned_round(wished: dict[str, Decimal]) -> None:
    found = net(wished)
    parts = [*found.crossed.items(), *found.rest.items()]
    assert all(part * wished[name] > 0 for name, part in parts)
    assert found.quantity == sum(wished.values())


@given(wishes)
def test_what_crosses_sums_to_nothing_and_what_goes_out_has_one_side(wished: dict[str, Decimal]) -> None:
    found = net(wished)
    assert sum(found.crossed.values()) == 0
    assert len({part > 0 for part in found.rest.values()}) <= 1
    assert found.quantity == sum(wished.values())
    parts = [*found.crossed.items(), *found.rest.items()]
    assert all(part == int(part) and part * wished[name] > 0 for name, part in parts)


@given(wishes)
def test_the_order_of_wishing_does_not_matter(wished: dict[str, Decimal]) -> None:
    assert net(dict(reversed(wished.items()))) == net(wished)


def test_an_order_of_several_is_the_contributor_nets_and_one_of_one_is_its_own() -> None:
    assert net(quantities({"a": 1, "b": 2})).contributor == NET
    assert net(quantities({"a": 3, "b": -2})).contributor == "a"
    assert net(quantities({"a": 2, "b": -2})).contributor is None
