"""Rebalancing: what is wanted less what is held and under way, never worth more than the capital."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.market import contract
from trader.domain.instruments import Stock
from trader.domain.market import Price, PriceKind
from trader.domain.rebalance import Aim, Quantities, Quote, rebalance
from trader.domain.risk import Proposal
from trader.domain.targets import Flat, Hold, Target, Weight

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
NAMES, CON_IDS = ("alpha", "beta", "gamma"), (1, 2, 3, 4)


def quote(con_id: int, unit: Decimal) -> Quote:
    symbol = f"S{con_id}"
    return Quote(contract(con_id=con_id, symbol=symbol), Price(unit, PriceKind.LAST, "USD", AT), unit)


def stock(con_id: int) -> Stock:
    return Stock(f"S{con_id}")


units = st.decimals(Decimal("0.01"), Decimal(5000), places=2)
quotes = st.fixed_dictionaries(dict.fromkeys(CON_IDS, units)).map(
    lambda found: {con_id: quote(con_id, unit) for con_id, unit in found.items()}
)
weights = st.decimals(Decimal(-1), Decimal(1), places=3).filter(bool)


def targets(con_id: int) -> st.SearchStrategy[Target]:
    instrument = stock(con_id)
    return st.one_of(
        weights.map(lambda weight: Weight(instrument, weight)),
        st.just(Flat(instrument)),
        st.just(Hold(instrument, "it holds")),
    )


aims = st.tuples(
    *(
        st.builds(
            Aim,
            st.just(name),
            st.decimals(Decimal(0), Decimal(1_000_000), places=2),
            st.tuples(*(st.tuples(st.just(con_id), targets(con_id)) for con_id in CON_IDS)),
        )
        for name in NAMES
    )
)
books = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(CON_IDS)), st.integers(-500, 500).map(Decimal)
)


def wishes(proposals: Mapping[int, list[Proposal]]) -> dict[tuple[str, int], Decimal]:
    return {(wish.strategy, con_id): wish.quantity for con_id, found in proposals.items() for wish in found}


def added(held: Quantities, more: Quantities) -> dict[tuple[str, int], Decimal]:
    return {key: held.get(key, Decimal(0)) + more.get(key, Decimal(0)) for key in {*held, *more}}


@given(aims, quotes, books, books)
def test_a_hold_never_asks_for_anything(
    wanted: tuple[Aim, ...], quoted: dict[int, Quote], held: Quantities, in_flight: Quantities
) -> None:
    found = wishes(rebalance(wanted, quoted, held, in_flight))
    for aim in wanted:
        for con_id, target in aim.targets:
            if isinstance(target, Hold):
                assert (aim.strategy, con_id) not in found


@given(aims, quotes, books)
def test_flat_closes_exactly_the_holding(
    wanted: tuple[Aim, ...], quoted: dict[int, Quote], held: Quantities
) -> None:
    found = wishes(rebalance(wanted, quoted, held, {}))
    for aim in wanted:
        for con_id, target in aim.targets:
            if isinstance(target, Flat):
                key = aim.strategy, con_id
                assert found.get(key, Decimal(0)) == -held.get(key, Decimal(0))


@given(aims, quotes, books, books)
def test_rebalancing_a_second_time_yields_nothing(
    wanted: tuple[Aim, ...], quoted: dict[int, Quote], held: Quantities, in_flight: Quantities
) -> None:
    first = wishes(rebalance(wanted, quoted, held, in_flight))
    assert rebalance(wanted, quoted, held, added(in_flight, first)) == {}, "while the orders work"
    assert rebalance(wanted, quoted, added(held, first), in_flight) == {}, "once they are filled"


@given(aims, quotes)
def test_rounding_never_exceeds_the_capital(wanted: tuple[Aim, ...], quoted: dict[int, Quote]) -> None:
    found = wishes(rebalance(wanted, quoted, {}, {}))
    for aim in wanted:
        worth = sum(
            abs(quantity) * quoted[con_id].unit
            for (strategy, con_id), quantity in found.items()
            if strategy == aim.strategy
        )
        assert worth <= aim.capital
    assert all(quantity == int(quantity) for quantity in found.values())


@given(aims, quotes, books)
def test_each_strategys_wishes_are_the_same_whoever_else_takes_part(
    wanted: tuple[Aim, ...], quoted: dict[int, Quote], held: Quantities
) -> None:
    together = wishes(rebalance(wanted, quoted, held, {}))
    alone = [wishes(rebalance([aim], quoted, held, {})) for aim in wanted]
    assert together == {key: quantity for found in alone for key, quantity in found.items()}


@pytest.mark.parametrize(
    ("weighted", "expected"),
    [
        ({1: "-0.5"}, {1: -50}),  # the worked example: 100,000 x 0.9 x 0.5 at 450
        ({1: "-1", 2: "1"}, {1: -50, 2: 50}),  # half each, by absolute weight
        ({1: "0.5", 2: "0.25"}, {1: 50, 2: 25}),  # below 1 nothing is scaled up
        ({1: "1", 2: "-1", 3: "1"}, {1: 33, 2: -33, 3: 33}),
    ],
)
def test_weights_share_the_capital(weighted: dict[int, str], expected: dict[int, int]) -> None:
    aim = Aim("alpha", Decimal(45_000), [(n, Weight(stock(n), Decimal(w))) for n, w in weighted.items()])
    found = wishes(rebalance([aim], {n: quote(n, Decimal(450)) for n in weighted}, {}, {}))
    assert found == {("alpha", con_id): Decimal(quantity) for con_id, quantity in expected.items()}


def test_a_contract_without_a_quote_is_left_alone() -> None:
    aim = Aim("alpha", Decimal(45_000), [(1, Weight(stock(1), Decimal(1))), (2, Flat(stock(2)))])
    assert rebalance([aim], {}, {("alpha", 2): Decimal(5)}, {}) == {}
