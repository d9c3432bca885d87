"""An event of the results topic, as the command line reads and shows it."""

import json
from dataclasses import dataclass
from datetime import datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trader.domain.events import RESULT_TYPE
from trader.domain.messages import Result
from trader.domain.status import Status
from trader.domain.wire import JsonObject, write_time
from trader.entrypoints.cli.errors import Exit
from trader.entrypoints.cli.outcome import blocks
from trader.entrypoints.cli.output import STYLE, console, print_json, show
from trader.ports import ReceivedMessage


@dataclass(frozen=True, slots=True)
class Told:
    """One event; ``result`` is None for one about the gateway, and for an alert."""

    id: str
    type: str
    source: str
    at: datetime
    data: JsonObject
    result: Result | None

    @property
    def publication(self) -> int:
        """How often this result was told by then, from 1."""
        number = self.id.rpartition("#")[2]
        return int(number) if number.isdigit() else 1

    @property
    def exit_code(self) -> Exit:
        """The exit code of a command that waited for this."""
        done = self.result is not None and self.result.status in (Status.SUCCEEDED, Status.SKIPPED)
        return Exit.OK if done else Exit.OTHER

    def to_json(self) -> JsonObject:
        """Return the CloudEvent in its structured form."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": write_time(self.at),
            "datacontenttype": "application/json",
            "data": self.data,
        }


def read_told(message: ReceivedMessage) -> Told:
    """Return the event that ``message`` carries."""
    attributes = message.attributes
    data = json.loads(message.data)
    kind = attributes.get("ce-type", "")
    return Told(
        id=attributes.get("ce-id", message.id),
        type=kind,
        source=attributes.get("ce-source", ""),
        at=datetime.fromisoformat(attributes.get("ce-time", write_time(message.published_at))),
        data=data,
        result=Result.model_validate(data) if kind == RESULT_TYPE else None,
    )


def print_told(told: Told, *, as_json: bool) -> None:
    """Print one event, whole."""
    if as_json:
        print_json(told.to_json())
    elif told.result is None:
        show(console(), Group(*blocks(told.data)))
    else:
        show(console(), _whole(told.result, told.publication))


def status_text(status: Status) -> Text:
    """Return ``status`` in its colour."""
    return Text(status.value, style=STYLE[status])


def reason_text(result: Result) -> str:
    """Return why ``result`` ended as it did, in one line; empty for success."""
    if result.reason is None:
        return ""
    field = f" ({result.reason.field})" if result.reason.field else ""
    return f"{result.reason.code}{field}: {result.reason.message}"


def _whole(result: Result, publication: int) -> RenderableType:
    took = (result.finished_at - result.started_at).total_seconds() * 1000
    head = Table.grid(padding=(0, 2, 0, 0))
    head.add_column(style="dim", no_wrap=True)
    head.add_column()
    head.add_row(
        Text(result.intent or "?", style="bold not dim"),
        status_text(result.status) + Text(f" in {took:.0f} ms" if took >= 1 else "", style="dim"),
    )
    head.add_row("account", f"{result.account}, {result.mode}" + (", dry run" if result.dry_run else ""))
    again = f", told for the {_th(publication)} time" if publication > 1 else ""
    head.add_row("run", f"{result.id}, attempt {result.attempt}{again}")
    if result.reason is not None:
        head.add_row("reason", reason_text(result))
    shown: list[RenderableType] = [head]
    outcome = dict(result.outcome or {})
    if result.orders:
        outcome["orders"] = [order.to_json() for order in result.orders]
    shown += [Padding(block, (1, 0, 0, 0)) if n == 0 else block for n, block in enumerate(blocks(outcome))]
    return Group(*shown)


def _th(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
