"""A world whose workers die at a given port call: store, topic and gateway stay, all memory is gone."""

import asyncio
import inspect
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, cast

from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from tests.support.bars import BarsInMemory
from tests.support.calendars import NoCalendars
from tests.support.deliveries import delivery
from tests.support.ib import GatewayTime, simulated
from trader.adapters.ib import open_ib
from trader.adapters.local_topic import LocalTopics
from trader.adapters.sqlite import SqliteStore
from trader.discovery import find_intents, find_strategies
from trader.domain.configuration_sample import sample
from trader.domain.errors import GatewayNotReady, Retryable, StoreUnavailable, TopicUnavailable
from trader.domain.ledger import holdings
from trader.domain.messages import Result
from trader.domain.orders import OrderState
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject
from trader.ports import OpenedStore, Ports, Store, Topic
from trader.runner.runner import Runner
from trader.runner.sweeper import Sweeper
from trader.runs import runs
from trader.runs.decoding import Delivery
from trader.settings import Durations, Settings
from trader.stored import orderbook, records

ACCOUNT = "DU1234567"
DURATIONS = Durations(settle_s=0.02, connect_s=60, broker_call_s=60, order_wait_s=5)

How = Literal["before", "after", "error", "refused"]
"""Dies before the call, dies after it, or lives on with an error for a call that was, or wasn't, applied."""


class Died(BaseException):
    """The worker is no more: nothing of it may catch this."""


@dataclass
class Fate:
    """Counts the port calls of one worker whose names begin with ``of``; at the ``at``-th the worker ends, or
    the call fails."""

    at: int = 0
    how: How = "before"
    of: str = ""
    calls: list[str] = field(default_factory=list)
    dead: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the worker got as far as the call meant."""
        return 0 < self.at <= len(self.calls)

    def before(self, name: str) -> bool:
        """Count a call; return whether it is the one meant. Raises Died, or the error of a refused call."""
        if self.dead:
            raise Died
        if not name.startswith(self.of):
            return False
        self.calls.append(name)
        meant = len(self.calls) == self.at
        if meant and self.how == "before":
            self.die()
        if meant and self.how == "refused":
            raise _ERRORS[name.partition(".")[0]]
        return meant

    def after(self, name: str, *, meant: bool) -> None:
        """End the call; raises Died or the error of ``name``'s port."""
        if self.dead:
            raise Died
        if meant and self.how == "after":
            self.die()
        if meant and self.how == "error":
            raise _ERRORS[name.partition(".")[0]]

    def die(self) -> None:
        self.dead = True
        raise Died


_ERRORS: Mapping[str, Retryable] = {
    "store": StoreUnavailable("store-unavailable", "an error, whether applied or not"),
    "publisher": TopicUnavailable("topic-unavailable", "an error, whether applied or not"),
    "bar_store": StoreUnavailable("bars-unavailable", "an error, whether applied or not"),
    "orders": GatewayNotReady("gateway-disconnected", "an error, whether applied or not"),
    "market_data": GatewayNotReady("gateway-disconnected", "an error, whether applied or not"),
}
_UNCOUNTED = frozenset({"told", "complaint", "has_placed", "link", "change", "slot"})
"""What is polled for, and has no effect: dying there is dying at the effect before or after it."""


