"""The command `gateway-simulator`: serve one simulated gateway until told to stop."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

from gateway_simulator import ahead
from gateway_simulator.accounts import parse_accounts
from gateway_simulator.clock import Clock
from gateway_simulator.faults import Faults
from gateway_simulator.gateway import Gateway
from gateway_simulator.market_file import load_market
from gateway_simulator.scenario import Scenario, load_scenario
from gateway_simulator.server import serve
from gateway_simulator.state import StateFile
from gateway_simulator.wire.fields import NEWEST, OLDEST

WRONG_USE = 2
LAST_PORT = 65535


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USE, f"{self.prog}: {message}\n")


def main() -> None:
    """Run it; exit 0 when it was told to stop, 2 for what it can't start with."""
    parser = _parser()
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        gateway, state = _gateway(args)
        asyncio.run(_run(gateway, args, state))
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"can't listen on {args.host}:{args.port}: {error.strerror}")


def _parser() -> Parser:
    parser = Parser("gateway-simulator", description=__doc__)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    add("--port", type=_port, default=7497, help="the port to listen on, 0 for any free one (%(default)s)")
    account = "an account and a cash balance of it, again for more of both (DU1234567:USD:100000)"
    add("--account", action="append", default=[], metavar="ID:CURRENCY:AMOUNT", help=account)
    add("--scenario", type=Path, help="a YAML file that says when the gateway misbehaves, and how")
    add("--market", type=Path, help="a YAML file with prices, permissions, and bars to replay")
    add("--seed", type=int, default=0, help="of the random walks of prices (%(default)s)")
    add("--now", type=_instant, help="the time to start at, such as 2026-11-23T10:00:00-05:00 (the real one)")
    add("--speed", type=float, default=1.0, help="simulated seconds a second, 0 to stand still (%(default)s)")
    ahead = "a file with the seconds by which the time is ahead of the real one; may grow as it runs"
    add("--ahead", type=Path, metavar="FILE", help=ahead)
    add("--state", type=Path, help="a file that keeps book, accounts and counters of requests")
    zone = "of the gateway, whose midnight it is (%(default)s)"
    add("--time-zone", type=_time_zone, default="US/Eastern", help=zone)
    newest = f"the newest server version to offer, {OLDEST} to {NEWEST} (%(default)s)"
    versions = range(OLDEST, NEWEST + 1)
    add("--max-version", type=int, default=NEWEST, choices=versions, metavar="N", help=newest)
    add("--exit-with-parent", action="store_true", help="stop when standard input ends")
    return parser


def _port(text: str) -> int:
    """For argparse."""
    if not (text.isdecimal() and int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to {LAST_PORT}, found {text!r}")
    return int(text)


def _instant(text: str) -> datetime:
    """For argparse: its message names the argument."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min  # noqa: DTZ901 - without a zone, so refused below
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"expected a time with its zone, found {text!r}")
    return at


def _time_zone(name: str) -> str:
    """For argparse."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"expected a time zone such as US/Eastern, found {name!r}") from None
    return name


def _gateway(args: argparse.Namespace) -> tuple[Gateway, StateFile | None]:
    """The gateway of the arguments, which goes on from its state file if there is one."""
    file = StateFile(args.state) if args.state else None
    state = file.read() if file else None
    if args.ahead and (args.now or args.speed != 1.0):
        raise ValueError("expected --ahead without --now and --speed, found both; leave one out")
    start = ahead.time(args.ahead) if args.ahead else args.now or datetime.now(UTC)
    clock = Clock(max(start, state.now) if state else start, args.speed)
    scenario = load_scenario(args.scenario) if args.scenario else Scenario()
    gateway = Gateway(
        clock=clock,
        prices=load_market(args.market) if args.market else None,
        seed=args.seed,
        accounts=parse_accounts(args.account),
        faults=Faults(scenario, clock),
        time_zone=args.time_zone,
        max_version=args.max_version,
    )
    if file:
        file.attach(gateway, state)
    return gateway, file


async def _run(gateway: Gateway, args: argparse.Namespace, file: StateFile | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if args.exit_with_parent:
        threading.Thread(target=_wait_for_end, args=(loop, stop), daemon=True).start()
    following = asyncio.create_task(ahead.follow(args.ahead, gateway.clock)) if args.ahead else None
    async with serve(gateway, args.host, args.port) as server:
        print(f"listening on {server.host}:{server.port}", flush=True)  # noqa: T201 - what it promises
        await stop.wait()
    if following:
        following.cancel()
    if file:
        file.write(gateway)


def _wait_for_end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Standard input ends when the process that holds its other side does, however it dies."""
    while os.read(0, 4096):  # sys.stdin's own lock, held here, would abort the interpreter's orderly end
        pass
    with contextlib.suppress(RuntimeError):  # the loop may have stopped by itself
        loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    main()
