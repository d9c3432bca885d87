"""`trader clock`: the time that a rehearsing stack goes by, and how it is moved on."""

from datetime import datetime
from typing import Annotated

import typer

from trader.domain.wire import write_time
from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import WrongUse
from trader.entrypoints.cli.output import print_line

EPILOG = """\b
Examples:
  trader dev --at 2026-11-25T09:29:30-05:00   a stack that rehearses that morning
  trader clock                                what time it is there
  trader clock 2026-11-25T13:00:00-05:00      and now it is one o'clock
"""


def clock(
    to: Annotated[
        datetime | None,
        typer.Argument(metavar="TIME", parser=options.instant, help="What time it is from now on; later."),
    ] = None,
    data_dir: options.DataDir = None,
) -> None:
    """Show the time that a local stack goes by, or move a rehearsal on."""
    from trader.adapters.clock import RehearsalClock
    from trader.bootstrap import open_clock

    found = open_clock(options.settings(data_dir))
    if to is not None:
        if not isinstance(found, RehearsalClock):
            raise WrongUse(
                "expected a stack that rehearses, found one that goes by the real time; "
                "start it with `trader dev --at TIME`"
            )
        try:
            found.jump(to)
        except ValueError as error:
            raise WrongUse(str(error)) from None
    print_line(write_time(found.now()))
