"""An event of the results topic, as the command line reads and shows it."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trader.domain.events import ALERT_TYPE, GATEWAY_TYPE, RESULT_TYPE
from trader.domain.messages import Result
from trader.domain.status import Status
from trader.domain.wire import JsonObject, Time, write_time
from trader.entrypoints.cli.errors import Exit
from trader.entrypoints.cli.outcome import blocks
from trader.entrypoints.cli.output import STYLE, console, print_json, print_line, show
from trader.ports import ReceivedMessage

_DATA: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)
_TIME: TypeAdapter[datetime] = TypeAdapter(Time)


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
        return int(number) if number.isdecimal() else 1

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


def read_told(message: ReceivedMessage) -> Told | None:
    """Return the event that ``message`` carries; None where it is none of ours: anybody may publish."""
    attributes = message.attributes
    kind = attributes.get("ce-type")
    if kind not in (RESULT_TYPE, GATEWAY_TYPE, ALERT_TYPE):
        return None
    try:
        data = _DATA.validate_json(message.data)
        return Told(
            id=attributes["ce-id"],
            type=kind,
            source=attributes["ce-source"],
            at=_TIME.validate_python(attributes["ce-time"]),
            data=data,
            result=Result.model_validate(data) if kind == RESULT_TYPE else None,
        )
    except (KeyError, ValidationError):
        return None


def print_foreign(message: ReceivedMessage, *, as_json: bool) -> None:
    """Print a message that is no event of ours, in one line, with how its data begins."""
    begins = message.data[:60].decode(errors="replace")
    if as_json:
        at = write_time(message.published_at)
        print_json({"messageId": message.id, "publishedAt": at, "foreign": begins})
    else:
        at = f"{message.published_at:%Y-%m-%d %H:%M:%S} UTC"
        print_line(f"no event of ours: message {message.id} of {at}, which begins {begins!r}")


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
