"""`trader dev`: the whole system on this machine, in the foreground."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import WrongUse
from trader.entrypoints.cli.output import print_line

if TYPE_CHECKING:
    from trader.domain.schedules import Schedules
    from trader.settings import Settings

USUAL_PORT = 8080

EPILOG = """\b
Examples:
  trader dev                              a simulated gateway, worker on port 8080
  trader dev --port 0 --data-dir ./stack  another stack beside it
  trader dev --gateway 127.0.0.1:4002     with a gateway that is there already
  trader dev --at 2026-11-25T09:29:30-05:00 --data-dir ./rehearsal  as if it were that time
  trader dev --schedules plan.yaml        publish them at their ticks; without a name, infra/schedules.yaml
  trader dev --google                     on Google's emulators; then, in another terminal:
                                          eval "$(trader gcloud-env)"
  trader publish summary --wait           in another terminal
"""


def dev(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            parser=options.existing_file,
            help="With --schedules: another than the usual file.",
        ),
    ] = None,
    schedules: Annotated[
        bool, typer.Option("--schedules", help="Publish a file's schedules at their ticks.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=options.port, help="The worker's port; 0 takes any.  [default: 8080]"
        ),
    ] = None,
    gateway: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", parser=options.address, help="A gateway to use; without it, a simulated one."
        ),
    ] = None,
    scenario: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=options.existing_file,
            help="When the simulated gateway misbehaves, and how.",
        ),
    ] = None,
    market: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=options.existing_file, help="The simulated gateway's prices and hours."
        ),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            parser=options.instant,
            help="Rehearse: worker and simulated gateway take it for the time; `trader clock` moves it on.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", parser=options.whole, help="Other random walks of the simulated prices."),
    ] = None,
    google: Annotated[
        bool,
        typer.Option("--google", help="On Google's own emulators of Firestore and Pub/Sub; nothing is kept."),
    ] = False,
    data_dir: options.DataDir = None,
    exit_with_parent: Annotated[bool, typer.Option(hidden=True)] = False,
) -> int:
    """Run the whole system on this machine until Ctrl-C.

    A gateway, the topics and the worker; one line says that they are ready. What dies is started again;
    logs go to worker.log and gateway.log in the folder, begun anew at each start with the last ones kept
    as .1. A new folder starts with a sample configuration, halted.
    """
    from trader.adapters.clock import set_ahead
    from trader.bootstrap import rehearsal_of
    from trader.entrypoints.cli.local_stack import LocalStack, Wanted
    from trader.entrypoints.cli.stack import own
    from trader.entrypoints.parent import exit_with_parent as watch_parent

    settings = _settings(data_dir, google=google)
    ahead = rehearsal_of(settings)
    further = {
        "--at": at,
        "--scenario": scenario,
        "--market": market,
        "--seed": seed,
    }
    given = {name: value for name, value in further.items() if value is not None}
    if gateway is not None and given:
        raise WrongUse(
            f"expected {next(iter(given))} only with the simulated gateway; leave out --gateway or it"
        )
    if google:
        _check_for_google(gateway=gateway is not None, at=at is not None, schedules=schedules)
    if at is not None:
        del given["--at"]
        given["--ahead"] = ahead
    if file is not None and not schedules:
        raise WrongUse(f"expected --schedules before a file of schedules, found {file} alone; add it")
    fired = asyncio.run(_schedules(file)) if schedules else None
    arguments = tuple(f"{name}={value}" for name, value in given.items())
    wanted = Wanted(USUAL_PORT if port is None else port, gateway, arguments, fired, google)
    if exit_with_parent:
        watch_parent()
    with own(settings.data_dir) as lock:
        ahead.unlink(missing_ok=True)
        if at is not None:
            set_ahead(ahead, at)
        asyncio.run(_until_stopped(LocalStack(settings, wanted, lock, print_line).run()))
    return 0


def _settings(data_dir: Path | None, *, google: bool) -> "Settings":
    """Return the settings; raises WrongUse where the environment means another backend than this stack's."""
    found = options.settings(data_dir)
    if google:
        # Whatever project the environment names is another one than that of the emulators started here.
        return found.model_copy(
            update={"backend": "local", "project": None, "firestore_emulator": None, "pubsub_emulator": None}
        )
    if found.backend != "local":
        raise WrongUse(
            f"expected TRADER_BACKEND local for a stack on this machine, found {found.backend}; "
            "unset it, or add --google"
        )
    return found


def _check_for_google(*, gateway: bool, at: bool, schedules: bool) -> None:
    """Raise WrongUse for what can't be had on emulators."""
    wrong = {
        "--gateway": (
            gateway,
            "emulators forget what was sent, so only the simulated gateway goes with them",
        ),
        "--at": (at, "Pub/Sub stamps each message with the real time"),
        "--schedules": (schedules, "that is Cloud Scheduler's work there"),
    }
    for option, (given, why) in wrong.items():
        if given:
            raise WrongUse(f"expected --google without {option}, found both: {why}; leave one out")


async def _schedules(file: Path | None) -> "Schedules":
    from trader.adapters.calendars import ExchangeCalendars
    from trader.adapters.clock import SystemClock
    from trader.entrypoints.cli.schedule_file import read_with_calendars

    found, _ = await read_with_calendars(file, SystemClock(), ExchangeCalendars())
    return found


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Do ``work`` until a signal; it then stops in order, and at once at a second signal."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
