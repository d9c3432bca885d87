"""What the commands print: tables for people, one JSON object a line for programs, mistakes on stderr."""

import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from trader.domain.status import Status
from trader.domain.wire import JsonObject

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

STYLE = {
    Status.SUCCEEDED: "green",
    Status.SKIPPED: "cyan",
    Status.REJECTED: "yellow",
    Status.EXPIRED: "yellow",
    Status.FAILED: "red",
    Status.UNRESOLVED: "bold red",
}
"""The colour of each status; on a terminal only, and none with NO_COLOR."""

PIPED_WIDTH = 120


def console() -> "Console":
    """Return the console on standard output; text is printed as it is, without markup.

    Where no terminal says how wide it is, nothing is folded at 80 columns.
    """
    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, markup=False, emoji=False, width=None if known else PIPED_WIDTH)


def table(*columns: str) -> "Table":
    """Return an empty table in the house's style: no lines, quiet headings, as wide as its contents."""
    from rich.table import Table

    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def show(console: "Console", what: "RenderableType") -> None:
    """Print ``what`` at once, without the spaces that fill its lines."""
    with console.capture() as captured:
        console.print(what)
    print_line("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_json(value: JsonObject) -> None:
    """Print ``value`` as one line, at once."""
    print_line(json.dumps(value, ensure_ascii=False))


def print_line(text: str) -> None:
    """Print ``text``, whatever it is, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(message: str) -> None:
    """Say ``message`` in one line on standard error."""
    with suppress(OSError):  # the exit code says it too
        sys.stderr.write(f"trader: {' '.join(message.split())}\n")
        sys.stderr.flush()
