"""A row says what it costs above its floor, and whether that is too much."""

import pytest

from tests.benchmarks.measuring import (
    Bound,
    Compared,
    Mark,
    Row,
    Spread,
    Verdict,
    alternating,
)


def row(ours: float, floor: float | None, compared: Compared, mark: Mark | None) -> Row:
    beside = None if floor is None else Spread.of([floor])
    return Row("it", "ms", Spread.of([ours]), "its floor", beside, compared, mark)


@pytest.mark.parametrize(
    ("compared", "mark", "verdict"),
    [
        (Compared.MORE, Mark(Bound.AT_MOST, 3), Verdict.REACHED),
        (Compared.MORE, Mark(Bound.AT_MOST, 2.9), Verdict.MISSED),
        (Compared.TIMES, Mark(Bound.AT_MOST, 2.5), Verdict.REACHED),
        (Compared.TIMES, Mark(Bound.AT_MOST, 2.4), Verdict.MISSED),
        (Compared.TIMES, Mark(Bound.AT_LEAST, 2.5), Verdict.REACHED),
        (Compared.TIMES, Mark(Bound.AT_LEAST, 2.6), Verdict.MISSED),
        (Compared.ITSELF, Mark(Bound.AT_MOST, 5), Verdict.REACHED),
        (Compared.ITSELF, Mark(Bound.AT_MOST, 4), Verdict.MISSED),
        (Compared.TIMES, None, Verdict.REPORTED),
    ],
)
def test_a_row_that_misses_its_mark_says_so(compared: Compared, mark: Mark | None, verdict: Verdict) -> None:
    assert row(5, 2, compared, mark).verdict is verdict


def test_a_figure_without_a_floor_stands_for_itself() -> None:
    assert row(5, None, Compared.TIMES, Mark(Bound.AT_MOST, 6)).comparison == 5


def test_a_spread_is_the_middle_and_the_edges() -> None:
    assert Spread.of([9, 1, 2]) == Spread(1, 2, 9)


def test_sides_take_turns_in_turned_order_and_the_first_round_does_not_count() -> None:
    asked: list[str] = []

    def side(name: str) -> float:
        asked.append(name)
        return float(len(asked))

    ours, floor = alternating(2, lambda: side("ours"), lambda: side("floor"))
    assert asked == ["floor", "ours", "ours", "floor", "floor", "ours"]
    assert (ours, floor) == (Spread.of([3, 6]), Spread.of([4, 5]))


def test_without_a_warm_up_every_round_counts() -> None:
    figures = iter([5.0, 7.0])
    assert alternating(2, lambda: next(figures), warm_up=False) == (Spread.of([5, 7]),)
