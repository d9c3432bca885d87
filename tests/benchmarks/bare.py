"""Bare ib_insync, as one would use it without this project: the floor of everything that asks the broker."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from ib_insync import IB, Contract, Fill, MarketOrder, Stock, Trade

PATIENCE_S = 120
CLIENT_ID = 7
SETTLED_S = 0.05
"""In which the gateway has told every client of a fill."""


class Bare:
    """A client of its own, connected on a loop of its own that runs only while something is asked of it."""

    def __init__(self, runner: asyncio.Runner, gateway: int) -> None:
        self._runner = runner
        self._gateway = gateway
        self.ib = new_client()

    def connect(self) -> float:
        """Connect and synchronise; return how long that took, in seconds."""
        began = perf_counter()
        self._runner.run(connect(self.ib, self._gateway))
        return perf_counter() - began

    def disconnect(self) -> None:
        self.ib.disconnect()
        self._runner.run(asyncio.sleep(0.01))  # the socket closes in a later turn of the loop
        self.ib = new_client()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something else on the client's loop."""
        self._runner.run(work)

    def trade(self, orders: Sequence[tuple[Contract, int]]) -> float:
        """Place market orders, all at once, and return the seconds until the last of them is filled."""
        return self._runner.run(self._trade(orders))

    async def _trade(self, orders: Sequence[tuple[Contract, int]]) -> float:
        began = perf_counter()
        trades = [
            self.ib.placeOrder(contract, MarketOrder("BUY" if size > 0 else "SELL", abs(size), tif="DAY"))
            for contract, size in orders
        ]
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(_filled(trade) for trade in trades))
        return perf_counter() - began

    def provoke_a_drop(self) -> datetime:
        """Tell the gateway to cancel everything, and return when it has dropped this connection for it."""
        return self._runner.run(self._dropped())

    async def _dropped(self) -> datetime:
        async with asyncio.timeout(PATIENCE_S):
            self.ib.reqGlobalCancel()
            await self.ib.disconnectedEvent
        return datetime.now(UTC)

    def fills(self, of_last: int) -> list[Fill]:
        """Return the last fills that this client has been told of."""
        return self.ib.fills()[-of_last:]

    def positions(self) -> dict[str, int]:
        """Return what is held, by symbol, as the gateway has told so far."""
        self._runner.run(asyncio.sleep(SETTLED_S))
        held = self.ib.positions()
        return {position.contract.symbol: int(position.position) for position in held if position.position}


async def connect(ib: IB, gateway: int, client_id: int = CLIENT_ID) -> None:
    """Connect as ib_insync does by itself: everything that it keeps is read."""
    await ib.connectAsync("127.0.0.1", gateway, clientId=client_id, timeout=PATIENCE_S)


def new_client() -> IB:
    """Return a client that neither throttles itself nor takes an error for an empty answer."""
    ib = IB()
    ib.client.MaxRequests = 0
    ib.RaiseRequestErrors = True
    return ib


@contextmanager
def bare(gateway: int) -> Iterator[Bare]:
    """Yield a client of the gateway at that port, connected."""
    with asyncio.Runner() as runner:
        client = Bare(runner, gateway)
        client.connect()
        try:
            yield client
        finally:
            client.disconnect()


def stocks(count: int) -> list[Contract]:
    """Return so many US stocks; the simulated gateway knows any symbol."""
    letters = "ABCDEFGHIJKLMNOPQRST"
    symbols = [f"Q{a}{b}X" for a in letters for b in letters]
    return [Stock(symbol, "SMART", "USD") for symbol in symbols[:count]]


async def _filled(trade: Trade) -> None:
    if trade.orderStatus.status != "Filled":
        await trade.filledEvent
