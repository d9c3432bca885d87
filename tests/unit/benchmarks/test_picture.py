"""The picture shows each row by its distance from its mark, in both formats."""

from pathlib import Path

import pytest

from tests.benchmarks.measuring import Bound, Compared, Mark, Row, Spread
from tests.benchmarks.picture import MOST, draw, part_of_mark


def row(comparison: float, mark: Mark | None) -> Row:
    return Row("summary", "ms", Spread.of([comparison]), "itself", None, Compared.ITSELF, mark)


@pytest.mark.parametrize(
    ("comparison", "mark", "part"),
    [
        (2, Mark(Bound.AT_MOST, 4), 0.5),
        (8, Mark(Bound.AT_MOST, 4), 2),
        (2, Mark(Bound.AT_LEAST, 4), 2),
        (8, Mark(Bound.AT_LEAST, 4), 0.5),
        (0, Mark(Bound.AT_LEAST, 4), MOST),
    ],
)
def test_up_to_one_a_row_has_reached_its_mark(comparison: float, mark: Mark, part: float) -> None:
    assert part_of_mark(row(comparison, mark)) == part


def test_it_is_drawn_as_svg_and_as_png(tmp_path: Path) -> None:
    draw([row(2, Mark(Bound.AT_MOST, 4)), row(9, Mark(Bound.AT_MOST, 4)), row(1, None)], tmp_path)
    assert (tmp_path / "benchmarks.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "benchmarks.svg").read_text()
    assert svg.count("summary") >= 1
