"""What an intent is: a name, a class, a typed command and outcome, and one async handler."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from trader.domain.messages import Command, Outcome
from trader.domain.orders import OrderReport
from trader.domain.status import IntentClass, Mode
from trader.domain.wire import JsonObject
from trader.ports import Ports

GOOD_FOR: dict[IntentClass, timedelta | None] = {
    IntentClass.READING: timedelta(hours=1),
    IntentClass.TRADING: timedelta(minutes=10),
    IntentClass.CONTROL: None,
}
"""How long a message may be acted on, by its intent's class; None is for ever."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a handler is told of the run that it serves."""

    key: str
    account: str
    mode: Mode
    dry_run: bool
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Completed:
    """What a handler that succeeded has to report."""

    outcome: Outcome
    orders: tuple[OrderReport, ...] = ()


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

    @property
    def description(self) -> str:
        """The module's own docstring, as one line."""
        return " ".join((sys.modules[self.handle.__module__].__doc__ or "").split())


AnyIntent = Intent[Any]
