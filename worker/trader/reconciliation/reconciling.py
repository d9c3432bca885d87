"""Our books and the broker's word at one moment, held against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from trader.domain.ledger import BookedFill, stem_of
from trader.domain.order_record import OrderRecord
from trader.domain.orders import Lookup, OrderState
from trader.domain.portfolio import Fill, Position
from trader.domain.posting import Posting, post
from trader.domain.reconciliation import Break, Tally, tallies
from trader.domain.run_key import document_id
from trader.domain.snapshot import Snapshot
from trader.intent import Run
from trader.ports import Create, Ports, Store, Write
from trader.stored import orderbook
from trader.stored.orderbook import ContractLock, Kept

IN_DOUBT = (OrderState.PLANNED, OrderState.UNRESOLVED)


@dataclass(frozen=True)
class Survey:
    """What the broker said, what our books hold, and what the one changes in the other."""

    lookup: Lookup
    positions: tuple[Position, ...]
    orders: Mapping[str, Kept[OrderRecord]]  # all that are open, and those at their end that are named
    fills: Mapping[str, Kept[BookedFill]]  # by stem
    locks: Mapping[int, Kept[ContractLock]]
    posting: Posting

    @cached_property
    def records(self) -> Mapping[str, OrderRecord]:
        """Our orders as they stand after the posting, by reference."""
        standing = {reference: kept.value for reference, kept in self.orders.items()}
        return standing | {record.order.reference: record for record in self.posting.orders}

    @cached_property
    def tallies(self) -> Mapping[int, Tally]:
        """Each contract after the posting."""
        return self.tallies_with((*self.posting.fills, *self.posting.external))

    def tallies_with(self, fills: Sequence[BookedFill]) -> Mapping[int, Tally]:
        """Each contract if of the posting just ``fills`` were booked."""
        booked = {stem: kept.value for stem, kept in self.fills.items()} | {fill.stem: fill for fill in fills}
        return tallies(booked.values(), self.positions)

    def tally(self, con_id: int) -> Tally:
        """Return one contract after the posting, also one that nobody holds."""
        if (found := self.tallies.get(con_id)) is not None:
            return found
        contracts = {r.order.contract.con_id: r.order.contract for r in self.records.values()}
        if (contract := contracts.get(con_id)) is not None:
            return Tally(con_id, str(contract), contract.currency, Decimal(0), Decimal(0))
        return Tally(con_id, self.locks[con_id].value.instrument, "", Decimal(0), Decimal(0))

    def doubts(self, con_id: int) -> Mapping[str, str]:
        """Return why, by reference, each order in the contract that is in doubt still is."""
        in_doubt = {
            reference: record.text or "its own run hasn't sent it yet, as far as is known"
            for reference, record in self.records.items()
            if record.order.contract.con_id == con_id and record.standing in IN_DOUBT
        }
        told = {ref: why for ref, why in self.posting.doubts.items() if ref in self.records}
        here = {ref: why for ref, why in told.items() if self.records[ref].order.contract.con_id == con_id}
        return in_doubt | here

    def why_locked(self, con_id: int) -> str | None:
        """Return what still keeps a locked contract so, or None when its doubt is settled."""
        for reference in self.locks[con_id].value.orders:
            if reference not in self.records:
                return f"expected order {reference} in the store, found none; `reconcile` with repair unlocks"
        for reference, why in self.doubts(con_id).items():
            return f"order {reference} may stand or not: {why}"
        tally = self.tally(con_id)
        return f"our books hold {tally.ours}, the broker {tally.theirs}" if tally.difference else None

    def breaks(self, held: Mapping[int, Tally], *, trading: bool = False) -> tuple[Break, ...]:
        """Return which of ``held`` differ; ``trading`` says that a run is at work meanwhile."""
        return tuple(
            tally.as_break(under_way=trading or bool(self.open_in(con_id)))
            for con_id, tally in held.items()
            if tally.difference
        )

    def open_in(self, con_id: int) -> Sequence[str]:
        """Return what is in flight in the contract, orders of anybody, as a person would name them."""
        theirs = [
            f"{order.quantity - order.filled} {order.contract} of {order.reference or 'somebody else'}"
            for order in self.lookup.open
            if order.contract.con_id == con_id
        ]
        ours = [
            f"order {reference}"
            for reference, record in self.records.items()
            if record.order.contract.con_id == con_id
            and record.state == "open"
            and record.standing is not OrderState.UNRESOLVED
        ]
        return (*theirs, *ours)


async def survey(ports: Ports, account: str, *, adopts: bool, since: datetime | None = None) -> Survey:
    """Look at everything once. Raises GatewayNotReady unless the broker answers completely."""
    lookup = await ports.orders.look_up()
    positions = tuple(ports.broker.positions())
    store = ports.store
    fills = {kept.value.stem: kept for kept in await orderbook.booked_fills(store, account)}
    locks = await orderbook.contract_locks(store, account)
    orders = {kept.value.order.reference: kept for kept in await orderbook.open_orders(store, account)}
    named = {reference for lock in locks.values() for reference in lock.value.orders}
    named |= {order.reference for order in lookup.open}
    news = [fill for fill in lookup.fills if _is_news(fill, fills.get(stem_of(fill.exec_id)))]
    named |= {fill.reference for fill in news}
    for reference in sorted(named - set(orders) - {""}):
        if (kept := await orderbook.find_order(store, account, reference)) is not None:
            orders[reference] = kept
    orders |= await _known_by_number(store, account, news, orders)
    records = [kept.value for kept in orders.values()]
    booked = [kept.value for kept in fills.values()]
    posting = post(records, booked, lookup, adopts=adopts, since=since)
    return Survey(lookup, positions, orders, fills, locks, posting)


def snapshot_of(found: Survey, run: Run, ports: Ports) -> Snapshot:
    """Return the account as ``run`` found it."""
    return Snapshot(
        run=run.key,
        at=found.lookup.at,
        positions=found.positions,
        open_orders=found.lookup.open,
        account=ports.broker.account(),
    )


def snapshot_write(run: Run, snapshot: Snapshot) -> Write:
    """Return the write that keeps ``snapshot``, the one that ``run`` took."""
    return Create(f"accounts/{run.account}/snapshots/{document_id(run.turn)}", snapshot.to_json())


def _is_news(fill: Fill, standing: Kept[BookedFill] | None) -> bool:
    if standing is None or standing.value.exec_id != fill.exec_id:
        return True
    return fill.commission is not None and standing.value.commission is None


async def _known_by_number(
    store: Store, account: str, news: Sequence[Fill], known: Mapping[str, Kept[OrderRecord]]
) -> dict[str, Kept[OrderRecord]]:
    """Return those of our orders that executions name by the broker's number alone."""
    numbers = {fill.perm_id for fill in news if not fill.reference and fill.perm_id}
    numbers -= {kept.value.perm_id for kept in known.values()}
    if not numbers:
        return {}
    found = await orderbook.all_orders(store, account)
    return {kept.value.order.reference: kept for kept in found if kept.value.perm_id in numbers}