class Fated:
    """A port in front of the real one, each of whose calls may be the worker's last."""

    def __init__(self, name: str, port: Any, fate: Fate) -> None:
        self._name = name
        self._port = port
        self._fate = fate

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._port, method)
        if not callable(real) or method in _UNCOUNTED:
            return real
        name = f"{self._name}.{method}"
        return self._async(name, real) if inspect.iscoroutinefunction(real) else self._sync(name, real)

    def _async(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            meant = self._fate.before(name)
            answer = await real(*args, **kwargs)
            self._fate.after(name, meant=meant)
            return answer

        return call

    def _sync(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            meant = self._fate.before(name)
            answer = real(*args, **kwargs)
            self._fate.after(name, meant=meant)
            return answer

        return call


class JumpClock(GatewayTime):
    """The gateway's time, and a monotonic clock that a test moves on without waiting."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self._jumped = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._jumped

    def jump(self, seconds: float) -> None:
        self._jumped += seconds


@dataclass
class Theatre:
    """What outlives every worker: a gateway on a port, a store, topics, a clock."""

    gateway: Gateway
    port: int
    store: Store
    topics: LocalTopics
    clock: JumpClock
    seen: int = 0
    bars: BarsInMemory = field(default_factory=BarsInMemory)

    @asynccontextmanager
    async def worker(self, fate: Fate | None = None) -> AsyncIterator[Runner]:
        """A new worker process, as it were; leaving it is its end, however it came to it."""
        fate = fate or Fate()
        nonces = itertools.count()
        settings = Settings(gateway_port=self.port, account=ACCOUNT, durations=DURATIONS)
        connection, broker, market_data, orders = open_ib(
            settings, self.clock, lambda: f"nonce-{id(fate)}-{next(nonces)}"
        )
        ports = Ports(
            clock=self.clock,
            store=cast("Store", Fated("store", self.store, fate)),
            publisher=cast("Any", Fated("publisher", self.topics, fate)),
            broker=broker,
            market_data=cast("Any", Fated("market_data", market_data, fate)),
            orders=cast("Any", Fated("orders", orders, fate)),
            calendars=NoCalendars(),
            nonce=lambda: f"{id(fate)}-{next(nonces)}",
            history=cast("Any", Fated("market_data", market_data, fate)),
            bar_store=cast("Any", Fated("bar_store", self.bars, fate)),
        )
        runner = Runner(
            ports, find_intents(), settings, account=lambda: ACCOUNT, strategies=find_strategies()
        )
        running = asyncio.create_task(connection.run())
        try:
            async with asyncio.timeout(60):
                while not broker.status().ready:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            yield runner
            with suppress(Died):
                await runner.stop()
        finally:
            fate.dead = True
            with suppress(BaseException):
                await runner.teller.finish()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await connection.close()

    async def configured(self, state: TradingState = TradingState.ACTIVE, **changes: Any) -> None:
        """Store the sample configuration and a trading state."""
        data: JsonObject = {**sample(ACCOUNT), **changes}
        await records.write_configuration(self.store, records.configuration_path(ACCOUNT), data)
        now = self.clock.now()
        await records.set_trading_state(self.store, ACCOUNT, state, reason="test", published_at=now, at=now)

    def message(self, body: JsonObject, message_id: str) -> Callable[[int], Delivery]:
        """Return a way to deliver one message again and again."""
        first = delivery(body, published_at=self.clock.now(), message_id=message_id)
        return lambda attempt: first.model_copy(update={"delivery_attempt": attempt})

    def pass_time(self, seconds: float) -> None:
        """Let every clock move on: the broker's, the worker's, and the one that leases die by."""
        self.clock.jump(seconds)
        self.gateway.clock.set(self.gateway.clock.now() + timedelta(seconds=seconds))

    async def deliver(self, runner: Runner, message: Delivery) -> bool:
        """Return whether the message was acknowledged; a death is none."""
        try:
            await runner.receive(message)
        except (Retryable, Died):
            return False
        return True

    async def until_acknowledged(self, message: Callable[[int], Delivery], *, first_attempt: int = 2) -> None:
        """Deliver again and again, to one new worker, with time passing between."""
        async with self.worker() as runner:
            for attempt in range(first_attempt, first_attempt + 8):
                await Sweeper(runner).sweep()
                self.clock.jump(61)
                if await self.deliver(runner, message(attempt)):
                    return
        raise AssertionError("never acknowledged")

    async def until_swept(self) -> None:
        """Let one new worker sweep, with time passing, until no run is left unended."""
        async with self.worker() as runner:
            for _ in range(12):
                await Sweeper(runner).sweep()
                await runner.teller.finish()
                if not await self._unended():
                    return
                self.pass_time(61)
        raise AssertionError("a run without an end")

    async def all_is_reported(self) -> bool:
        """Return whether each run has its end, and has told it."""
        return not await self._unended()

    async def _unended(self) -> int:
        found = 0
        for state in ("running", "ended"):
            found += len(await self.store.query(f"accounts/{ACCOUNT}/runs", where={"state": state}))
        return found

    # -- what must be true ------------------------------------------------------------------------------

    async def results(self) -> list[Result]:
        return [Result.model_validate(told) for told in await self._told("result")]

    async def gateway_events(self) -> list[str]:
        """Return what was told of the gateway, in the order of telling."""
        return [told["event"] for told in await self._told("gateway")]

    async def alerts(self) -> list[tuple[str, str]]:
        """Return each alert's event and message, in the order of telling."""
        return [(told["event"], told["message"]) for told in await self._told("alert")]

    async def _told(self, kind: str) -> list[Any]:
        messages = self.topics.subscription(Topic.RESULTS).follow(wait=False)
        wanted = f"ib-intents.{kind}.v1"
        return [json.loads(m.data) async for m in messages if m.attributes["ce-type"] == wanted]

    async def the_result_of(self, run: str) -> Result:
        """Return the one terminal result of a run; it may be told more than once, but never differently."""
        told = [result for result in await self.results() if result.id == run]
        assert told, f"{run} has no result"
        assert all(result == told[0] for result in told), "one run, two ends"
        return told[0]

    async def is_claimed(self, run: str) -> bool:
        """Return whether any worker has got as far as claiming ``run``."""
        return await self.store.get(runs.path_of(ACCOUNT, run)) is not None

    async def all_is_well(self) -> None:
        """Whatever has happened: nothing is doubled, no doubt is kept secret, and the books are honest."""
        self.nothing_doubled()
        await self.books_agree_or_are_locked()
        await self.every_doubt_is_told()

    async def every_doubt_is_told(self) -> None:
        """Each order in doubt has had its alert."""
        told = [message for event, message in await self.alerts() if event == "order-unresolved"]
        for order in await orderbook.open_orders(self.store, ACCOUNT):
            if order.value.standing is OrderState.UNRESOLVED:
                reference = order.value.order.reference
                assert any(reference in alert for alert in told), f"nobody was told of {reference}"

    def nothing_doubled(self) -> None:
        """Each of our orders stands at most once at the gateway."""
        placed = Counter(
            order.terms.order_ref for order in self.gateway.book.orders.values() if order.terms.order_ref
        )
        assert all(times == 1 for times in placed.values()), placed

    async def books_agree_or_are_locked(self) -> None:
        """Holdings equal positions, or the contract is locked and an alert is out."""
        held: Counter[int] = Counter()
        for (_, con_id), quantity in holdings(await orderbook.all_fills(self.store, ACCOUNT)).items():
            held[con_id] += quantity  # type: ignore[assignment]
        theirs = {
            p.contract.con_id: p.quantity for p in self.gateway.book.positions_of(ACCOUNT) if p.quantity
        }
        locks = await orderbook.contract_locks(self.store, ACCOUNT)
        for con_id in {*held, *theirs}:
            if theirs.get(con_id, Decimal(0)) != held[con_id]:
                assert con_id in locks, f"{con_id}: ours {held[con_id]}, theirs {theirs.get(con_id)}"
        for order in await orderbook.open_orders(self.store, ACCOUNT):
            if order.value.standing is OrderState.UNRESOLVED:
                assert order.value.order.contract.con_id in locks


@asynccontextmanager
async def theatre(
    folder: Path, gateway: Gateway | None = None, store: OpenedStore | None = None
) -> AsyncIterator[Theatre]:
    """Open a world; everything in it is new. ``store`` takes the place of SQLite's, and is closed too."""
    gateway = gateway or simulated()
    clock = JumpClock(gateway)
    async with serve(gateway) as server:
        store = store or await SqliteStore.open(folder / "state.sqlite3")
        topics = await LocalTopics.open(folder / "topics.sqlite3", clock)
        try:
            yield Theatre(gateway, server.port, store, topics, clock)
        finally:
            await topics.close()
            await store.close()
