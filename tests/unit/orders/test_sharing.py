"""What an order fills is shared exactly, in proportion, and by nothing but the cumulative quantity."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.sharing import share

names = st.text("abcdefgh", min_size=1, max_size=4)
wishes = st.dictionaries(names, st.integers(1, 10_000).map(Decimal), min_size=1, max_size=8)
signs = st.sampled_from((1, -1))


@given(wishes, st.integers(0, 100_000), st.integers(0, 8), signs)
def test_the_parts_sum_to_what_was_filled(
    wanted: Mapping[str, Decimal], filled: int, digits: int, sign: int
) -> None:
    quantity = Decimal(sign * filled).scaleb(-digits)
    parts = share(quantity, {name: sign * part for name, part in wanted.items()})
    assert sum(parts.values()) == quantity
    assert set(parts) == set(wanted)


@given(wishes, st.integers(0, 100_000), signs)
def test_nobody_is_a_whole_unit_away_from_the_exact_proportion_nor_on_the_other_side(
    wanted: Mapping[str, Decimal], filled: int, sign: int
) -> None:
    whole = sum(wanted.values())
    parts = share(Decimal(sign * filled), {name: sign * part for name, part in wanted.items()})
    for name, part in parts.items():
        assert part == part.to_integral_value()
        assert abs(part - sign * filled * wanted[name] / whole) < 1
        assert part * sign >= 0


@given(wishes, signs)
def test_an_order_that_is_filled_gives_each_what_it_wanted(wanted: Mapping[str, Decimal], sign: int) -> None:
    signed = {name: sign * part for name, part in wanted.items()}
    assert share(sum(signed.values(), Decimal(0)), signed) == signed


@given(wishes, st.integers(0, 100_000), st.randoms(use_true_random=False))
def test_the_order_in_which_contributors_are_named_does_not_matter(
    wanted: Mapping[str, Decimal], filled: int, random: Random
) -> None:
    shuffled = random.sample(list(wanted), len(wanted))
    again = {name: wanted[name] for name in shuffled}
    assert share(Decimal(filled), again) == share(Decimal(filled), wanted)


def test_ties_go_to_the_first_by_name() -> None:
    wanted = {"beta": Decimal(5), "alpha": Decimal(5)}
    assert share(Decimal(3), wanted) == {"alpha": Decimal(2), "beta": Decimal(1)}


def test_a_fraction_is_shared_to_its_last_digit() -> None:
    parts = share(Decimal("0.003"), {"alpha": Decimal(1), "beta": Decimal(1)})
    assert parts == {"alpha": Decimal("0.002"), "beta": Decimal("0.001")}


def test_nobody_gets_more_than_was_wanted_of_what_isnt_whole() -> None:
    wanted = {"alpha": Decimal("0.5"), "beta": Decimal("0.5"), "gamma": Decimal(1)}
    assert share(Decimal(1), wanted) == {
        "alpha": Decimal("0.3"),
        "beta": Decimal("0.2"),
        "gamma": Decimal("0.5"),
    }


def test_what_is_written_with_an_exponent_is_shared_like_the_same_number_without() -> None:
    wanted = {"alpha": Decimal(150), "beta": Decimal(50)}
    assert share(Decimal("1E+2"), wanted) == {"alpha": Decimal(75), "beta": Decimal(25)}


@pytest.mark.parametrize("wanted", [{}, {"alpha": Decimal(0)}, {"alpha": Decimal(3), "beta": Decimal(-3)}])
def test_nothing_can_be_shared_among_nobody(wanted: Mapping[str, Decimal]) -> None:
    with pytest.raises(ValueError, match="expected contributors"):
        share(Decimal(1), wanted)
