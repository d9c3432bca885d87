"""`trader settled`: whether any run is being carried out, so that a worker can be replaced."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit
from trader.entrypoints.cli.output import print_json, print_line

if TYPE_CHECKING:
    from trader.runs.unsettled import Unsettled
    from trader.settings import Settings

LOOK_S = 2.0

EPILOG = """\b
Examples:
  trader settled
  trader settled --wait 600   as long as a run may take
\b
It needs the store alone. The exit code is 1 while a run is being carried out.
"""


def settled(
    account: options.Account = None,
    data_dir: options.DataDir = None,
    wait: Annotated[
        float | None,
        typer.Option("--wait", metavar="SECONDS", parser=options.seconds, help="Wait so long for the last."),
    ] = None,
    as_json: options.AsJson = False,
) -> int:
    """List the runs that somebody works on, or that have a plan and no end: a worker isn't taken from them.

    A run that is put off isn't one of them: it has sent nothing, and its message comes again.
    """
    whose, found = asyncio.run(_unsettled(options.settings(data_dir, account), wait or 0.0))
    for run in found:
        if as_json:
            print_json(run.to_json())
        else:
            print_line(f"{run.intent} {run.key}, since {run.since:%Y-%m-%d %H:%M:%S} UTC: {run.what}")
    if not found and not as_json:
        print_line(f"no run of account {whose} is being carried out")
    return Exit.OTHER if found else Exit.OK


async def _unsettled(settings: "Settings", wait_s: float) -> "tuple[str, tuple[Unsettled, ...]]":
    from trader.bootstrap import open_clock
    from trader.entrypoints.cli.stored import account_of, open_store
    from trader.runs.lease import LeaseWatch
    from trader.runs.unsettled import unsettled

    clock = open_clock(settings)
    watch = LeaseWatch(clock, settings.durations.lease_s, worker="none of ours")
    until = clock.monotonic() + wait_s
    async with open_store(settings) as store:
        account = await account_of(store, settings)
        while found := await unsettled(store, watch, account):
            left_s = until - clock.monotonic()
            if left_s <= 0:
                break
            await clock.sleep(min(LOOK_S, left_s))
        return account, found
