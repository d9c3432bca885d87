"""Fills are booked once, by execution, and holdings depend on the latest word on each of them alone."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.orders import NOON, OURS, SPY, execution, record
from trader.domain.ledger import BookedFill, book, crossing_fills, filled_of, holdings, revision_of, stem_of
from trader.domain.order_record import OrderRecord
from trader.domain.portfolio import Fill
from trader.domain.sharing import share

WANTED = {"alpha": 50, "beta": 30, "gamma": 17}
ORDER = record(97, wanted=WANTED)


def booked_after(
    batches: Iterable[Sequence[Fill]], order: OrderRecord = ORDER, standing: Iterable[BookedFill] = ()
) -> list[BookedFill]:
    """Return what is booked once the broker has told each of ``batches`` in turn."""
    books = {fill.stem: fill for fill in standing}
    for batch in batches:
        books |= {fill.stem: fill for fill in book(order, books.values(), batch)}
    return list(books.values())


@st.composite
def executions(draw: st.DrawFn) -> list[list[Fill]]:
    """Return executions, each as the list of its corrections, the latest of which counts."""
    sign = draw(st.sampled_from((1, -1)))
    found = []
    for n in range(draw(st.integers(1, 6))):
        minute = draw(st.integers(0, 59))
        found.append(
            [
                execution(
                    f"0000e0d5.6551.{n:02}.{revision:02}",
                    sign * draw(st.integers(0, 40)),
                    price=Decimal(draw(st.integers(1, 10_000))) / 100,
                    at=ORDER.planned_at.replace(minute=minute),
                    commission=draw(st.sampled_from((None, Decimal("1.25"), Decimal(2)))),
                )
                for revision in range(1, draw(st.integers(1, 3)) + 1)
            ]
        )
    return found


@st.composite
def tellings(draw: st.DrawFn) -> tuple[list[list[Fill]], list[list[Fill]]]:
    """Return executions, and batches that tell each of their corrections at least once, in any order."""
    found = draw(executions())
    every = [fill for corrections in found for fill in corrections]
    again = draw(st.lists(st.sampled_from(every), max_size=10))
    random = draw(st.randoms(use_true_random=False))
    return found, in_batches(every + again, random)


def in_batches(told: Sequence[Fill], random: Random) -> list[list[Fill]]:
    shuffled = random.sample(list(told), len(told))
    batches: list[list[Fill]] = []
    while shuffled:
        size = random.randint(1, len(shuffled))
        batches.append(shuffled[:size])
        shuffled = shuffled[size:]
    return batches


@given(tellings())
def test_holdings_depend_on_the_latest_correction_of_each_execution_alone(
    told: tuple[list[list[Fill]], list[list[Fill]]],
) -> None:
    found, batches = told
    books = booked_after(batches)
    latest = [corrections[-1] for corrections in found]
    total = sum((fill.quantity for fill in latest), Decimal(0))
    owed = share(total, ORDER.wanted)
    assert holdings(books) == {(owner, SPY.con_id): part for owner, part in owed.items() if part}
    assert {fill.exec_id: (fill.quantity, fill.price) for fill in books} == {
        fill.exec_id: (fill.quantity, fill.price) for fill in latest
    }
    assert filled_of(books)[0] == total


@given(tellings())
def test_each_booked_fill_is_shared_out_exactly(
    told: tuple[list[list[Fill]], list[list[Fill]]],
) -> None:
    _, batches = told
    for n in range(1, len(batches) + 1):
        for fill in booked_after(batches[:n]):
            assert sum(fill.shares.values()) == fill.quantity
            assert fill.order == OURS


@given(tellings())
def test_booking_what_is_booked_changes_nothing(
    told: tuple[list[list[Fill]], list[list[Fill]]],
) -> None:
    _, batches = told
    books = booked_after(batches)
    for batch in batches:
        assert book(ORDER, books, batch) == ()
    assert book(ORDER, books, [fill for batch in batches for fill in batch]) == ()


@given(tellings())
def test_a_known_commission_is_never_forgotten(
    told: tuple[list[list[Fill]], list[list[Fill]]],
) -> None:
    found, batches = told
    latest = {corrections[-1].exec_id: corrections[-1] for corrections in found}
    silent = [[fill.model_copy(update={"commission": None}) for fill in batch] for batch in batches]
    for fill in booked_after([*batches, *silent]):
        assert fill.commission == latest[fill.exec_id].commission


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_partition_of_a_quantity_gives_the_same_holdings(parts: list[int], random: Random) -> None:
    fills = [execution(f"e.{n:02}.01", part) for n, part in enumerate(parts)]
    whole = [execution("whole.01", sum(parts))]
    assert holdings(booked_after(in_batches(fills, random))) == holdings(booked_after([whole]))


def test_a_late_commission_is_written_on_its_fill_alone() -> None:
    first, second = execution("a.01", 40), execution("b.01", 57)
    books = booked_after([[first, second]])
    late = second.model_copy(update={"commission": Decimal("1.25"), "commission_currency": "USD"})
    (written,) = book(ORDER, books, [first, late])
    before = next(fill for fill in books if fill.stem == "b")
    assert written == before.model_copy(update={"commission": Decimal("1.25"), "commission_currency": "USD"})


def test_a_correction_told_before_what_it_corrects_stands() -> None:
    raised, first = execution("a.02", 50), execution("a.01", 10)
    books = booked_after([[raised], [first]])
    assert [(fill.exec_id, fill.quantity) for fill in books] == [("a.02", Decimal(50))]


def test_an_execution_that_is_taken_back_leaves_nothing_held() -> None:
    books = booked_after([[execution("a.01", 50)], [execution("a.02", 0)]])
    assert holdings(books) == {}
    assert filled_of(books) == (Decimal(0), None)


def test_the_tenth_correction_is_later_than_the_ninth() -> None:
    books = booked_after([[execution("a.10", 7)], [execution("a.9", 3)]])
    assert [fill.quantity for fill in books] == [Decimal(7)]


def test_what_two_strategies_hold_is_kept_apart_by_contract() -> None:
    other = record(5, index=1, wanted={"beta": 5}, contract=SPY.model_copy(update={"con_id": 1}))
    books = booked_after([[execution("a.01", 97)]])
    books += booked_after([[execution("b.01", 5, con_id=1)]], other)
    assert holdings(books)["beta", SPY.con_id] == 30
    assert holdings(books)["beta", 1] == 5


@pytest.mark.parametrize(
    ("exec_id", "stem", "revision"),
    [
        ("0000e0d5.65512d5c.01.01", "0000e0d5.65512d5c.01", 1),
        ("0000e0d5.65512d5c.01.02", "0000e0d5.65512d5c.01", 2),
        ("0000e0d5.65512d5c.01.10", "0000e0d5.65512d5c.01", 10),
        ("F-12", "F-12", 0),
        ("12345", "12345", 0),
        ("12346", "12346", 0),
        ("a.b", "a.b", 0),
    ],
)
def test_an_execution_and_its_corrections_share_a_stem(exec_id: str, stem: str, revision: int) -> None:
    assert (stem_of(exec_id), revision_of(exec_id)) == (stem, revision)


def test_an_average_price_is_weighted_by_quantity() -> None:
    fills = [execution("a.01", 30, price=Decimal(100)), execution("b.01", 10, price=Decimal(104))]
    assert filled_of(booked_after([fills])) == (Decimal(40), Decimal(101))


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 500).map(Decimal), min_size=1),
    st.sampled_from("abcd"),
)
def test_what_crosses_inside_is_a_pair_of_fills_that_changes_no_sum(
    buys: dict[str, Decimal], seller: str
) -> None:
    crossed = {**buys, f"{seller}-too": -sum(buys.values(), Decimal(0))}
    pair = crossing_fills("ab12/756733", SPY, crossed, Decimal("671.30"), NOON)
    assert holdings(pair) == {(owner, SPY.con_id): part for owner, part in crossed.items()}
    assert sum(fill.quantity for fill in pair) == 0
    assert len({fill.stem for fill in pair}) == 2
    assert {fill.order for fill in pair} == {"cross/ab12/756733"}
    assert all(sum(fill.shares.values()) == fill.quantity for fill in pair)
