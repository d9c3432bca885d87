"""Results as lines under headings, printed as they come: aligned, however many follow."""

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trader.domain.messages import Result
from trader.domain.status import Severity
from trader.entrypoints.cli.output import console, show
from trader.entrypoints.cli.told import reason_text, status_text

if TYPE_CHECKING:
    from datetime import date

WIDTHS = {"UTC": 8, "intent": 19, "status": 10, "severity": 8, "account": 9, "dry": 3}
WIDE = 110
"""From this width on the run stands in the line itself, else below it."""


class Listing:
    """Prints one result after another; a day is named once, above its results."""

    def __init__(self) -> None:
        self._console = console()
        self._wide = self._console.width >= WIDE
        self._day: date | None = None

    def add(self, result: Result, publication: int) -> None:
        """Print ``result``, told for the ``publication``-th time."""
        if self._day is None:
            self._print(
                *(Text(name, style="dim") for name in WIDTHS), Text("run" if self._wide else "", style="dim")
            )
        if result.finished_at.date() != self._day:
            self._day = result.finished_at.date()
            self._console.print(Text(f"{self._day}", style="dim"))
        again = f"#{publication}" if publication > 1 else ""
        tried = f" (attempt {result.attempt})" if result.attempt > 1 else ""
        run = f"{result.id}{again}{tried}"
        self._print(
            Text(f"{result.finished_at:%H:%M:%S}"),
            Text(result.intent or "?"),
            status_text(result.status),
            Text("" if result.severity is Severity.INFO else result.severity),
            Text(result.account),
            Text("dry" if result.dry_run else ""),
            Text(run if self._wide else "", style="dim"),
        )
        for detail in ("" if self._wide else run, reason_text(result)):
            if detail:
                show(self._console, Padding(Text(detail, style="dim"), (0, 0, 0, 10)))

    def _print(self, *cells: Text) -> None:
        line = Table.grid(padding=(0, 2, 0, 0), expand=True)
        for width in WIDTHS.values():
            line.add_column(width=width, no_wrap=True)
        line.add_column(ratio=1, overflow="fold")
        line.add_row(*cells)
        show(self._console, line)
