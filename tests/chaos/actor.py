"""A worker of a history: it is started, serves, freezes, dies, and is started again."""

import asyncio
import itertools
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, cast

import structlog

from tests.chaos.life import Life, LifeClock, Port, cycled
from tests.chaos.plan import Blow, Cast
from tests.chaos.stage import PORTS, Deciding, SeenOrders, SeenStore, SeenTopics, Stage
from tests.support.calendars import NoCalendars
from tests.support.crash import ACCOUNT, Died
from trader.adapters.ib import open_ib
from trader.adapters.ib.connection import Connection
from trader.adapters.ib.history_pace import HistoryPace
from trader.discovery import find_intents, find_strategies
from trader.domain.errors import Retryable
from trader.domain.gateway import GatewayStatus
from trader.domain.trading_state import TradingState
from trader.ports import Ports
from trader.runner.runner import Runner
from trader.runner.sweeper import Sweeper
from trader.runs.decoding import Delivery
from trader.settings import Durations, Settings

ACK_S = 600.0
GRACE_S = 10.0
"""From SIGTERM to SIGKILL, on Cloud Run."""
INTENTS = find_intents()
STRATEGIES = find_strategies()
HISTORY_REQUESTS = 3
"""In ten minutes: so few that collecting bars takes continuations."""


class Actor:
    """One worker, through all its lives."""

    def __init__(self, cast: Cast, stage: Stage, latencies: tuple[float, ...]) -> None:
        self.name = cast.name
        self._cast = cast
        self._stage = stage
        self._latencies = cycled(latencies)
        self._lives = itertools.count(1)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._starting: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self.life: Life | None = None

    @property
    def is_up(self) -> bool:
        return self.life is not None and not self.life.dead

    @property
    def is_frozen(self) -> bool:
        return self.life is not None and self.life.is_frozen

    def start(self) -> None:
        """Begin the next life."""
        number = next(self._lives)
        blows = self._cast.lives[number - 1] if number <= len(self._cast.lives) else ()
        self._starting = None
        stage, nonces = self._stage, itertools.count(1)
        life = self.life = self._new_life(blows)
        durations = Durations(handler_s=self._cast.handler_s)
        settings = Settings(gateway_port=PORTS[self._cast.gateway], account=ACCOUNT, durations=durations)
        clock = LifeClock(stage.gateway, self._cast.skew_s, life)

        def nonce() -> str:
            return f"{self.name}{number}-{next(nonces)}"

        self._connection, broker, market_data, orders = open_ib(settings, clock, nonce, self._gateway_is)
        market_data._pace = HistoryPace(clock, requests=HISTORY_REQUESTS)
        port = Port("orders", SeenOrders(orders, stage, self.name), life)
        ports = Ports(
            clock=clock,
            store=cast("Any", Port("store", SeenStore(stage, self.name), life)),
            publisher=cast("Any", Port("publisher", SeenTopics(stage, self.name), life)),
            broker=broker,
            market_data=cast("Any", Port("market_data", market_data, life)),
            orders=cast("Any", Deciding(port, stage, self.name, f"{self.name}{number}-")),
            calendars=NoCalendars(),
            nonce=nonce,
            history=cast("Any", Port("market_data", market_data, life)),
            bar_store=cast("Any", Port("bar_store", stage.bars, life)),
        )
        self.runner = Runner(ports, INTENTS, settings, account=lambda: ACCOUNT, strategies=STRATEGIES)
        stage.witness.say(self.name, f"starts, beside gateway {self._cast.gateway}")
        self._do(self._connection.run())
        self._do(Sweeper(self.runner).run(settings.durations.lease_s))

    async def deliver(self, delivery: Delivery) -> bool:
        """Return whether the worker acknowledged it in time."""
        if not self.is_up:
            return False
        receiving = self._do(self.runner.receive(delivery))
        await asyncio.wait({receiving}, timeout=ACK_S)
        if not receiving.done() or receiving.cancelled():
            return False
        error = receiving.exception()
        if error is not None and not isinstance(error, Retryable | Died):
            self._stage.witness.accuse(f"{self.name} failed at a delivery: {error!r}")
        if isinstance(error, Retryable):
            self._stage.witness.say(
                self.name, f"sends {delivery.message.message_id} back: {error.code}", "topic"
            )
        return error is None

    def freeze(self, seconds: float) -> None:
        """Stand still wherever it is."""
        if self.life is not None and self.is_up and not self.is_frozen:
            self.life.freeze(seconds)

    def stop(self) -> None:
        """Be told to stop, and have a little time for it."""
        if self.is_up:
            self._stage.witness.say(self.name, "is told to STOP")
            self.runner.drain()
            self._stage.loop.call_later(GRACE_S, self.kill, self.life)

    def kill(self, life: Life | None = None) -> None:
        """Die wherever it is, if it still lives the life that is meant."""
        if self.life is not None and self.is_up and life in (None, self.life):
            self._stage.witness.say(self.name, "is KILLED")
            with suppress(Died):
                self.life.die()

    async def end(self) -> None:
        """Die for good, as far as it lives."""
        self._cast = Cast(self.name, self._cast.gateway, self._cast.skew_s, (), float("inf"))
        if self._starting is not None:
            self._starting.cancel()
        self.kill()
        if self._ending is not None:
            await self._ending

    def _new_life(self, blows: tuple[Blow, ...]) -> Life:
        witness = self._stage.witness
        return Life(
            blows,
            self._latencies,
            says=lambda text: witness.say(self.name, text),
            dies=lambda: self._die(self._connection, self.runner),
            halts=lambda: self._stage.set_state(TradingState.HALTED),
        )

    def _die(self, connection: Connection, runner: Runner) -> None:
        tasks, self._tasks = self._tasks, set()
        self._ending = asyncio.create_task(_ended(connection, runner, tasks))
        if self._cast.down_s != float("inf"):
            self._starting = self._stage.loop.call_later(self._cast.down_s, self.start)

    def _do(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        async def named() -> Any:
            structlog.contextvars.bind_contextvars(worker=self.name)
            return await work

        task = asyncio.create_task(named())
        self._tasks.add(task)
        return task

    def _gateway_is(self, status: GatewayStatus) -> None:
        if self.is_up:
            self._stage.witness.say(
                self.name, f"finds its gateway {status.state.value} {status.code}".strip()
            )


async def _ended(connection: Connection, runner: Runner, tasks: set[asyncio.Task[Any]]) -> None:
    """End all that a process was: its tasks, and then its socket, as the operating system does."""
    # In their order: a set's own would differ from one playing of a history to the next.
    ending = sorted(tasks | runner.teller._background, key=lambda task: int(task.get_name().split("-")[1]))
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
    await connection.close()
