"""The local stack: gateway, topic and worker, started one after another and stopped the other way round."""

import asyncio
import os
import random
import shlex
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from trader.bootstrap import open_clock
from trader.domain.errors import Failed
from trader.domain.schedules import Period, Schedules
from trader.domain.trading_state import TradingState
from trader.entrypoints.cli import options
from trader.entrypoints.cli.backend import STOP_S, Backend, open_emulators, open_files
from trader.entrypoints.cli.child import Child
from trader.entrypoints.cli.errors import WrongUse
from trader.entrypoints.cli.firing import Firing
from trader.entrypoints.cli.output import tell
from trader.entrypoints.cli.readiness import Probe, Readiness
from trader.entrypoints.cli.seeding import seed
from trader.entrypoints.cli.stack import Stack, write_stack
from trader.settings import Settings
from trader.stored.schedules import apply_schedules

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Where a free port is looked for: below those that outgoing connections take before anybody listens."""
READY_S = 15
"""How long the gateway may take to connect before the stack calls itself ready without it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked of the stack."""

    port: int = 0
    gateway: str | None = None  # HOST:PORT of another gateway than the simulated one
    simulator: tuple[str, ...] = ()  # the simulated one's further arguments
    schedules: Schedules | None = None  # published at their ticks
    google: bool = False  # on Google's emulators


class LocalStack:
    """One stack; ``lock`` is the descriptor that holds its folder. ``announce`` is given the ready line."""

    def __init__(
        self, settings: Settings, wanted: Wanted, lock: int, announce: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._wanted = wanted
        self._lock = lock
        self._announce = announce
        self._clock = open_clock(self._settings)
        self._started_at = self._clock.now()
        self._port = free_port(wanted.port)
        self._url = f"http://{HOST}:{self._port}"
        self._gateway = wanted.gateway or ""
        self._simulator: Child | None = None
        self._worker: Child
        self._backend: Backend
        self._working: list[asyncio.Task[Any]] = []

    async def run(self) -> None:
        """Run until cancelled; raises WrongUse or Failed when it can't start."""
        async with AsyncExitStack() as opened:
            self._backend = backend = await self._open(opened)
            standing = await self._standing()
            if self._wanted.gateway is None:
                await self._start_simulator(opened)
            for work in backend.work:
                self._do(opened, work())
            # Started after the push and so stopped before it: its last answers still count.
            await self._start_worker(opened)
            probe = await opened.enter_async_context(Probe(self._url))
            said = await self._first_word(probe)
            self._write()
            self._keep(opened, self._worker, "trader.entrypoints.serve")
            if said.ready:
                self._announce(f"ready: {self._places()} {await self._account_of(said)}")
            else:
                why = f"gateway is {said.gateway}: {said.reason}; intents wait for it"
                self._announce(f"ready: {self._places()} ({why})")
                self._do(opened, self._tell_when_ready(probe), ends=True)
            if standing and backend.topics:
                self._do(opened, Firing(backend.topics, self._clock, standing, tell).run())
            done, _ = await asyncio.wait(self._working, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()  # what runs for ever has failed

    async def _open(self, opened: AsyncExitStack) -> Backend:
        if not self._wanted.google:
            return await open_files(self._settings, self._clock, self._url, opened)

        def child(name: str) -> Child:
            return self._child(name, {})

        return await open_emulators(self._settings, self._clock, self._url, opened, child)

    async def _standing(self) -> list[Period]:
        """Return the schedules that stand, once the store knows them."""
        if self._wanted.schedules is None:
            return []
        applied = await apply_schedules(self._backend.store, self._wanted.schedules, self._clock.now())
        return list(applied.standing())

    async def _start_simulator(self, opened: AsyncExitStack) -> None:
        self._simulator = child = self._child("gateway", {})
        path = self._settings.data_dir / "gateway.json"
        if self._backend.emulators:  # they forget, and so does the gateway that they know
            path = path.with_name("google-gateway.json")
            path.unlink(missing_ok=True)
        state = ("--state", str(path))
        opened.push_async_callback(child.stop, STOP_S)
        await child.start("gateway_simulator", "--port", "0", *state, *self._wanted.simulator)
        port = await child.listening()
        if port is None:
            raise WrongUse(f"expected the simulated gateway to start; {child.last_words()}")
        self._gateway = f"{HOST}:{port}"
        self._keep(opened, child, "gateway_simulator", "--port", str(port), *state, *self._wanted.simulator)

    async def _start_worker(self, opened: AsyncExitStack) -> None:
        host, _, port = self._gateway.rpartition(":")
        self._worker = self._child(
            "worker",
            {
                "HOST": HOST,
                "PORT": str(self._port),
                "TRADER_DATA_DIR": str(self._settings.data_dir),
                "TRADER_GATEWAY_HOST": host,
                "TRADER_GATEWAY_PORT": port,
                **self._backend.variables,
            },
        )
        opened.push_async_callback(self._worker.stop, STOP_S)
        await self._worker.start("trader.entrypoints.serve")

    async def _first_word(self, probe: Probe) -> Readiness:
        """Return how the worker is; raises Failed when it ends instead."""
        word = asyncio.create_task(probe.first_word(READY_S))
        end = asyncio.create_task(self._worker.ended())
        try:
            await asyncio.wait({word, end}, return_when=asyncio.FIRST_COMPLETED)
            if not word.done():
                raise Failed(
                    "worker-failed",
                    f"expected the worker to start, found it ended; see the end of {self._worker.log}",
                )
            return word.result()
        finally:
            word.cancel()
            end.cancel()
            await asyncio.gather(word, end, return_exceptions=True)

    async def _tell_when_ready(self, probe: Probe) -> None:
        said = await probe.until_ready()
        tell(f"the gateway is ready: {await self._account_of(said)}")

    async def _account_of(self, said: Readiness) -> str:
        """Return which account is served and what it may do, once it has what a stack starts with."""
        if said.account is None:
            raise Failed(
                "account-unknown", "expected a worker that is ready to know its account; see its log"
            )
        if self._backend.emulators:
            here = self._command("gcloud-env")
            return f'account {said.account} (nothing is stored; here with: eval "$({here})")'
        store, simulated = self._backend.store, self._simulator is not None
        state = await seed(store, self._clock, said.account, simulated=simulated)
        if state is TradingState.ACTIVE:
            return f"account {said.account} ({state})"
        return f"account {said.account} ({state}; allow orders with: {self._command('state active')})"

    def _places(self) -> str:
        places = f"worker {self._url} gateway {self._gateway} data {self._settings.data_dir}"
        emulators = self._backend.emulators
        return f"{places} firestore {emulators.firestore} pubsub {emulators.pubsub}" if emulators else places

    def _command(self, command: str) -> str:
        """Return ``command`` as a person types it in another terminal."""
        if self._settings.data_dir == options.settings().data_dir:
            return f"trader {command}"
        return f"trader {command} --data-dir {shlex.quote(str(self._settings.data_dir))}"

    def _write(self) -> None:
        assert self._worker.pid is not None  # noqa: S101 - written once it has started
        stack = Stack(
            pid=os.getpid(),
            worker=self._url,
            worker_pid=self._worker.pid,
            gateway=self._gateway,
            gateway_pid=self._simulator.pid if self._simulator else None,
            started_at=self._started_at,
            emulators=self._backend.emulators,
        )
        write_stack(self._settings.data_dir, stack)

    def _child(self, name: str, environment: dict[str, str]) -> Child:
        log = self._settings.data_dir / f"{name}.log"
        return Child(name, log, holds=self._lock, environment=environment)

    def _keep(self, opened: AsyncExitStack, child: Child, *command: str) -> None:
        self._do(opened, child.keep(command, self._write))

    def _do(self, opened: AsyncExitStack, work: Coroutine[Any, Any, Any], *, ends: bool = False) -> None:
        """Do ``work`` beside the rest; unless it ``ends``, its end is a failure."""
        task = asyncio.create_task(work)
        if not ends:
            self._working.append(task)

        async def cancelled() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        opened.push_async_callback(cancelled)


def free_port(wanted: int) -> int:
    """Return ``wanted``, or any free port for 0; raises WrongUse when it is taken."""
    reason = None
    for port in [wanted] if wanted else random.sample(PORTS, k=20):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                reason = error.strerror
            else:
                return port
    raise WrongUse(
        f"expected port {wanted} to be free, found it taken ({reason}); name another with --port, 0 takes any"
    )
