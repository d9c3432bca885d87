"""A store, topics, a clock and a broker that outlive the workers which a test starts and kills."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any, cast

from tests.support.bars import BarsInMemory
from tests.support.calendars import NoCalendars
from tests.support.clock import FakeClock
from tests.support.deliveries import delivery
from trader.domain.errors import Failed, GatewayNotReady, TopicUnavailable
from trader.domain.gateway import GatewayState, GatewayStatus
from trader.domain.instruments import Contract, Instrument
from trader.domain.market import Bar, BarSize, Price
from trader.domain.messages import Command, Outcome, Result
from trader.domain.orders import OrderReport
from trader.domain.portfolio import Account, AccountValue, Fill, OpenOrder, Position
from trader.domain.status import IntentClass, Severity
from trader.domain.wire import JsonObject
from trader.intent import AnyIntent, Completed, Intent, Run
from trader.ports import Calendars, History, Orders, OutgoingMessage, Ports, Store, Topic, Write
from trader.runner.runner import Runner
from trader.runner.sweeper import Sweeper
from trader.runs.decoding import Delivery
from trader.settings import Settings

ACCOUNT = "DU1"


class RecordingPublisher:
    """The Publisher port: keeps what is published; ``down`` makes it refuse."""

    def __init__(self) -> None:
        self.messages: list[OutgoingMessage] = []
        self.down = False

    async def publish(self, message: OutgoingMessage) -> str:
        if self.down:
            raise TopicUnavailable("topic-unavailable", "the topic is down")
        self.messages.append(message)
        return str(len(self.messages))


class IdleBroker:
    """The Broker port of an account that holds nothing; ``ready`` says whether it may be asked.

    The promises of the runner don't depend on what a broker answers, only on whether it may be asked.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.ready = True
        self.worth: Decimal | None = None
        self._since = clock.now()

    def status(self) -> GatewayStatus:
        state = GatewayState.READY if self.ready else GatewayState.DISCONNECTED
        return GatewayStatus(state, self._since, "as the test wants it", ACCOUNT)

    def require_ready(self) -> None:
        if not self.ready:
            raise GatewayNotReady("gateway-disconnected", "no gateway")

    def account(self) -> Account:
        self.require_ready()
        worth = () if self.worth is None else (("NetLiquidation", self.worth),)
        values = tuple(AccountValue(name=name, value=value, currency="USD") for name, value in worth)
        return Account(id=ACCOUNT, base_currency="USD", values=values)

    def positions(self, con_id: int | None = None) -> Sequence[Position]:
        return ()

    def open_orders(self, con_id: int | None = None) -> Sequence[OpenOrder]:
        return ()

    def fills(self) -> Sequence[Fill]:
        return ()


class NoMarketData:
    """The MarketData port that no test here asks."""

    async def contract(self, instrument: Instrument) -> Contract:
        raise AssertionError(instrument)

    async def contracts(self, instrument: Instrument) -> Sequence[Contract]:
        raise AssertionError(instrument)

    async def bars(self, contract: Contract, size: BarSize, *, days: int) -> Sequence[Bar]:
        raise AssertionError(contract)

    async def price(self, contract: Contract, *, data_type: int = 1) -> Price:
        raise AssertionError(contract)


class NoOrders:
    """The Orders port that no test here uses."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


class Note(Command):
    """The command of the intents that tests make."""

    text: str = ""


@dataclass
class Handler:
    """A handler that a test steers: it counts its calls, waits for ``go`` and raises what it is told."""

    calls: int = 0
    error: Exception | None = None
    rest: list[str] = field(default_factory=list)  # what it leaves each time for a continuation
    severity: Severity = Severity.INFO
    failure: Failed | None = None
    outcome: Outcome = field(default_factory=Outcome)
    orders: tuple[OrderReport, ...] = ()
    writes: tuple[Write, ...] = ()
    heard: list[str] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.go.set()

    async def __call__(self, command: Note, run: Run, ports: Ports) -> Completed:
        self.calls += 1
        self.heard.append(command.text)
        self.started.set()
        await self.go.wait()
        if self.error is not None:
            raise self.error
        rest = Note(text=self.rest.pop(0)) if self.rest else None
        return Completed(
            self.outcome,
            self.orders,
            self.failure,
            rest=rest,
            severity=self.severity,
            writes=self.writes,
        )


@dataclass(frozen=True, slots=True)
class Deliver:
    """One message, to be delivered again and again."""

    first: Delivery

    def __call__(self, attempt: int | None = 1) -> Delivery:
        return self.first.model_copy(update={"delivery_attempt": attempt})


class World:
    """All that survives a worker."""

    def __init__(self, store: Store) -> None:
        self.clock = FakeClock()
        self.store = store
        self.publisher = RecordingPublisher()
        self.broker = IdleBroker(self.clock)
        self.calendars: Calendars = NoCalendars()
        self.handlers = {kind: Handler() for kind in IntentClass}
        self.reads_at_once = False
        self._nonces = count(1)

    @property
    def intents(self) -> dict[str, AnyIntent]:
        """One intent of each class, named after it."""
        return {
            kind.value: Intent(
                kind.value,
                kind,
                Note,
                Outcome,
                handler,
                {"intent": kind.value},
                at_once=self.reads_at_once and kind is IntentClass.READING,
            )
            for kind, handler in self.handlers.items()
        }

    def handler(self, kind: str = "reading") -> Handler:
        return self.handlers[IntentClass(kind)]

    def worker(self, *, store: Store | None = None, **changes: Any) -> Runner:
        """Return a new worker process, as it were: it remembers nothing of any other."""
        ports = Ports(
            clock=self.clock,
            store=store or self.store,
            publisher=self.publisher,
            broker=self.broker,
            market_data=NoMarketData(),
            orders=cast("Orders", NoOrders()),
            calendars=self.calendars,
            nonce=lambda: f"nonce-{next(self._nonces)}",
            history=cast("History", NoOrders()),
            bar_store=BarsInMemory(),
        )
        settings = Settings(account=ACCOUNT, **changes)
        return Runner(ports, self.intents, settings, account=lambda: ACCOUNT, delivery_attempts=5)

    async def sweep(self, runner: Runner) -> None:
        await Sweeper(runner).sweep()

    def message(self, intent: str = "reading", **given: Any) -> "Deliver":
        """Return a way to deliver one message again and again: same id, another attempt each time."""
        attributes, published_at = given.pop("attributes", None), given.pop("published_at", self.clock.now())
        body = {"intent": intent, **given}
        first = delivery(body, attributes=attributes, published_at=published_at)

        return Deliver(first)

    def results(self) -> list[Result]:
        """Return each result that was published, in order."""
        return [
            Result.model_validate_json(m.data) for m in self.publisher.messages if m.topic is Topic.RESULTS
        ]

    def event_ids(self) -> list[str]:
        return [m.attributes["ce-id"] for m in self.publisher.messages if m.topic is Topic.RESULTS]

    def follow_ups(self) -> list[tuple[str, JsonObject]]:
        """Return the key and body of each intent that a run published."""
        sent = [m for m in self.publisher.messages if m.topic is Topic.INTENTS]
        return [(m.attributes["ce-id"], json.loads(m.data)) for m in sent]
