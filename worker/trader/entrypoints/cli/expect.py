"""`trader expect`: which results the schedules let one expect, and which of them are not there."""

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit, WrongUse
from trader.entrypoints.cli.output import console, print_json, print_line, show, table

if TYPE_CHECKING:
    from trader.expecting import Expectations
    from trader.settings import Settings

DAY = timedelta(days=1)
LONGEST = timedelta(days=400)
"""How far back results are looked for: as long as a run is surely kept."""

EPILOG = """\b
Examples:
  trader expect                               of what was due in the last 24 hours
  trader expect --since 2026-11-20T00:00:00Z
\b
It needs the store alone, and the schedules in it: `trader schedules apply` writes them. The exit code is 1
when a result is missing, late, or ended badly.
"""


def expect(
    since: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            parser=options.instant,
            help="Of results that were due since then, with offset.  [default: 24 hours ago]",
            show_default=False,
        ),
    ] = None,
    account: options.Account = None,
    data_dir: options.DataDir = None,
    as_json: options.AsJson = False,
) -> int:
    """Compare the schedules and the exchanges' calendars with the results that exist.

    It catches silence, which no error ever reports. A result is due some minutes after its tick, as its
    job says. Nothing is expected on an exchange's holidays, of a job that is off, or from before it stood.
    """
    found = asyncio.run(_expectations(options.settings(data_dir, account), since))
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)
    return Exit.OTHER if found.findings else Exit.OK


async def _expectations(settings: "Settings", since: datetime | None) -> "Expectations":
    from trader.adapters.calendars import ExchangeCalendars
    from trader.bootstrap import open_clock
    from trader.entrypoints.cli.stored import known_account_of, open_store
    from trader.expecting import expectations

    now = open_clock(settings).now()
    since = since or now - DAY
    if since >= now:
        raise WrongUse(f"expected a time that is past, found {since}; correct --since")
    if now - since > LONGEST:
        raise WrongUse(
            f"expected a time of the last {LONGEST.days} days, found {since}; correct --since, "
            "as earlier runs need not be kept"
        )
    async with open_store(settings) as store:
        account = await known_account_of(store, settings)
        return await expectations(store, ExchangeCalendars(), account, since, now)


def _print(found: "Expectations") -> None:
    if found.findings:
        rows = table("job", "tick (UTC)", "problem", "intent", "what is wrong")
        for finding in found.findings:
            says = finding.message if finding.code is None else f"{finding.code}: {finding.message}"
            at = f"{finding.tick:%Y-%m-%d %H:%M}"
            problem = finding.status.value if finding.status and finding.code else finding.problem.value
            rows.add_row(finding.job, at, problem, finding.intent, says)
        show(console(), rows)
    wrong = len({(finding.job, finding.tick) for finding in found.findings})
    print_line(
        f"{found.expected} ticks were due since {found.since:%Y-%m-%d %H:%M} UTC, {found.off} were off; "
        + (f"{wrong} of them ended otherwise than expected" if wrong else "nothing is missing")
    )
