"""Settings to adapters to ports: the one place that knows them all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from trader.adapters.ib import open_ib
from trader.adapters.local_topic import LocalTopics
from trader.adapters.parquet import ParquetBars
from trader.adapters.sqlite import SqliteStore
from trader.discovery import find_intents
from trader.domain.errors import GatewayNotReady, StoreUnavailable, TopicUnavailable
from trader.domain.gateway import GatewayStatus
from trader.ports import Broker, Clock, Ports, Store
from trader.runner.gateway_telling import GatewayTeller
from trader.runner.runner import Runner
from trader.runner.sweeper import Sweeper
from trader.settings import Settings
from trader.stored import records


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that is open: what serves its requests."""

    ports: Ports
    runner: Runner
    topics: LocalTopics


@asynccontextmanager
async def open_worker(settings: Settings, clock: Clock) -> AsyncIterator[Worker]:
    """Open all that a worker uses, keep its connection and its sweeper running, and close it in order."""
    async with AsyncExitStack() as opened:
        store = await open_store(settings)
        opened.push_async_callback(store.close)
        topics = await open_topics(settings, clock)
        opened.push_async_callback(topics.close)
        settings = await _with_known_account(settings, store, clock)
        learned = _Learned(store, clock)
        teller = GatewayTeller(store, topics, clock)

        def on_state(status: GatewayStatus) -> None:
            teller.note(status)
            learned.from_gateway(status)

        connection, broker, market_data, orders = open_ib(settings, clock, _nonce, on_state)
        ports = Ports(
            clock=clock,
            store=store,
            publisher=topics,
            broker=broker,
            market_data=market_data,
            orders=orders,
            nonce=_nonce,
            history=market_data,
            bar_store=ParquetBars(settings.data_dir / "bars"),
        )
        runner = Runner(
            ports,
            find_intents(),
            settings,
            account=lambda: settings.account or _account_of(broker),
        )
        opened.push_async_callback(learned.finish)
        opened.push_async_callback(connection.close)
        for work in (teller.run(), connection.run(), Sweeper(runner).run(settings.durations.lease_s)):
            opened.push_async_callback(_cancelled, asyncio.create_task(work))
        opened.push_async_callback(runner.stop)
        yield Worker(ports, runner, topics)


async def open_store(settings: Settings) -> SqliteStore:
    """Return the store that ``settings`` names; raises StoreUnavailable."""
    _make_folder(settings, StoreUnavailable)
    return await SqliteStore.open(settings.data_dir / "state.sqlite3")


async def open_topics(settings: Settings, clock: Clock) -> LocalTopics:
    """Return the topics that ``settings`` names; raises TopicUnavailable."""
    _make_folder(settings, TopicUnavailable)
    return await LocalTopics.open(settings.data_dir / "topics.sqlite3", clock)


def _make_folder(settings: Settings, unavailable: type[StoreUnavailable | TopicUnavailable]) -> None:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unavailable(
            "no-data-dir",
            f"expected a folder {folder}, found none to be made ({error.strerror}); name another",
        ) from None


async def _with_known_account(settings: Settings, store: Store, clock: Clock) -> Settings:
    """Return ``settings`` with the account that this store belongs to, where they name none.

    A store that has served one account goes on with it, so that another gateway behind the same port is
    refused and not taken for it.
    """
    if settings.account:
        await records.remember_account(store, settings.account, clock.now())
        return settings
    known = await records.known_accounts(store)
    return settings.model_copy(update={"account": known[0]}) if len(known) == 1 else settings


def _nonce() -> str:
    return uuid4().hex


def _account_of(broker: Broker) -> str:
    account = broker.status().account
    if account is None:
        raise GatewayNotReady(
            "account-unknown",
            "the gateway hasn't said yet which account it serves; set TRADER_ACCOUNT to work without it",
        )
    return account


class _Learned:
    """Notes the account that the gateway is found to serve."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def from_gateway(self, status: GatewayStatus) -> None:
        if status.ready and status.account:
            work = records.remember_account(self._store, status.account, self._clock.now())
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
