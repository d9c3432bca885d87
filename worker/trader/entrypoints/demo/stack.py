"""The demo's stack: `trader dev` as a process of its own, and the proof that it is gone afterwards."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from trader.entrypoints.cli.stack import Stack, running_stack
from trader.entrypoints.demo.scene import Broken
from trader.settings import EMULATORS, PREFIX

START_S = 90
STOP_S = 60

SOON = {"TRADER_LEASE_S": "2", "TRADER_SETTLE_S": "0.5"}
"""A killed worker's runs are taken over after a minute, as a rule: long for someone who watches."""


class DemoStack:
    """Starts and stops `trader dev` on ``folder``; the environment's own TRADER_* mean nothing here."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder = folder
        self._arguments = arguments
        self._process: Process | None = None

    async def start(self) -> Stack:
        """Return where the stack listens, once it is ready; raises Broken."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(PREFIX) and name not in EMULATORS.values()
        }
        with (self._folder / "dev.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "trader.entrypoints.cli", "dev", "--exit-with-parent"),
                *("--port", "0", "--data-dir", str(self._folder)),
                *self._arguments,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                env={**environment, **SOON},
                process_group=0,  # Ctrl-C is for the demo, which then stops it
            )
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            async with asyncio.timeout(START_S):
                line = (await self._process.stdout.readline()).decode().strip()
        except TimeoutError:
            raise Broken(f"expected the stack to be ready within {START_S} s") from None
        stack = running_stack(self._folder)
        if not line.startswith("ready:") or " account " not in line or stack is None:
            raise Broken(f"expected the stack to be ready, found {line or 'that it ended'}")
        return stack

    def kill_worker(self) -> int:
        """Kill the worker, and return which process that was; raises Broken when there is none."""
        stack = running_stack(self._folder)
        try:
            if stack is None:
                raise ProcessLookupError
            os.kill(stack.worker_pid, signal.SIGKILL)
        except ProcessLookupError:
            raise Broken("expected a worker to kill, found none") from None
        return stack.worker_pid

    async def stop(self) -> None:
        """Stop it; raises Broken unless its processes have ended and its ports are closed."""
        process = self._process
        if process is None:
            return
        stack = running_stack(self._folder)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                code = await process.wait()
        except TimeoutError:
            raise Broken(f"expected the stack to stop within {STOP_S} s, found it running") from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if code != 0:
            raise Broken(f"expected the stack to stop with exit code 0, found {code}")
        if stack is not None:
            _verify_gone(stack)


def beside(name: str) -> str:
    """Return the path of a file that comes with the demo."""
    return str(files("trader.entrypoints.demo").joinpath(name))


def _verify_gone(stack: Stack) -> None:
    pids = {"worker": stack.worker_pid, "gateway": stack.gateway_pid}
    addresses = [stack.worker.removeprefix("http://"), stack.gateway]
    if stack.emulators:
        pids |= {"Firestore": stack.emulators.firestore_pid, "Pub/Sub": stack.emulators.pubsub_pid}
        addresses += [stack.emulators.firestore, stack.emulators.pubsub]
    for name, pid in pids.items():
        with suppress(ProcessLookupError):
            if pid is not None:
                os.kill(pid, 0)
                raise Broken(f"expected no process to be left, found the {name} (pid {pid})")
    for address in addresses:
        host, _, port = address.rpartition(":")
        with socket.socket() as client:
            if client.connect_ex((host, int(port))) == 0:
                raise Broken(f"expected closed ports, found {address} open")
