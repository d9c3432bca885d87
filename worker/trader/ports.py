"""What the worker needs of the world, as protocols; adapters provide it, tests and the laptop swap it."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from trader.domain.errors import Failed
from trader.domain.gateway import GatewayStatus
from trader.domain.hours import Hours
from trader.domain.instruments import Contract, Instrument
from trader.domain.market import Bar, BarSeries, BarSize, Price, WhatToShow
from trader.domain.orders import BrokerOrder, Complaint, Lookup, Order
from trader.domain.portfolio import Account, Fill, Margin, OpenOrder, Position
from trader.domain.wire import JsonObject


class Clock(Protocol):
    """Time, and nothing else."""

    def now(self) -> datetime:
        """Return the time, aware UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back, for leases and deadlines."""

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document; ``version`` is opaque and changes at each write.

    One that somebody has damaged is found as any other, so that it can be named, counted or replaced; its
    ``content`` is then the error to raise.
    """

    path: str
    content: JsonObject | Failed
    version: str

    @property
    def data(self) -> JsonObject:
        """What it holds; raises Failed (``document-damaged``), naming it, where that is no JSON object."""
        if isinstance(self.content, Failed):
            raise self.content
        return self.content


@dataclass(frozen=True, slots=True)
class Create:
    """Write a document that must not exist."""

    path: str
    data: JsonObject


@dataclass(frozen=True, slots=True)
class Update:
    """Replace a document that must still be at ``version``."""

    path: str
    data: JsonObject
    version: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a document that must still be at ``version``."""

    path: str
    version: str


Write = Create | Update | Delete


class Conflict(Exception):
    """A precondition did not hold: the document exists already, or is at another version, or is gone.

    Nothing of the batch was written.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Store(Protocol):
    """Documents by path (``accounts/DU1/runs/ab12``: collection and id in turn), written in atomic batches.

    Raises StoreUnavailable when the store can't answer; after a ``commit`` that raised it, the batch may
    or may not have been written, unless its code is ``store-contended``: then it surely was not. Raises
    TooLarge for a document larger than a megabyte, with nothing of its batch written.
    """

    async def get(self, path: str) -> Document | None: ...

    async def query(
        self, collection: str, *, where: Mapping[str, str] | None = None, limit: int = 1000
    ) -> Sequence[Document]:
        """Return the documents of ``collection`` whose top-level text fields equal ``where``, by id.

        Damaged ones are among them: those that match, and those of which nothing can be read. ValueError for
        a field that the store has no index for.
        """

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        """Write all or nothing, durably, and return each document's new version ("" for a deleted one).

        Raises Conflict when a precondition does not hold.
        """


class Topic(StrEnum):
    """Where a message is published."""

    INTENTS = "intents"
    RESULTS = "results"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to publish."""

    topic: Topic
    data: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)


class Publisher(Protocol):
    """Puts messages on topics."""

    async def publish(self, message: OutgoingMessage) -> str:
        """Publish durably and return the message's id; raises TopicUnavailable."""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as a subscriber sees it."""

    id: str
    data: bytes
    attributes: Mapping[str, str]
    published_at: datetime


class Subscription(Protocol):
    """A reader of the results topic: the console's side."""

    def follow(self, *, wait: bool) -> AsyncIterator[ReceivedMessage]:
        """Yield what came since the last call; with ``wait`` go on as new ones come.

        Each message once, in the order of publication as far as the topic itself keeps one. Raises
        TopicUnavailable.
        """

    async def close(self) -> None:
        """Leave nothing behind."""


class Topics(Publisher, Protocol):
    """The topics of a worker, and of whoever talks to it."""

    async def results(self, *, past: bool) -> Subscription:
        """Open a reader of the results that come from now on, and with ``past`` of those that are kept.

        Raises TopicUnavailable.
        """

    async def close(self) -> None:
        """Finish what was asked for, and end every connection."""


class DeadLetters(Protocol):
    """What could not be delivered. Looking loses nothing: a letter stays until it is removed."""

    async def letters(self) -> Sequence[ReceivedMessage]:
        """Return what lies there, the oldest first; raises TopicUnavailable."""

    async def remove(self, letter: str) -> None:
        """Remove one of the letters that were returned; raises TopicUnavailable."""

    async def close(self) -> None:
        """Leave the other letters as they were, and end every connection."""


class OpenedStore(Store, Protocol):
    """A store that was opened, and is to be closed."""

    async def close(self) -> None:
        """Finish what was asked for, and end every connection."""


class Broker(Protocol):
    """The account at the broker. Every answer comes from state that the connection keeps subscribed.

    Each raises GatewayNotReady rather than answer from state that may be stale.
    """

    def status(self) -> GatewayStatus:
        """Return where the connection stands; never raises."""

    def require_ready(self) -> None:
        """Raise GatewayNotReady unless logged in, synchronised and connected to the configured account."""

    def account(self) -> Account: ...

    def positions(self, con_id: int | None = None) -> Sequence[Position]:
        """Return all positions, or that in one contract."""

    def open_orders(self, con_id: int | None = None) -> Sequence[OpenOrder]:
        """Return all open orders, or those in one contract."""

    def fills(self) -> Sequence[Fill]:
        """Return today's fills, as far back as the gateway reports them."""


