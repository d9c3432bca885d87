"""The rows as a table for a person, and as JSON for a program."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tests.benchmarks.measuring import Compared, Row, Spread, Unmeasured, Verdict
from trader.domain.wire import JsonObject

HEAD = (
    "measure",
    "unit",
    "ours: min, median, max",
    "floor: min, median, max",
    "of",
    "compared",
    "to reach",
    "",
)


@dataclass(frozen=True, slots=True)
class Report:
    """All that a run of the benchmarks found."""

    form: str
    rows: Sequence[Row | Unmeasured]
    acknowledged: int
    """Messages that were acknowledged; each was found with its stored result."""
    redelivered: int
    """Deliveries that were sent back before, and came again."""
    took_s: float

    @property
    def missed(self) -> int:
        return sum(isinstance(row, Row) and row.verdict is Verdict.MISSED for row in self.rows)

    def table(self) -> str:
        """Return the table, and what else there is to say."""
        lines = [HEAD, *(_cells(row) for row in self.rows if isinstance(row, Row))]
        widths = [max(len(line[n]) for line in lines) for n in range(len(HEAD))]
        text = [
            "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        text.insert(1, "  ".join("-" * width for width in widths).rstrip())
        text += [
            f"not measured: {row.measure}: {row.why}" for row in self.rows if isinstance(row, Unmeasured)
        ]
        text.append(
            f"{self.acknowledged} messages were acknowledged, and each has its stored result; "
            f"{self.redelivered} deliveries were sent back before"
        )
        text.append(
            f"{self.missed} of {len(self.rows)} rows miss their mark; {self.form}, {self.took_s:.0f} s"
        )
        return "\n".join(text) + "\n"

    def to_json(self) -> str:
        """Return the rows and the machine they were measured on."""
        rows: list[JsonObject] = [_object(row) for row in self.rows]
        return (
            json.dumps(
                {
                    "form": self.form,
                    "tookS": round(self.took_s, 1),
                    "python": platform.python_version(),
                    "processors": os.cpu_count(),
                    "acknowledged": self.acknowledged,
                    "redelivered": self.redelivered,
                    "rows": rows,
                },
                indent=1,
            )
            + "\n"
        )


def figure(value: float) -> str:
    """Return a figure in three digits, or all that are before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2}f}"


def reach(row: Row) -> str:
    """Return what a row is to reach, in words."""
    if row.mark is None:
        return "-"
    return f"{row.mark.bound} {_amount(row.mark.limit, row)}"


def comparison(row: Row) -> str:
    """Return how a row compares with its floor."""
    return _amount(row.comparison, row)


def _amount(value: float, row: Row) -> str:
    if row.floor is None or row.compared is Compared.ITSELF:
        return f"{figure(value)} {row.unit}"
    if row.compared is Compared.MORE:
        return f"{'+' if value >= 0 else ''}{figure(value)} {row.unit}"
    return f"{figure(value)} x"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.measure,
        row.unit,
        _spread(row.ours),
        _spread(row.floor) if row.floor else "-",
        row.beside,
        comparison(row),
        reach(row),
        row.verdict.value,
    )


def _spread(spread: Spread) -> str:
    return " ".join(f"{figure(value):>7}" for value in (spread.least, spread.median, spread.most))


def _object(row: Row | Unmeasured) -> JsonObject:
    if isinstance(row, Unmeasured):
        return {"measure": row.measure, "verdict": "not measured", "why": row.why}
    found: JsonObject = json.loads(json.dumps(asdict(row)))
    return {**found, "comparison": row.comparison, "verdict": row.verdict.value.lower()}
