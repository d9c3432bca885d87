"""How the demo looks: one aligned row a message, printed as its result arrives, and what went wrong."""

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from trader.domain.wire import JsonObject
from trader.entrypoints.cli.output import console, show
from trader.entrypoints.cli.stack import Stack
from trader.entrypoints.cli.told import status_text
from trader.entrypoints.demo.scene import Broken, Scene, Step

WIDEST = 132


class DemoView:
    """Prints the demo's progress and counts what went wrong."""

    def __init__(self) -> None:
        self.failed = 0
        self._console = console()
        self._shown = 0
        self._began = self._since = time.perf_counter()

    @contextmanager
    def promised(self) -> Iterator[None]:
        """Say what broke inside, and count it."""
        try:
            yield
        except Broken as error:
            self.failed += 1
            show(self._console, Text(f"broken: {error}", style="red"))

    def busy(self, doing: str) -> AbstractContextManager[object]:
        """Show on a terminal, for as long as it lasts, that something is going on."""
        return self._console.status(Text(f"{doing} ...", style="dim"), spinner_style="dim")

    def started(self, name: str, stack: Stack) -> None:
        """Say what is shown and where the stack listens, and print the headings."""
        show(self._console, Text(f"{name}\n", style="bold"))
        worker = stack.worker.removeprefix("http://")
        on = ""
        if stack.emulators:
            on = f", Firestore {stack.emulators.firestore}, Pub/Sub {stack.emulators.pubsub}"
        self._phase(f"started in {self._lap()}: simulated gateway {stack.gateway}, worker {worker}{on}")
        headings = (Text(name, style="dim") for name in ("message", "result", "ms", "what it shows"))
        self._row(*headings, gap=False)

    def step(self, step: Step, body: JsonObject, scene: Scene, *, ms: float) -> None:
        """Print one result and what it shows."""
        self._shown += 1
        result = scene.told.result
        status = status_text(result.status) if result else Text("?")
        try:
            shows = Text(step.verify(scene))
        except Broken as error:
            self.failed += 1
            shows = Text(f"broken: {error}", style="red")
        self._row(Text(json.dumps(body)), status, Text(f"{ms:.0f}"), shows)
        self._since = time.perf_counter()

    def at(self, time: datetime) -> None:
        """Say what time it is now."""
        show(self._console, Text(f"{time:%A, %H:%M}\n", style="bold"))

    def killed(self, pid: int) -> None:
        """Say that the worker is dead."""
        show(
            self._console,
            Text(f"the worker, process {pid}, is killed in the middle (SIGKILL)\n", style="bold"),
        )

    def stopped(self) -> None:
        """Say that nothing is left."""
        self._phase(f"stopped in {self._lap()}: the processes have ended, the ports are closed")

    def end(self, folder: Path) -> None:
        """Print how it all ended."""
        took = f"{time.perf_counter() - self._began:.1f} s"
        if self.failed:
            text = f"{self.failed} broken promises, after {took}; the logs are in {folder}"
            show(self._console, Text(text, style="bold red"))
        else:
            text = f"{self._shown} results, each as promised, in {took}"
            show(self._console, Text(text, style="green"))

    def _lap(self) -> str:
        before, self._since = self._since, time.perf_counter()
        return f"{self._since - before:.1f} s"

    def _phase(self, text: str) -> None:
        show(self._console, Text(f"{text}\n", style="dim"))

    def _row(self, *cells: Text, gap: bool = True) -> None:
        row = Table.grid(padding=(0, 2, 0, 0), expand=True)
        row.width = min(self._console.width, WIDEST)
        row.add_column(ratio=3, overflow="fold")
        row.add_column(width=9, no_wrap=True)
        row.add_column(width=5, no_wrap=True, justify="right")
        row.add_column(ratio=5)
        row.add_row(*cells)
        if gap:
            row.add_row()
        show(self._console, row)
