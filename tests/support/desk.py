"""A broker that says what a test has written down, and the ports of one worker that asks it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count
from typing import cast

from tests.support.bars import BarsInMemory
from tests.support.calendars import NoCalendars
from tests.support.clock import FakeClock
from tests.support.market import contract
from tests.support.orders import SPY
from tests.support.world import ACCOUNT, IdleBroker, NoMarketData, NoOrders, RecordingPublisher
from trader.domain.instruments import Contract, Instrument
from trader.domain.orders import BrokerOrder, Complaint, Lookup, Order
from trader.domain.portfolio import Fill, OpenOrder, Position
from trader.ports import Create, History, Link, Orders, Ports, Store
from trader.runs.lease import Lease
from trader.runs.locks import AccountLock
from trader.runs.runs import AttemptRecord, OwnedRun, RunRecord, path_of

LINK = Link(id="link-2", gateway="127.0.0.1:4002", client_id=1, first_order_id=6)


def position(quantity: int, con_id: int = SPY.con_id) -> Position:
    """Return a position in SPY, or in another contract."""
    return Position(
        con_id=con_id,
        symbol="SPY",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        quantity=Decimal(quantity),
        average_cost=Decimal(100),
        market_price=None,
        market_value=None,
        unrealized_pnl=None,
    )


def open_order(quantity: int, *, filled: int = 0, reference: str = "", con_id: int = SPY.con_id) -> OpenOrder:
    """Return an order that stands at the broker: entered by hand unless it has a reference."""
    return OpenOrder(
        order_id=0,
        perm_id=900,
        client_id=0,
        reference=reference,
        con_id=con_id,
        symbol="SPY",
        sec_type="STK",
        currency="USD",
        quantity=Decimal(quantity),
        filled=Decimal(filled),
        order_type="LMT",
        tif="GTC",
        limit_price=Decimal(120),
        status="Submitted",
    )


class WrittenBroker(IdleBroker):
    """The Broker port: positions and orders are what the test has put there."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self._clock = clock
        self.held: list[Position] = []
        self.standing: list[OpenOrder] = []
        self.executed: list[Fill] = []

    def positions(self, con_id: int | None = None) -> Sequence[Position]:
        return [position for position in self.held if con_id in (None, position.con_id)]

    def open_orders(self, con_id: int | None = None) -> Sequence[OpenOrder]:
        return [order for order in self.standing if con_id in (None, order.con_id)]

    def fills(self) -> Sequence[Fill]:
        return self.executed


class WrittenOrders:
    """The Orders port: it notes what is placed, and each lookup answers what the test has written next."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._ids = count(10)
        self.answers: deque[Lookup | tuple[Lookup, Link] | Exception] = deque()
        self.current = LINK
        self.complaints: dict[str, Complaint] = {}
        self.has_told: dict[str, BrokerOrder] = {}
        self.handed_over: set[str] = set()
        self.lookups = 0
        self.placed: list[tuple[str, int]] = []
        self.cancelled: list[int] = []
        self.slots: list[Exception] = []
        self.on_place: Callable[[str, int], None] = lambda reference, order_id: None
        self.on_cancel: Callable[[], None] = lambda: None

    def will_say(self, *answers: Lookup | tuple[Lookup, Link] | Exception) -> None:
        """Answer the next lookups so, the last for ever; with a link, on a connection made again before."""
        self.answers = deque(answers)

    def link(self) -> Link:
        return self.current

    def reserve(self, count: int) -> Sequence[int]:
        return [next(self._ids) for _ in range(count)]

    async def slot(self) -> None:
        if self.slots:
            raise self.slots.pop()

    def place(self, order: Order, order_id: int, link: Link) -> None:
        assert link == self.current
        self.placed.append((order.reference, order_id))
        self.on_place(order.reference, order_id)

    def has_placed(self, reference: str) -> bool:
        known = {*self.handed_over, *self.has_told, *(placed for placed, _ in self.placed)}
        return reference in known

    def cancel(self, order_id: int, link: Link) -> None:
        assert link == self.current
        self.cancelled.append(order_id)
        self.on_cancel()

    def cancel_everything(self, link: Link) -> None:
        self.cancel(0, link)

    def complaint(self, reference: str) -> Complaint | None:
        return self.complaints.get(reference)

    def told(self, reference: str) -> BrokerOrder | None:
        return self.has_told.get(reference)

    async def change(self, *, within_s: float) -> bool:
        self._clock.advance(within_s)
        await asyncio.sleep(0)
        return False

    async def standing(self) -> Sequence[BrokerOrder]:
        return (await self.look_up()).open

    async def look_up(self) -> Lookup:
        self.lookups += 1
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            answer, self.current = answer
        return answer.model_copy(update={"at": self._clock.now()})


class OneContract(NoMarketData):
    """The MarketData port, asked for SPY alone."""

    async def contract(self, instrument: Instrument) -> Contract:
        return contract()

    async def contracts(self, instrument: Instrument) -> Sequence[Contract]:
        return (contract(),)


class Desk:
    """One worker's ports, and what they show."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        nonces = count(1)
        self.store = store
        self.clock = clock
        self.broker = WrittenBroker(clock)
        self.orders = WrittenOrders(clock)
        self.ports = Ports(
            clock=clock,
            store=store,
            publisher=RecordingPublisher(),
            broker=self.broker,
            market_data=OneContract(),
            orders=cast("Orders", self.orders),
            calendars=NoCalendars(),
            nonce=lambda: f"nonce-{next(nonces)}",
            history=cast("History", NoOrders()),
            bar_store=BarsInMemory(),
        )


async def claimed(
    store: Store, clock: FakeClock, run: str, lease: Lease, lock: AccountLock | None = None
) -> OwnedRun:
    """Return a run that works under ``lease``, holding the account if it has the ``lock``."""
    record = RunRecord(
        key=run,
        intent="trading",
        fingerprint="f",
        delivery={},
        requested_at=clock.now(),
        lease=lease,
        attempts=(AttemptRecord(n=1, at=clock.now()),),
    )
    path = path_of(ACCOUNT, run)
    (version,) = await store.commit([Create(path, record.to_json())])
    owned = OwnedRun(store, path, version, record, clock, since=clock.monotonic())
    owned.account_lock = lock
    return owned
