"""Where a history plays: gateways, a store, topics and a clock, all of which outlive every worker."""

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gateway_simulator.gateway import Gateway
from gateway_simulator.server import Server
from tests.chaos.gateways import open_gateways
from tests.chaos.loop import Loop, LoopClock
from tests.chaos.plan import Plan
from tests.chaos.witness import End, Witness
from tests.support.crash import ACCOUNT, JumpClock, Theatre
from tests.support.ib import OPEN
from trader.adapters import sqlite
from trader.adapters.database import Database, Schema, tell
from trader.adapters.local_topic import LocalTopics, topics
from trader.adapters.sqlite import SqliteStore
from trader.domain.errors import Rejected, StoreUnavailable, TopicUnavailable
from trader.domain.messages import Result
from trader.domain.orders import Order
from trader.domain.trading_state import TradingState
from trader.domain.valuation import FOREX
from trader.ports import Document, Link, Orders, OutgoingMessage, Write
from trader.stored import records

HOST = "127.0.0.1"
PORTS = {"1": 4002, "2": 4102}
PULSE_S = 5.0
UNTOLD_S = 5.0
"""A worker may not have heard yet of what happened at the gateway as shortly ago as this."""


class StageClock(JumpClock):
    """The clock of whoever is no worker."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


@dataclass
class Stage(Theatre):
    """All that lasts. ``down`` says which ports answer with errors now, and whether they obey."""

    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    witness: Witness = field(kw_only=True)
    loop: Loop = field(kw_only=True)
    down: dict[str, bool] = field(default_factory=dict)
    errands: list[asyncio.Task[None]] = field(default_factory=list)

    async def set_state(self, state: TradingState) -> None:
        """Write the trading state as `trader state` does: now, and so later than any message before."""
        now = self.clock.now()
        store: Any = SeenStore(self, "person")
        with suppress(StoreUnavailable, Rejected):
            await records.set_trading_state(store, ACCOUNT, state, reason="by hand", published_at=now, at=now)

    async def set_share(self, strategy: str, share: float) -> None:
        """Write a strategy's exposure as `trader config set` does."""
        path = records.configuration_path(ACCOUNT)
        document = await self.store.get(path)
        assert document is not None
        data: Any = copy.deepcopy(document.data)
        data["exposure"]["strategies"][strategy] = share
        self.witness.say("person", f"lets {strategy} use {share:g} of everything", "store")
        await records.write_configuration(self.store, path, data)


class SeenStore:
    """The store as one worker uses it."""

    def __init__(self, stage: Stage, who: str) -> None:
        self._stage = stage
        self._who = who

    async def get(self, path: str) -> Document | None:
        self._may_fail(applies=False)
        return await self._stage.store.get(path)

    async def query(self, collection: str, **given: Any) -> Sequence[Document]:
        self._may_fail(applies=False)
        return await self._stage.store.query(collection, **given)

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        self._may_fail(applies=True)
        versions = await self._stage.store.commit(writes)
        self._stage.witness.committed(self._who, writes)
        if "store" in self._stage.down:
            raise StoreUnavailable("store-unavailable", "applied, but the reply was lost")
        return versions

    def _may_fail(self, *, applies: bool) -> None:
        if "store" in self._stage.down and not (applies and self._stage.down["store"]):
            raise StoreUnavailable("store-unavailable", "the store is down")


class SeenTopics:
    """The topics as one worker uses them."""

    def __init__(self, stage: Stage, who: str) -> None:
        self._stage = stage
        self._who = who

    async def publish(self, message: OutgoingMessage) -> str:
        down = self._stage.down.get("publisher")
        if down is False:
            raise TopicUnavailable("topic-unavailable", "the topic is down")
        message_id = await self._stage.topics.publish(message)
        self._stage.witness.published(self._who, message)
        if down:
            raise TopicUnavailable("topic-unavailable", "published, but the reply was lost")
        return message_id


class SeenOrders:
    """The orders port as one worker uses it."""

    def __init__(self, orders: Orders, stage: Stage, who: str) -> None:
        self._orders = orders
        self._stage = stage
        self._who = who

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    def place(self, order: Order, order_id: int, link: Link) -> None:
        self._orders.place(order, order_id, link)
        self._stage.witness.places(self._who, order, order_id)


class Deciding:
    """The orders port as a worker sees it, at whose use the witness looks over its shoulder."""

    def __init__(self, orders: Any, stage: Stage, who: str, nonces: str) -> None:
        self._orders = orders
        self._stage = stage
        self._who = who
        self._nonces = nonces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    def place(self, order: Order, order_id: int, link: Link) -> None:
        self._stage.witness.decides(self._who, self._nonces, order, order_id)
        self._orders.place(order, order_id, link)


@asynccontextmanager
async def open_stage(plan: Plan) -> AsyncIterator[Stage]:
    """Open everything, in memory; on a loop of the chaos tests."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    asyncio.set_event_loop(loop)  # ib_insync asks the policy for it
    clock = LoopClock(OPEN, loop)
    witness = Witness(clock.now, loop.time)
    gateways = open_gateways(
        clock,
        witness,
        plan.rules,
        seed=plan.market_seed,
        first_order_ids=plan.first_order_ids,
        count=2 if plan.two_gateways else 1,
    )
    main = gateways["1"]
    stage_clock = StageClock(main)
    async with AsyncExitStack() as opened:
        for name, gateway in gateways.items():
            await opened.enter_async_context(_served(gateway, PORTS[name]))
        store = SqliteStore(await _in_memory(sqlite.SCHEMA, partial(StoreUnavailable, "store-unavailable")))
        opened.push_async_callback(store.close)
        database = await _in_memory(topics.SCHEMA, partial(TopicUnavailable, "topic-unavailable"))
        local_topics = LocalTopics(database, stage_clock, 1.0)
        opened.push_async_callback(local_topics.close)
        stage = Stage(
            main, PORTS["1"], store, local_topics, stage_clock, gateways=gateways, witness=witness, loop=loop
        )
        witness.scene = partial(_scene, stage)
        yield stage


class _AtOnce:
    """In the place of the database's thread: what is asked for is done there and then."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(self, job: Any) -> None:
        for answers in self._database.perform([job]):
            tell(answers)

    def end(self) -> None:
        return


async def _in_memory(schema: Schema, unavailable: Any) -> Database:
    database = Database(Path(":memory:"), unavailable)
    database._thread = _AtOnce(database)  # type: ignore[assignment]
    database._connect(schema, 1.0)
    return database


@asynccontextmanager
async def _served(gateway: Gateway, port: int) -> AsyncIterator[None]:
    """As ``server.serve``, but with a pulse that is slow enough for histories of hours."""
    server = Server(gateway, HOST)
    await server.open(port)

    async def pulse() -> None:
        while True:
            await asyncio.sleep(PULSE_S)
            gateway.pulse()

    tasks = [asyncio.create_task(pulse()), asyncio.create_task(server.follow())]
    try:
        yield
    finally:
        for task in (*tasks, *gateway._tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.close()


def _scene(stage: Stage, result: Result) -> End:
    book = stage.gateway.book
    return End(
        result=result,
        positions={
            p.contract.symbol: str(p.quantity)
            for p in book.positions_of(ACCOUNT)
            if p.contract.sec_type != FOREX
        },
        open_orders=tuple(
            order.contract.local_symbol or order.contract.symbol for order in book.open_orders()
        ),
        strangers=frozenset(
            symbol for at, symbol in stage.witness.strangers if stage.loop.time() - at < UNTOLD_S
        ),
    )