class MarketData(Protocol):
    """Contracts and prices. Each call is bounded by BROKER_CALL; a late answer is GatewayNotReady.

    A refusal by the broker is Rejected with a code: ``unknown-instrument``, ``ambiguous-instrument``,
    ``no-market-data``, ``no-price``; too many requests are Retryable("pacing").
    """

    async def contract(self, instrument: Instrument) -> Contract:
        """Return the one contract that ``instrument`` names."""

    async def contracts(self, instrument: Instrument) -> Sequence[Contract]:
        """Return every contract that fits, at least one: a chain, where a future or an option is open."""

    async def bars(self, contract: Contract, size: BarSize, *, days: int) -> Sequence[Bar]:
        """Return the bars of regular hours over the last ``days`` sessions (1 to 365), oldest first.

        The last one may be unfinished. A bar of a day starts at midnight UTC of its session's date.
        """

    async def price(self, contract: Contract, *, data_type: int = 1) -> Price:
        """Return the last price, else the midpoint, else the previous close.

        ``data_type`` is the configuration's: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen.
        """


@dataclass(frozen=True, slots=True)
class Link:
    """One login to one gateway. Order ids belong to it, and to nothing after it.

    ``gateway`` is the same for all logins to the gateway at one address; ``id`` is unlike any other's.
    ``first_order_id`` is the gateway's own counter (nextValidId) as it was told at the login.
    """

    id: str
    gateway: str
    client_id: int
    first_order_id: int


class Calendars(Protocol):
    """The exchanges' calendars, to look ahead and back; for an order the broker's own hours win."""

    async def hours(self, exchange: str, first: date, last: date) -> Hours:
        """Return the sessions of the exchange's dates from ``first`` to ``last``, breaks left out.

        Raises Rejected ``unknown-exchange``.
        """


class Orders(Protocol):
    """Orders at the broker. Nothing here repeats anything by itself.

    Each raises GatewayNotReady rather than act on, or answer from, a link that isn't ready.
    """

    def link(self) -> Link: ...

    def reserve(self, count: int) -> Sequence[int]:
        """Return order ids of this link that no other order and no request of it takes."""

    async def slot(self) -> None:
        """Wait until the broker's pace allows one more message; call it before each ``place`` or cancel."""

    async def margin(self, order: Order) -> Margin:
        """Ask what ``order`` would do to the account's margin; nothing is placed.

        Raises Rejected ``margin`` with the broker's words when it would refuse the order or has no figures.
        """

    def place(self, order: Order, order_id: int, link: Link) -> None:
        """Hand the order to the socket, at once: no await, no queue of our own or of the client library.

        Returning means that it may stand from now on, not that it does. Raises GatewayNotReady when
        ``link`` is no longer the one in use; then nothing was sent.
        """

    def has_placed(self, reference: str) -> bool:
        """Return whether our order was handed to this link, or was told of on it.

        One that was to go over this link and never was handed to it has surely not been sent.
        """

    def cancel(self, order_id: int, link: Link) -> None:
        """Ask for the cancel of an order that this link placed or took over."""

    def cancel_everything(self, link: Link) -> None:
        """Ask for the cancel of every order of the login, manual ones too."""

    def told(self, reference: str) -> BrokerOrder | None:
        """Return what the broker has said of our order on this link, from subscribed state."""

    def complaint(self, reference: str) -> Complaint | None:
        """Return the last error about an order that this link placed. By itself it proves nothing.

        While nothing is ``told`` of the order, it is the reason to look it up at once; with the order
        absent there, it says why the broker didn't take it.
        """

    async def change(self, *, within_s: float) -> bool:
        """Wait until an order, a fill, a position or the link may have changed; False if nothing did.

        It wakes at what comes after the call: look, then call it, without an await in between.
        """

    async def standing(self) -> Sequence[BrokerOrder]:
        """Ask for the account's open orders, those of other clients and of persons too.

        All that has filled until now is in the broker's ``fills`` then. Raises GatewayNotReady as ``look_up``
        does.
        """

    async def look_up(self) -> Lookup:
        """Ask for open orders of all clients, completed orders, executions and the gateway's own counter.

        Raises GatewayNotReady unless each was answered completely, on one link.
        """


class History(Protocol):
    """Bars for keeping, at the broker's pace. Its refusals and limits of time are MarketData's."""

    async def history_slot(self, requests: int, *, until: float) -> bool:
        """Wait until the pace allows so many requests more, and take them: call it before ``history``.

        Returns False at ``until``, on the monotonic clock, if it doesn't by then.
        """

    async def history(
        self, contract: Contract, size: BarSize, duration: str, show: WhatToShow
    ) -> Sequence[Bar]:
        """Return the bars of regular hours back from now, oldest first, as ``MarketData.bars`` does.

        ``duration`` is written as the broker wants it, such as ``5 D`` or ``1 M``.
        """


class BarStore(Protocol):
    """Bars that are kept, by series and session date.

    Raises StoreUnavailable when it can't be read or written, and Failed ``bars-damaged`` naming the file.
    """

    async def read(self, series: BarSeries, days: Collection[date]) -> Mapping[date, Sequence[Bar]]:
        """Return what is kept of those ``days``, each day's bars in order; a day without any is left out."""

    async def write(self, series: BarSeries, days: Mapping[date, Sequence[Bar]]) -> None:
        """Put each day's bars in the place of those that are kept, a day at a time whole and durably."""


class Nonces(Protocol):
    """Where identifiers that must be unlike any other come from."""

    def __call__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All that the worker may touch."""

    clock: Clock
    store: Store
    publisher: Publisher
    broker: Broker
    market_data: MarketData
    orders: Orders
    calendars: Calendars
    nonce: Nonces
    history: History
    bar_store: BarStore
