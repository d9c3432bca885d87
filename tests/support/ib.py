"""A connection to a gateway that a test can watch, and gateways too dumb for the simulator."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from trader.adapters.clock import SystemClock
from trader.adapters.ib.account import IbBroker
from trader.adapters.ib.connection import Connection
from trader.adapters.ib.market_data import IbMarketData
from trader.domain.gateway import GatewayState, GatewayStatus
from trader.domain.status import Mode
from trader.ports import Clock
from trader.settings import Durations, Settings

PATIENCE_S = 10.0
"""How long a test waits for what must happen; reached only by a test that fails."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Client:
    """The adapter as the worker opens it, and each state that it passed through."""

    def __init__(self, settings: Settings, clock: Clock, heartbeat_s: float) -> None:
        self.states: list[GatewayStatus] = []
        self.connection = Connection(settings, clock, self._entered, heartbeat_s=heartbeat_s)
        self.broker = IbBroker(self.connection)
        self.market_data = IbMarketData(self.connection, clock)
        self._entered_one = asyncio.Event()
        self._seen = 0

    def _entered(self, status: GatewayStatus) -> None:
        self.states.append(status)
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
) -> AsyncIterator[Client]:
    """Run a connection to that port on loopback, and close it at the end."""
    settings = Settings(
        gateway_port=port,
        account=account,
        mode=mode,
        client_id=client_id,
        durations=Durations(connect_s=connect_s, broker_call_s=broker_call_s),
    )
    opened = Client(settings, clock or SystemClock(), heartbeat_s)
    running = asyncio.create_task(opened.connection.run())
    try:
        yield opened
    finally:
        await opened.connection.close()
        assert running.cancelled()


class ShiftedClock(SystemClock):
    """The machine's clock, so many seconds away from the truth."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(super().now().timestamp() + self._seconds, UTC)


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
