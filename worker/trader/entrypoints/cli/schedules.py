"""`trader schedules`: what is published when, and whether the market is open then."""

import asyncio
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from pydantic import JsonValue

from trader.domain.wire import JsonObject, write_time
from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import WrongUse
from trader.entrypoints.cli.output import console, print_json, print_line, show, table
from trader.entrypoints.cli.written_file import Text, as_file

if TYPE_CHECKING:
    from datetime import datetime

    from trader.domain.hours import Hours
    from trader.domain.schedules import Schedule, Schedules
    from trader.settings import Settings

TICKS = 5

EPILOG = """\b
Examples:
  trader schedules                   each job with its next five ticks
  trader schedules --file plan.yaml  another file's
  trader schedules apply             from now on their results are expected: see `trader expect`
"""

File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="FILE",
        parser=options.existing_file,
        help="YAML or JSON.  [default: infra/schedules.yaml]",
        show_default=False,
    ),
]

app = typer.Typer(
    help="List what is published when, and say that it stands.",
    epilog=EPILOG,
    rich_markup_mode=None,
    invoke_without_command=True,
)


@app.callback()
def schedules(context: typer.Context, file: File = None, as_json: options.AsJson = False) -> None:
    """List the jobs of a file with their next five ticks, in their own time zones.

    An exchange's hours are those of its calendar; for an order the broker's own hours win.
    """
    if context.invoked_subcommand is not None:
        if file is not None or as_json:  # else another file than the one that is named would be applied
            raise WrongUse(
                f"expected options after {context.invoked_subcommand}, found one before it; move it there"
            )
        return
    found, hours, now = asyncio.run(_read(file, ahead_days=366))
    rows = [(schedule, _next(schedule, hours, now)) for schedule in found.schedules]
    if as_json:
        for schedule, ticks in rows:
            print_json({**schedule.to_json(), "next": list(ticks)})
        return
    shown = table("job", "intent", "on", "next ticks", "market")
    for column in shown.columns:
        column.no_wrap = column.header != "intent"
    for schedule, ticks in rows:
        head = (schedule.name, schedule.intent, "yes" if schedule.enabled else "no")
        for n, tick in enumerate(ticks):
            shown.add_row(*(("", "", "") if n else head), str(tick["local"]), str(tick["market"]))
    show(console(), shown)


@app.command("apply", epilog="Example: trader schedules apply --file plan.yaml")
def apply_(
    file: File = None, text: Text = None, as_json: options.AsJson = False, data_dir: options.DataDir = None
) -> None:
    """Write into the store that a file's jobs stand from now on: their results are expected then.

    What stood before, and stands no longer, is expected until now. Nothing is published by it, and no
    scheduler is told.
    """
    if file is not None and text is not None:
        raise WrongUse("expected --file or --text, found both; leave one out")
    with as_file(text) as written:
        found, _, now = asyncio.run(_read(written or file))
    standing = asyncio.run(_apply(options.settings(data_dir), found, now))
    if as_json:
        print_json({"appliedAt": write_time(now), "standing": standing})
    else:
        stand = "job stands" if len(standing) == 1 else "jobs stand"
        off = len(found.schedules) - len(standing)
        names = f": {', '.join(map(str, standing))}" if standing else ""
        print_line(f"{len(standing)} {stand}{names}; {off} {'is' if off == 1 else 'are'} off")


async def _read(file: Path | None, *, ahead_days: int = 1) -> "tuple[Schedules, dict[str, Hours], datetime]":
    from trader.adapters.calendars import ExchangeCalendars
    from trader.adapters.clock import SystemClock
    from trader.entrypoints.cli.schedule_file import read_with_calendars

    clock = SystemClock()
    found, hours = await read_with_calendars(file, clock, ExchangeCalendars(), ahead_days=ahead_days)
    return found, hours, clock.now()


async def _apply(settings: "Settings", found: "Schedules", at: "datetime") -> list[JsonValue]:
    from trader.entrypoints.cli.stored import open_store
    from trader.stored.schedules import apply_schedules

    async with open_store(settings, new=True) as store:
        applied = await apply_schedules(store, found, at)
    return [period.schedule.name for period in applied.standing()]


def _next(schedule: "Schedule", hours: "dict[str, Hours]", now: "datetime") -> list[JsonObject]:
    """Return the next ticks: when, on which wall clock, and what the market does then."""
    from trader.domain.ticks import ticks_from

    market = hours[schedule.exchange] if schedule.exchange else None
    zone = ZoneInfo(schedule.time_zone)
    ticks: list[JsonObject] = []
    for tick in islice(ticks_from(schedule.cron, schedule.time_zone, now), TICKS):
        is_open, says = (None, "") if market is None else _market(market, tick)
        local = f"{tick.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"
        ticks.append({"at": write_time(tick), "local": local, "open": is_open, "market": says})
    return ticks


def _market(hours: "Hours", at: "datetime") -> tuple[bool | None, str]:
    """Return whether the market is open at ``at``, None while nobody knows, and that in words."""
    from trader.domain.due import sessions_of_day

    if at.astimezone(hours.zone).date() > hours.known_until:
        return None, "not known yet"
    if session := hours.session_at(at):
        return True, f"open until {session.closes_at.astimezone(hours.zone):%H:%M}"
    today = sessions_of_day(hours, at)
    if not today:
        return False, "no session"
    if later := [session for session in today if session.opens_at > at]:
        return False, f"opens {later[0].opens_at.astimezone(hours.zone):%H:%M}"
    return False, f"closed at {today[-1].closes_at.astimezone(hours.zone):%H:%M}"
