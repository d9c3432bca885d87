"""Settings to adapters to ports: the one place that knows them all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

import structlog

from trader.adapters.calendars import ExchangeCalendars
from trader.adapters.clock import RehearsalClock, SystemClock
from trader.adapters.ib import open_ib
from trader.adapters.local_topic import LocalTopics
from trader.adapters.parquet import ParquetBars
from trader.discovery import find_intents, find_strategies
from trader.domain.errors import GatewayNotReady, StoreUnavailable, TopicUnavailable
from trader.domain.gateway import GatewayStatus
from trader.ports import Broker, Clock, DeadLetters, Nonces, OpenedStore, Ports, Store, Topic, Topics
from trader.runner.gateway_telling import GatewayTeller
from trader.runner.runner import Runner
from trader.runner.sweeper import Sweeper
from trader.settings import NO_PROJECT, Settings, SettingsError
from trader.stored import records

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that is open: what serves its requests."""

    ports: Ports
    runner: Runner
    topics: Topics


@asynccontextmanager
async def open_worker(settings: Settings, clock: Clock) -> AsyncIterator[Worker]:
    """Open all that a worker uses, keep its connection and its sweeper running, and close it in order."""
    async with AsyncExitStack() as opened:
        store = await open_store(settings, clock)
        opened.push_async_callback(store.close)
        topics = await open_topics(settings, clock)
        opened.push_async_callback(topics.close)
        settings = await _with_known_account(settings, store, clock)
        learned = _Learned(store, clock)
        teller, nonce = GatewayTeller(store, topics, clock), _nonces()

        def on_state(status: GatewayStatus) -> None:
            teller.note(status)
            learned.from_gateway(status)

        connection, broker, market_data, orders = open_ib(settings, clock, nonce, on_state)
        ports = Ports(
            clock=clock,
            store=store,
            publisher=topics,
            broker=broker,
            market_data=market_data,
            orders=orders,
            calendars=ExchangeCalendars(),
            nonce=nonce,
            history=market_data,
            bar_store=ParquetBars(settings.data_dir / "bars"),
        )
        runner = Runner(
            ports,
            find_intents(),
            settings,
            account=lambda: settings.account or _account_of(broker),
            strategies=find_strategies(),
        )
        opened.push_async_callback(learned.finish)
        opened.push_async_callback(connection.close)
        sweeping = Sweeper(runner).run(settings.durations.lease_s)
        for work in (teller.run(), teller.watch(), connection.run(), sweeping):
            opened.push_async_callback(_cancelled, asyncio.create_task(work))
        opened.push_async_callback(runner.stop)
        yield Worker(ports, runner, topics)


def rehearsal_of(settings: Settings) -> Path:
    """Return the file that sets a local stack's time ahead of the real one, where there is one."""
    return settings.data_dir / "ahead"


def open_clock(settings: Settings) -> Clock:
    """Return the machine's clock, or that of the rehearsal that a local stack is for."""
    if settings.backend == "local" and (file := rehearsal_of(settings)).exists():
        return RehearsalClock(file)
    return SystemClock()


async def open_store(settings: Settings, clock: Clock) -> OpenedStore:
    """Return the store that ``settings`` name; raises StoreUnavailable."""
    if settings.backend == "google":
        from trader.adapters.google.firestore import FirestoreStore

        return FirestoreStore(project_of(settings), clock, emulator=settings.firestore_emulator)
    from trader.adapters.sqlite import SqliteStore

    _make_folder(settings, StoreUnavailable)
    return await SqliteStore.open(settings.data_dir / "state.sqlite3")


async def open_topics(settings: Settings, clock: Clock) -> Topics:
    """Return the topics that ``settings`` name; raises TopicUnavailable."""
    if settings.backend == "google":
        from trader.adapters.google.pubsub import PubsubTopics

        names = {Topic.INTENTS: settings.intents_topic, Topic.RESULTS: settings.results_topic}
        return PubsubTopics(project_of(settings), names, clock, emulator=settings.pubsub_emulator)
    return await open_local_topics(settings, clock)


async def open_dead_letters(settings: Settings, clock: Clock) -> DeadLetters:
    """Return what could not be delivered; raises TopicUnavailable."""
    if settings.backend == "google":
        from trader.adapters.google.dead_letters import PubsubDeadLetters

        name = f"{settings.intents_topic}-dead-letter"
        return PubsubDeadLetters(project_of(settings), name, emulator=settings.pubsub_emulator)
    from trader.adapters.local_topic.topics import LocalDeadLetters

    return LocalDeadLetters(await open_local_topics(settings, clock))


async def open_local_topics(settings: Settings, clock: Clock) -> LocalTopics:
    """Return the topics in the data folder; raises TopicUnavailable."""
    _make_folder(settings, TopicUnavailable)
    return await LocalTopics.open(settings.data_dir / "topics.sqlite3", clock)


def project_of(settings: Settings) -> str:
    """Return the project of the google backend; raises SettingsError without one."""
    if settings.project is None:
        raise SettingsError(NO_PROJECT)
    return settings.project


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
        try:
            await records.remember_account(store, settings.account, clock.now())
        except StoreUnavailable as error:  # once the gateway is ready it is noted all the same
            log.error("store unavailable at the start", code=error.code, reason=error.message)
        return settings
    known = await records.known_accounts(store)
    return settings.model_copy(update={"account": known[0]}) if len(known) == 1 else settings


def _nonces() -> Nonces:
    """Return what makes texts unlike any other: random for this process, and counted within it."""
    own, numbers = uuid4().hex, count(1)
    return lambda: f"{own}-{next(numbers)}"


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
            task = asyncio.create_task(self._remember(status.account))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _remember(self, account: str) -> None:
        try:
            await records.remember_account(self._store, account, self._clock.now())
        except StoreUnavailable as error:
            log.warning("account not noted", code=error.code, reason=error.message)

    async def finish(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
