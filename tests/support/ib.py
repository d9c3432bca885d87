"""A connection that a test can watch, to a simulated gateway that behaves, or not, as the test says."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from gateway_simulator.clock import Clock as SimulatedClock
from gateway_simulator.faults import Faults
from gateway_simulator.gateway import Gateway
from gateway_simulator.scenario import Rule, Scenario
from gateway_simulator.server import serve
from trader.adapters.clock import SystemClock
from trader.adapters.ib.account import IbBroker
from trader.adapters.ib.connection import Connection
from trader.adapters.ib.market_data import IbMarketData
from trader.adapters.ib.orders import IbOrders
from trader.domain.gateway import GatewayState, GatewayStatus
from trader.domain.status import Mode
from trader.ports import Clock
from trader.settings import Durations, Settings

OPEN = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""A Monday, ten in the morning in New York: stocks and currencies trade."""
PATIENCE_S = 60.0
"""How long a test waits for what must happen; reached only by a test that fails."""

OnState = Callable[[GatewayStatus], None]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Client:
    """The adapter as the worker opens it, and each state that it passed through."""

    def __init__(self, settings: Settings, clock: Clock, heartbeat_s: float, on_state: OnState) -> None:
        self.states: list[GatewayStatus] = []
        self._on_state = on_state
        self.connection = Connection(
            settings, clock, self._entered, nonce=lambda: uuid4().hex, heartbeat_s=heartbeat_s
        )
        self.broker = IbBroker(self.connection)
        self.market_data = IbMarketData(self.connection, clock)
        self.orders = IbOrders(self.connection, clock)
        self._entered_one = asyncio.Event()
        self._seen = 0

    def _entered(self, status: GatewayStatus) -> None:
        self.states.append(status)
        self._on_state(status)
        self._entered_one.set()

    async def reaches(self, state: GatewayState, code: str | None = None) -> GatewayStatus:
        """Return the next status, not returned before, of that state (and code)."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                while self._seen < len(self.states):
                    status = self.states[self._seen]
                    self._seen += 1
                    if status.state is state and code in (None, status.code):
                        return status
                self._entered_one.clear()
                await self._entered_one.wait()

    async def ready(self) -> GatewayStatus:
        return await self.reaches(GatewayState.READY)


@asynccontextmanager
async def client(
    port: int,
    *,
    clock: Clock | None = None,
    account: str | None = None,
    mode: Mode = Mode.PAPER,
    client_id: int = 1,
    connect_s: float = PATIENCE_S,
    broker_call_s: float = PATIENCE_S,
    heartbeat_s: float = PATIENCE_S,
    on_state: OnState = lambda _status: None,
) -> AsyncIterator[Client]:
    """Run a connection to that port on loopback, and close it at the end."""
    settings = Settings(
        gateway_port=port,
        account=account,
        mode=mode,
        client_id=client_id,
        durations=Durations(connect_s=connect_s, broker_call_s=broker_call_s),
    )
    opened = Client(settings, clock or SystemClock(), heartbeat_s, on_state)
    running = asyncio.create_task(opened.connection.run())
    try:
        yield opened
    finally:
        await opened.connection.close()
        assert running.cancelled()


class GatewayTime(SystemClock):
    """The clock of a simulated gateway, for a worker beside it; ``ahead_s`` of it if they should differ."""

    def __init__(self, gateway: Gateway, ahead_s: float = 0.0) -> None:
        self._clock = gateway.clock
        self._ahead = timedelta(seconds=ahead_s)

    def ahead(self, seconds: float) -> None:
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self._clock.now() + self._ahead


class HurriedTime(GatewayTime):
    """Waits but a moment, where a connection would wait longer and longer before it tries again."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(min(seconds, 0.002))


def simulated(*rules: tuple[Any, Any], at: datetime = OPEN, **given: Any) -> Gateway:
    """Return a gateway at that time of its clock; a rule is what a scenario file has as when and then."""
    clock = SimulatedClock(at)
    scenario = Scenario(
        rules=tuple(Rule.model_validate({"when": when, "then": then}) for when, then in rules)
    )
    return Gateway(clock=clock, faults=Faults(scenario, clock), **given)


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def drop(gateway: Gateway) -> None:
    """Close every client's connection."""
    for session in tuple(gateway.sessions):
        session.close()


def tell(gateway: Gateway, code: int, text: str = "") -> None:
    """Tell every client something that belongs to no request."""
    for session in gateway.sessions:
        session.error(-1, code, text)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what tells nobody when it changes, such as the simulator's counters."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


@asynccontextmanager
async def connected(gateway: Gateway, **given: Any) -> AsyncIterator[Client]:
    """Serve ``gateway`` and yield a client of it that is ready."""
    async with serve(gateway) as server, client(server.port, clock=GatewayTime(gateway), **given) as worker:
        await worker.ready()
        yield worker


@asynccontextmanager
async def raw_server(serve: Serve) -> AsyncIterator[int]:
    """Listen on loopback with ``serve``, which ends when its client has gone; yield the port."""
    serving: list[asyncio.Task[None] | None] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*(task for task in serving if task is not None))
