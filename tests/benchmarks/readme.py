"""The README's table: the figures of the last whole run."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from tests.benchmarks.measuring import Bound, Compared, Mark, Row, Spread, Unmeasured
from tests.benchmarks.table import comparison, figure, reach

HEAD = "| measure | ours | beside it | compared | to reach | |\n| --- | --- | --- | --- | --- | --- |\n"
_TABLE = re.compile(re.escape(HEAD) + r"(?:\|.*\n)*")


def shown(readme: Path, rows: Iterable[Row | Unmeasured]) -> str:
    """Return the README with ``rows`` as its table."""
    table = HEAD + "".join(f"| {' | '.join(_cells(row))} |\n" for row in rows)
    return _TABLE.sub(lambda _: table, readme.read_text(encoding="utf-8"))


def stored_rows(results: Path) -> list[Row | Unmeasured]:
    """Return the rows of a run as it has written them."""
    return [_row(found) for found in json.loads(results.read_text(encoding="utf-8"))["rows"]]


def _cells(row: Row | Unmeasured) -> tuple[str, ...]:
    if isinstance(row, Unmeasured):
        return row.measure, f"not measured: {row.why}", "", "", "", ""
    beside = f"{_with_unit(row, row.floor)} ({row.beside})" if row.floor else "-"
    return row.measure, _with_unit(row, row.ours), beside, comparison(row), reach(row), row.verdict.value


def _with_unit(row: Row, spread: Spread) -> str:
    return f"{figure(spread.median)} {row.unit}"


def _row(found: dict[str, object]) -> Row | Unmeasured:
    if "why" in found:
        return Unmeasured(str(found["measure"]), str(found["why"]))
    mark, floor = found["mark"], found["floor"]
    return Row(
        measure=str(found["measure"]),
        unit=str(found["unit"]),
        ours=_spread(found["ours"]),
        beside=str(found["beside"]),
        floor=None if floor is None else _spread(floor),
        compared=Compared(str(found["compared"])),
        mark=Mark(Bound(mark["bound"]), mark["limit"]) if isinstance(mark, dict) else None,
    )


def _spread(found: object) -> Spread:
    assert isinstance(found, dict)
    return Spread(**found)
