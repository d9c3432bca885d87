"""What each strategy holds and has under way, and where nothing may be opened."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from trader.domain.ledger import NOBODYS, holdings, stem_of
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderState, is_reference
from trader.domain.portfolio import Fill
from trader.domain.rebalance import Quantities
from trader.domain.refusal import Refusal
from trader.domain.sharing import share
from trader.domain.valuation import FOREX
from trader.ports import Ports
from trader.stored import orderbook

CLOCKS_APART_S = 6.0
"""By how much older a fill may seem: clocks are up to 5 s apart, and its time is told to the second."""


@dataclass(frozen=True, slots=True)
class Books:
    """Our own books: the sum of booked fills, our open orders, and the contracts in doubt."""

    held: Quantities
    open: Mapping[int, Sequence[OrderRecord]]  # our orders, by contract id
    in_flight: Quantities
    closed: Mapping[int, Refusal]
    names: Mapping[int, str]
    virtual: frozenset[int] = frozenset()  # currency pairs, whose positions mirror cash and prove nothing
    booked: frozenset[str] = frozenset()  # the stems of the executions that are summed up here
    late: Mapping[int, Refusal] = field(default_factory=dict)  # where a fill is not shown by the position

    def holding(self, owner: str, con_id: int) -> Decimal:
        """Return what ``owner`` holds of a contract."""
        return self.held.get((owner, con_id), Decimal(0))

    def of_strategies(self, con_id: int) -> Decimal:
        """Return what all strategies together hold of a contract."""
        parts = (held for (owner, of), held in self.held.items() if of == con_id and owner not in NOBODYS)
        return sum(parts, Decimal(0))

    def under_way(self, owner: str, con_id: int) -> Decimal:
        """Return what open orders may still add to what ``owner`` holds."""
        return self.in_flight.get((owner, con_id), Decimal(0))

    def name(self, con_id: int) -> str:
        """Return how a person names a contract that our books have something of."""
        records = self.open.get(con_id)
        return self.names.get(con_id) or (str(records[0].order.contract) if records else f"contract {con_id}")

    def contracts_of(self, owner: str) -> list[int]:
        """Return the contracts of which ``owner`` holds something, or has something under way."""
        keys = dict.fromkeys((*self.held, *self.in_flight))
        return [con_id for name, con_id in keys if name == owner]

    def against(self, owner: str, con_id: int, quantity: Decimal) -> list[OrderRecord]:
        """Return the open orders of which ``owner`` has a part that is opposite to ``quantity``."""
        return [
            record
            for record in self.open.get(con_id, ())
            if record.order.quantity * quantity < 0 and record.wanted.get(owner)
        ]


async def read_books(ports: Ports, account: str, *, without: Collection[str] = ()) -> Books:
    """Return the books as they stand, held against the broker's positions.

    With ``without`` they are as if those orders of ours were not open.
    """
    fills, standing_orders, locks = await asyncio.gather(
        orderbook.all_fills(ports.store, account),
        orderbook.open_orders(ports.store, account),
        orderbook.contract_locks(ports.store, account),
    )
    held, names = holdings(fills), {fill.con_id: fill.instrument for fill in fills}
    virtual = frozenset(
        [fill.con_id for fill in fills if fill.sec_type == FOREX]
        + [position.con_id for position in ports.broker.positions() if position.sec_type == FOREX]
    )
    records = [kept.value for kept in standing_orders]
    closed = {
        con_id: Refusal(
            code="contract-locked",
            message=f"{lock.value.instrument} is locked since {lock.value.since:%Y-%m-%d %H:%M} UTC: "
            f"{lock.value.reason}; `reconcile` unlocks it",
        )
        for con_id, lock in locks.items()
    }
    for refusal in (*_differing(held, virtual, ports), *_doubtful(records), *_unknown(records, ports)):
        closed.setdefault(*refusal)
    standing: defaultdict[int, list[OrderRecord]] = defaultdict(list)
    for record in records:
        if record.order.reference not in without:
            standing[record.order.contract.con_id].append(record)
    in_flight = _in_flight(record for found in standing.values() for record in found)
    booked = frozenset(fill.stem for fill in fills)
    return Books(held, dict(standing), in_flight, closed, names, virtual, booked)


async def settled_books(
    ports: Ports, account: str, settle_s: float, *, waits: bool = True, without: Collection[str] = ()
) -> Books:
    """Return the books once the positions show what has just filled, or it would be traded twice.

    A position is told a moment after the fill that moved it, so that is waited for once, if ``waits``. Where
    it still isn't shown then, the contract is ``late``. Fills are known as of the last time that the broker
    was asked what stands.
    """
    books = await read_books(ports, account, without=without)
    since = ports.clock.now() - timedelta(seconds=settle_s + CLOCKS_APART_S)
    recent = [fill for fill in ports.broker.fills() if fill.at > since]
    if not waits or not (_unshown(recent, books) or any(fill.con_id in books.virtual for fill in recent)):
        return books
    await ports.clock.sleep(settle_s)
    books = await read_books(ports, account, without=without)
    late = {
        fill.con_id: books.closed.get(fill.con_id)
        or Refusal(
            code="position-late",
            message=f"{fill.symbol}: it traded at {fill.at:%H:%M:%S} UTC, and the position doesn't show that "
            "yet, or our books don't; nothing is ordered in it until they agree",
        )
        for fill in _unshown(recent, books)
    }
    return replace(books, late=late)


def _unshown(fills: Iterable[Fill], books: Books) -> list[Fill]:
    """Return those of ``fills`` that the positions may not show yet.

    Where our books have a fill and agree with the position, the position shows it. One in a pair of
    currencies shows nothing, ever.
    """
    return [
        fill
        for fill in fills
        if fill.con_id not in books.virtual
        and (stem_of(fill.exec_id) not in books.booked or fill.con_id in books.closed)
    ]


def _differing(held: Quantities, virtual: frozenset[int], ports: Ports) -> list[tuple[int, Refusal]]:
    ours: defaultdict[int, Decimal] = defaultdict(Decimal)
    for (_, con_id), quantity in held.items():
        ours[con_id] += quantity
    theirs = {position.con_id: position for position in ports.broker.positions()}
    differing = []
    for con_id in {*ours, *theirs} - virtual:
        position = theirs[con_id].quantity if con_id in theirs else Decimal(0)
        if position != ours[con_id]:
            name = theirs[con_id].symbol if con_id in theirs else f"contract {con_id}"
            message = (
                f"{name}: our books hold {ours[con_id]}, the broker {position}; nothing is opened in it "
                "until `reconcile` with repair has booked the difference"
            )
            differing.append((con_id, Refusal(code="books-differ", message=message)))
    return differing


def _doubtful(records: list[OrderRecord]) -> list[tuple[int, Refusal]]:
    doubtful = (OrderState.PLANNED, OrderState.UNRESOLVED)
    return [
        (
            record.order.contract.con_id,
            Refusal(
                code="order-in-doubt",
                message=f"order {record.order.reference} in {record.order.contract} may stand or not",
            ),
        )
        for record in records
        if record.standing in doubtful
    ]


def _unknown(records: list[OrderRecord], ports: Ports) -> list[tuple[int, Refusal]]:
    """Close contracts in which an order of ours stands that the books don't have as open.

    A person may have damaged its document, and whoever doesn't know of it would order the same again.
    """
    known = {record.order.reference for record in records}
    return [
        (
            order.con_id,
            Refusal(
                code="order-unknown",
                message=f"order {order.reference} in {order.symbol} stands at the broker, and our books "
                "have no open order of that reference; mend its document, or cancel it at the broker",
            ),
        )
        for order in ports.broker.open_orders()
        if is_reference(order.reference) and order.reference not in known
    ]


def _in_flight(records: Iterable[OrderRecord]) -> Quantities:
    under_way: defaultdict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for record in records:
        total, done = share(record.order.quantity, record.wanted), share(record.filled, record.wanted)
        for owner, quantity in total.items():
            under_way[owner, record.order.contract.con_id] += quantity - done[owner]
    return dict(under_way)
