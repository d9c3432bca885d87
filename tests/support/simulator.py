"""A simulated gateway in this process, whose clock stands still, and ib_insync connected to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from ib_insync import IB, Contract, Forex, Stock, Trade

from gateway_simulator.clock import Clock
from gateway_simulator.faults import Faults
from gateway_simulator.gateway import Gateway
from gateway_simulator.scenario import Rule, Scenario
from gateway_simulator.server import serve

OPEN = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""Ten in the morning in New York, a Monday."""
PATIENCE_S = 60.0
"""How long a test waits for what must happen; reached only by a test that fails."""

SPY = Stock("SPY", "SMART", "USD")
EURUSD = Forex("EURUSD")


def simulated(*rules: tuple[Any, Any], at: datetime = OPEN, speed: float = 0, **given: Any) -> Gateway:
    """A gateway at that time; a rule is what a scenario file has as when and then."""
    clock = Clock(at, speed)
    scenario = Scenario(
        rules=tuple(Rule.model_validate({"when": when, "then": then}) for when, then in rules)
    )
    return Gateway(clock=clock, faults=Faults(scenario, clock), **given)


class Listening(Protocol):
    """A server, here or in a process of its own."""

    host: str
    port: int


@asynccontextmanager
async def client(server: Listening, client_id: int = 1, **given: Any) -> AsyncIterator[IB]:
    """ib_insync, connected and synchronised; errors of requests are raised."""
    ib = IB()  # type: ignore[no-untyped-call]
    ib.RaiseRequestErrors = True
    ib.RequestTimeout = PATIENCE_S
    ib.client.MaxRequests = 0
    async with asyncio.timeout(PATIENCE_S):
        await ib.connectAsync(server.host, server.port, clientId=client_id, timeout=PATIENCE_S, **given)
    try:
        yield ib
    finally:
        ib.disconnect()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def connected(gateway: Gateway, client_id: int = 1, **given: Any) -> AsyncIterator[IB]:
    """Serve the gateway and connect to it."""
    async with serve(gateway) as server, client(server, client_id, **given) as ib:
        yield ib


async def until(condition: Callable[[], object]) -> None:
    """Wait for what tells nobody when it changes."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def ended(trade: Trade) -> Trade:
    """Wait until the client sees the order at its end."""
    await until(trade.isDone)
    return trade


async def errors(ib: IB, code: int) -> tuple[int, int, str]:
    """Wait for an error of that code."""
    async with asyncio.timeout(PATIENCE_S):
        async for req_id, found, text, _ in ib.errorEvent:
            if found == code:
                return req_id, found, text
    raise AssertionError(f"expected error {code}, found none")


async def qualified(ib: IB, contract: Contract) -> Contract:
    """The contract with its id."""
    [found] = await ib.qualifyContractsAsync(contract)
    return found
