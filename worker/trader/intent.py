"""What an intent is: a name, a class, a typed command and outcome, and one async handler."""

import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import Any, Generic, Protocol, TypeVar

from trader.domain.configuration import Configuration
from trader.domain.errors import Terminal
from trader.domain.events import Alert
from trader.domain.messages import Command, Outcome
from trader.domain.orders import BrokerOrder, OrderReport
from trader.domain.run_key import turn
from trader.domain.settlement import Settlement
from trader.domain.status import IntentClass, Mode, Severity
from trader.domain.strategy import AnyStrategy
from trader.domain.wire import JsonObject
from trader.plans import Decide, Stage
from trader.ports import Ports, Write

GOOD_FOR: dict[IntentClass, timedelta | None] = {
    IntentClass.READING: timedelta(hours=1),
    IntentClass.TRADING: timedelta(minutes=10),
    IntentClass.CONTROL: None,
}
"""How long a message may be acted on, by its intent's class; None is for ever."""


class Trading(Protocol):
    """What a trading intent may do about orders. A dry run plans, and sends nothing."""

    @property
    def configuration(self) -> Configuration:
        """The account's configuration; raises Rejected when it is missing or invalid."""

    @property
    def settled(self) -> Settlement:
        """What settling first has changed. A dry run settles nothing."""

    async def planned(self, name: str, decide: Decide) -> Stage:
        """Return the stage ``name``: as it is stored, or as decided now and stored before it counts.

        A resumed run gets what it decided before; ``decide`` is then not called.
        """

    def has_planned(self, name: str) -> bool:
        """Return whether the stage ``name`` is stored already: this run is resumed beyond it."""

    async def carry_out(self, stage: Stage) -> tuple[OrderReport, ...]:
        """Place each order of ``stage`` at most once, wait, and return where each of them stands."""

    async def cancel(
        self, mine: Collection[str] | None, *, seen: tuple[BrokerOrder, ...] | None = None
    ) -> tuple[BrokerOrder, ...]:
        """Cancel what stands, wait until the broker confirms it, book what filled; return what still stands.

        ``mine`` are the strategies whose orders are meant; None is every order of the account, manual ones
        too. ``seen`` are those, where the broker has just been asked for them. A dry run returns what it
        would cancel.
        """

    async def withdraw(self, references: Collection[str]) -> tuple[BrokerOrder, ...]:
        """Cancel these orders of ours, as ``cancel`` does."""


StillFree = Callable[[], Awaitable[Write | None]]
"""Returns the write that holds only while no run has taken the account since; None if one has it now.

With it, a reading run, which doesn't hold the account, can write what only the account's holder may change.
"""


async def _unknown() -> None:
    """Answer as if a run had the account."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a handler is told of the run that it serves."""

    key: str
    account: str
    mode: Mode
    dry_run: bool
    first_published_at: datetime  # of the message that began its chain, however late this one is
    requested_at: datetime  # the schedule's tick, its parent's end, or when it was published
    settle_s: float  # after which the broker's reports and positions show what it has taken
    trading: Trading | None = None
    still_free: StillFree = _unknown
    strategies: Mapping[str, AnyStrategy] = field(default_factory=dict)  # by id
    deadline: float = inf  # of the handler, on the monotonic clock; what is left is for a continuation
    replays: int = 0  # how often a person had it done once more

    @property
    def turn(self) -> str:
        """What the ids of the documents are made of that only this doing of the run writes."""
        return turn(self.key, self.replays)

    @property
    def desk(self) -> Trading:
        """Where a trading intent plans and places its orders."""
        if self.trading is None:
            raise TypeError(f"expected a trading intent, found {self.key}")
        return self.trading


@dataclass(frozen=True, slots=True)
class Completed:
    """What a handler that came to its end has to report.

    ``failure`` is what went wrong beyond the orders, whose states tell for themselves. ``severity`` is told
    where what was found weighs more than the status does. ``writes`` and ``alerts`` become true with the
    run's end, in the same commit, or not at all. ``rest`` is what was left for want of time, as a command:
    its run comes next.
    """

    outcome: Outcome
    orders: tuple[OrderReport, ...] = ()
    failure: Terminal | None = None
    writes: tuple[Write, ...] = ()
    alerts: tuple[Alert, ...] = ()
    severity: Severity | None = None
    rest: Command | None = None


C = TypeVar("C", bound=Command)


@dataclass(frozen=True, slots=True)
class Intent(Generic[C]):
    """One intent; each module of ``trader.intents`` exposes one of these as ``INTENT``.

    ``handle`` raises a TraderError for any end but success. ``example`` is a message as one would type it.
    """

    name: str
    kind: IntentClass
    command: type[C]
    outcome: type[Outcome]
    handle: Callable[[C, Run, Ports], Awaitable[Completed]]
    example: JsonObject
    urgent: bool = False  # the run that holds the account is asked to yield to it
    kind_of: Callable[[C], IntentClass] | None = None  # where the class depends on the command
    at_once: bool = False  # it waits for nothing and changes nothing: claimed with its result, in one write
    asks_broker: bool = True  # a reading intent that answers from the store alone needs no gateway

    @property
    def description(self) -> str:
        """The module's own docstring, as one line."""
        return " ".join((sys.modules[self.handle.__module__].__doc__ or "").split())


AnyIntent = Intent[Any]
