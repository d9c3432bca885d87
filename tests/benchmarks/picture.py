"""The rows as one picture: how far each is from its mark, on the good side or on the bad one."""

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.measuring import Bound, Row, Verdict
from tests.benchmarks.table import comparison, reach

COLOURS = {Verdict.REACHED: "#2e7d4f", Verdict.MISSED: "#b3372f"}
LEAST, MOST = 0.02, 50.0


def part_of_mark(row: Row) -> float:
    """Return a row's comparison as a part of what it may be: up to 1 it has reached its mark."""
    assert row.mark is not None
    part = row.comparison / row.mark.limit
    if row.mark.bound is Bound.AT_LEAST:
        part = 1 / part if part > 0 else MOST
    return min(max(part, LEAST), MOST)


def draw(rows: Sequence[Row], folder: Path) -> None:
    """Write ``benchmarks.svg`` and ``benchmarks.png`` to ``folder``, of the rows that have a mark."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "benchmarks"
    marked = [row for row in rows if row.mark is not None]
    parts = [part_of_mark(row) for row in marked]
    places = range(len(marked))
    figure = Figure(figsize=(11, 0.42 * len(marked) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(places, parts, color=[COLOURS[row.verdict] for row in marked], height=0.6, left=0)
    axes.set_xscale("log")
    axes.set_xlim(LEAST / 2, MOST * 8)
    axes.axvline(1, color="#333333", linewidth=1)
    axes.set_yticks(places, [row.measure for row in marked])
    axes.invert_yaxis()
    for place, part, row in zip(places, parts, marked, strict=True):
        text = f"{comparison(row)}  ({reach(row)})"
        axes.text(max(part, 1) * 1.08, place, text, va="center", fontsize=9)
    axes.set_xlabel("part of what is allowed (log scale): left of the line the mark is reached")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for kind in ("svg", "png"):
        figure.savefig(
            folder / f"benchmarks.{kind}", dpi=110, metadata={"Date": None} if kind == "svg" else {}
        )
