"""An outcome of any shape as lines and small tables: what a person wants to see of a JSON object."""

import re
from collections.abc import Iterator

from pydantic import JsonValue
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trader.domain.wire import JsonObject
from trader.entrypoints.cli.output import table

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{6}Z")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def blocks(value: JsonObject) -> Iterator[RenderableType]:
    """Yield what there is to print: single values as one grid, then each list of objects as a table."""
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column()
    tables: list[RenderableType] = []
    for name, part in _flat(value, ""):
        if isinstance(part, list) and part and all(isinstance(row, dict) for row in part):
            rows = [row for row in part if isinstance(row, dict)]
            tables += [Text(f"\n{name}", style="dim"), Padding(_rows(rows), (0, 0, 0, 2))]
        else:
            lines.add_row(name, text(part))
    if lines.rows:
        yield lines
    yield from tables


def text(value: JsonValue) -> str:
    """Return a value in one line."""
    match value:
        case None | []:
            return "none"
        case bool():
            return "yes" if value else "no"
        case dict():
            return "  ".join(f"{words(name)} {text(part)}" for name, part in value.items())
        case list():
            return ", ".join(text(part) for part in value)
        case float():
            return f"{value:.6g}"
        case _:
            return _TIME.sub(r"\1 \2 UTC", str(value))


def words(name: str) -> str:
    """Return ``baseCurrency`` as ``base currency``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: " " + found[1].lower(), name)


def _flat(value: JsonObject, prefix: str) -> Iterator[tuple[str, JsonValue]]:
    """Yield each part under its path; an object of single values stays one part, of one line."""
    for name, part in value.items():
        path = f"{prefix}{words(name)}"
        if isinstance(part, dict) and any(isinstance(inner, dict | list) for inner in part.values()):
            yield from _flat(part, f"{path} ")
        else:
            yield path, part


def _rows(rows: list[JsonObject]) -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    shown = table()
    for name in names:
        cells = [row.get(name) for row in rows]
        is_number = all(
            isinstance(cell, int | float) or _NUMBER.fullmatch(str(cell)) for cell in cells if cell
        )
        shown.add_column(words(name), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        shown.add_row(*("" if row.get(name) is None else text(row[name]) for name in names))
    return shown
