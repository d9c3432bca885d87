"""A play: a whole worker over the sockets of a gateway that follows the simulator's own scenario files."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from gateway_simulator import effects
from gateway_simulator.book import Order
from gateway_simulator.contracts import ContractQuery
from gateway_simulator.faults import Faults
from gateway_simulator.gateway import Gateway
from gateway_simulator.scenario import Scenario, load_scenario
from gateway_simulator.wire.orders import PlaceOrder
from tests.support.crash import ACCOUNT, Theatre, theatre
from tests.support.eventually import eventually
from tests.support.gateway import RunningWorker, running_worker
from tests.support.ib import OPEN, simulated
from trader.domain.ledger import holdings
from trader.domain.messages import Result
from trader.domain.wire import JsonObject
from trader.ports import Topic
from trader.settings import Durations
from trader.stored import orderbook

SCENARIOS = Path(str(files("gateway_simulator"))) / "scenarios"
QUICK = Durations(connect_s=5, broker_call_s=5, settle_s=0.02, order_wait_s=0.5)
"""Short where a wait is in vain; a lease dies only when a test moves time on."""
SILENT = QUICK.model_copy(update={"broker_call_s": 1})
"""Where the gateway's silence is what is waited for; a busy machine can take that long to answer."""

SIGNAL: JsonObject = {"intent": "testsignalgenerator"}
CLOSE_ALL: JsonObject = {"intent": "close-all"}
RECONCILE: JsonObject = {"intent": "trade-reconciliation"}
REPAIR: JsonObject = {"intent": "reconcile", "repair": True, "reason": "looked at the broker's own statement"}
SYMBOLS = ("SPY", "MSFT", "NVDA", "IWM", "TSLA")
"""Of what the simulator's market is at ``OPEN``, the signal is short of SPY and NVDA, long of the others."""
MANY: Mapping[str, Any] = {
    "exposure": {"overall": 0.9, "strategies": {"testsignalgenerator": 0.05}},
    "strategies": {
        "testsignalgenerator": {
            "enabled": True,
            "allowedSymbols": [*SYMBOLS, "AAPL", "QQQ", "DIA"],
            "maxNotional": 50_000,
            "allowShort": True,
        }
    },
}
"""A configuration under which the signal may hold many symbols, a little of each."""


def signal(symbol: str, **given: Any) -> JsonObject:
    """Return a live message for one symbol."""
    return {**SIGNAL, "symbol": symbol, **given}


def placed(gateway: Gateway, symbol: str = "") -> list[Order]:
    """Return our orders, or those in one symbol, as the gateway's book has them, oldest first."""
    ours = [order for order in gateway.book.orders.values() if order.terms.order_ref]
    return [order for order in ours if symbol in ("", order.contract.symbol)]


async def with_a_history(world: Theatre, **configuration: Any) -> None:
    """Configure the account and let it have had an order, so that the gateway's ids are known to count."""
    await world.configured(**{**MANY, **configuration})
    async with world.worker() as runner:
        assert await world.deliver(runner, world.message(signal("SPY"), "history")(1))


def misbehaves(gateway: Gateway, *names: str) -> None:
    """From now on ``gateway`` follows these scenario files of the simulator."""
    rules = [rule for name in names for rule in load_scenario(SCENARIOS / f"{name}.yaml").rules]
    gateway.faults = Faults(Scenario(rules=tuple(rules)), gateway.clock)
    for timed in gateway.faults.timed():
        seconds = (timed.at - gateway.clock.now()).total_seconds()
        gateway.later(seconds, partial(effects.perform, gateway, timed.actions))


