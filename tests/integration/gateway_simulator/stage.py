"""A gateway that plays a scenario, its clock standing still on a Monday morning, and clients of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from ib_insync import IB, LimitOrder, MarketOrder, Stock, Trade

from gateway_simulator.clock import Clock
from gateway_simulator.faults import Faults
from gateway_simulator.gateway import Gateway
from gateway_simulator.market_file import MarketFile
from gateway_simulator.scenario import load_scenario
from gateway_simulator.server import serve

MORNING = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # ten in New York, a Monday
PATIENCE_S = 60  # reached only by a test that fails
AAPL = Stock("AAPL", "SMART", "USD")
HANDSHAKE = b"API\0\x00\x00\x00\x09v157..178"


async def until(condition: Callable[[], object]) -> None:
    """Wait for what must come."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


@dataclass
class Client:
    """ib_insync, with the errors that it was told."""

    ib: Any  # it has no types
    errors: list[tuple[int, int]] = field(default_factory=list)

    def buy(self, quantity: float = 10, limit: float | None = None) -> Trade:
        order = MarketOrder("BUY", quantity) if limit is None else LimitOrder("BUY", quantity, limit)
        order.tif = "DAY"
        trade: Trade = self.ib.placeOrder(AAPL, order)
        return trade

    def codes(self) -> list[int]:
        return [code for _, code in self.errors]


@dataclass
class Stage:
    """A gateway that plays a scenario."""

    gateway: Gateway
    port: int

    def advance(self, seconds: float) -> None:
        self.gateway.clock.set(self.gateway.clock.now() + timedelta(seconds=seconds))

    async def received(self, request: str, count: int = 1) -> None:
        await until(lambda: self.gateway.requests[request] >= count)

    @asynccontextmanager
    async def client(self, client_id: int = 1) -> AsyncIterator[Client]:
        library: Any = IB
        client = Client(library())
        client.ib.errorEvent += lambda req_id, code, *_: client.errors.append((req_id, code))
        await client.ib.connectAsync("127.0.0.1", self.port, client_id, timeout=PATIENCE_S)
        try:
            yield client
        finally:
            client.ib.disconnect()

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(HANDSHAKE)
        return reader, writer


@asynccontextmanager
async def playing(
    text: str, folder: Path, *, at: datetime = MORNING, prices: MarketFile | None = None
) -> AsyncIterator[Stage]:
    """A scenario by the name of its file, or written out; empty, the gateway behaves."""
    path = Path(str(files("gateway_simulator"))) / "scenarios" / f"{text}.yaml"
    if "when" in text or not text:
        path = folder / "scenario.yaml"
        path.write_text(text)
    clock = Clock(at, speed=0)
    gateway = Gateway(clock=clock, prices=prices, faults=Faults(load_scenario(path), clock))
    async with serve(gateway) as server:
        yield Stage(gateway, server.port)