@dataclass
class Play:
    """A world, a worker that serves in it, and how a topic delivers to it."""

    world: Theatre
    worker: RunningWorker
    _published: dict[str, datetime] = field(default_factory=dict)
    _deliveries: Counter[str] = field(default_factory=Counter)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def gateway(self) -> Gateway:
        return self.world.gateway

    def misbehaves(self, *names: str) -> None:
        misbehaves(self.gateway, *names)

    async def push(self, body: JsonObject, message_id: str, **given: Any) -> httpx.Response:
        """Deliver a message once more; however often it comes, it was published when it first came."""
        self._deliveries[message_id] += 1
        known = {
            "message_id": message_id,
            "published_at": self._published.setdefault(message_id, self.worker.clock.now()),
            "attempt": self._deliveries[message_id],
        }
        return await self.worker.push(body, **{**known, **given})

    async def result(self, body: JsonObject, message_id: str | None = None) -> Result:
        """Deliver a message until it is acknowledged, and return the one result that its run ended in."""
        message_id = message_id or f"unnamed-{next(self._ids)}"
        answer = None
        for _ in range(10):
            await self.worker.until_ready()
            answer = await self.push(body, message_id)
            if answer.status_code == 204:
                return await self.world.the_result_of(f"message/{message_id}")
        raise AssertionError(f"never acknowledged: {answer and answer.text}")

    async def pass_on(self) -> None:
        """Deliver each intent that a run has published, as the topic would, until there are no more."""
        delivered = 0
        while True:
            follow = self.world.topics.subscription(Topic.INTENTS).follow(wait=False)
            sent = [message async for message in follow][delivered:]
            if not sent:
                return
            for message in sent:
                body, attributes = json.loads(message.data), message.attributes
                answer = await self.push(body, message.id, attributes=attributes)
                assert answer.status_code == 204, answer.text
            delivered += len(sent)

    async def holds(self, *symbols: str) -> None:
        """Let the account come to hold some of each symbol, by signals that are carried out."""
        for symbol in symbols:
            result = await self.result(signal(symbol))
            assert [order.state for order in result.orders] == ["filled"], result
        assert len(self.gateway.book.positions_of(ACCOUNT)) >= len(symbols)

    def manual(self, symbol: str, side: str, quantity: Decimal, **terms: Any) -> Order:
        """Place an order as by hand, at the market unless ``terms`` say otherwise."""
        (contract,) = self.gateway.catalogue.find(ContractQuery(symbol=symbol, sec_type="STK"))
        wanted = {"action": side, "total_quantity": quantity, "order_type": "MKT", "tif": "DAY", **terms}
        return self.gateway.manual_order(contract, PlaceOrder(**wanted))

    def placed(self, symbol: str = "") -> list[Order]:
        """Return our orders as the gateway's book has them, oldest first."""
        return placed(self.gateway, symbol)

    def position(self, symbol: str) -> Decimal:
        """Return what the broker says is held."""
        held = self.gateway.book.positions_of(ACCOUNT)
        return sum((p.quantity for p in held if p.contract.symbol == symbol), Decimal(0))

    async def held(self) -> dict[str, Decimal]:
        """Return what our books say is held, by owner, of everything that isn't zero."""
        sums: dict[str, Decimal] = {}
        for (owner, _), quantity in holdings(await orderbook.all_fills(self.world.store, ACCOUNT)).items():
            sums[owner] = sums.get(owner, Decimal(0)) + quantity
        return sums

    async def locked(self) -> list[str]:
        """Return the instruments in which nothing may be opened."""
        locks = await orderbook.contract_locks(self.world.store, ACCOUNT)
        return sorted(lock.value.instrument for lock in locks.values())

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait for what the simulator tells nobody."""
        await eventually(lambda: bool(holds()))


@asynccontextmanager
async def playing(
    folder: Path,
    *scenarios: str,
    at: datetime = OPEN,
    gateway: Gateway | None = None,
    ready: bool = True,
    configuration: Mapping[str, Any] = MANY,
    **settings: Any,
) -> AsyncIterator[Play]:
    """Open a world with an active account and a worker; at the end all must be well, whatever happened."""
    async with theatre(folder, gateway or simulated(at=at)) as world:
        await world.configured(**configuration)
        if scenarios:
            misbehaves(world.gateway, *scenarios)
        given = {"account": ACCOUNT, "durations": QUICK, **settings}
        async with running_worker(world.gateway, world.port, folder, clock=world.clock, **given) as worker:
            if ready:
                await worker.until_ready()
            yield Play(world, worker)
        await world.all_is_well()
