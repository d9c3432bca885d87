"""What is in doubt, and what would settle it: from the store alone, for a person."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderState
from trader.domain.wire import Amount, Time, Wire
from trader.ports import Store
from trader.stored import orderbook
from trader.stored.orderbook import ContractLock

REPAIR = "`trader publish reconcile --set repair=true --reason ...`"
_BY_EVIDENCE = "`trader publish trade-reconciliation` asks the broker for its end"
_BY_A_PERSON = f"if that finds none, look for its reference at the broker, and then {REPAIR} names its end"
_BY_ITS_RUN = "its run goes on with it by itself; if its worker died, another takes the run over in a minute"
_UNSAID = {
    OrderState.PLANNED: "its own run hasn't sent it yet, as far as is known",
    OrderState.UNRESOLVED: "nobody said whether it was taken",
}
_IN_DOUBT = tuple(_UNSAID)


class DoubtfulOrder(Wire):
    """An order that may or may not stand, or may or may not have."""

    reference: str = Field(description="What the broker knows it by, as its orderRef.")
    instrument: str
    con_id: int
    quantity: Amount
    filled: Amount
    run: str
    planned_at: Time
    why: str
    settles: str = Field(description="What would settle it.")


class LockedContract(Wire):
    """A contract in which nothing may be opened."""

    con_id: int
    instrument: str
    since: Time
    reason: str
    orders: tuple[str, ...]
    run: str = Field(description="The run that locked it.")
    unlocks: str = Field(description="What would unlock it.")


class Doubts(Wire):
    """All that a person has to look after."""

    orders: tuple[DoubtfulOrder, ...]
    contracts: tuple[LockedContract, ...]


async def read_doubts(store: Store, account: str) -> Doubts:
    """Return the orders in doubt and the locked contracts, the oldest first; raises Failed for damage."""
    records = {k.value.order.reference: k.value for k in await orderbook.open_orders(store, account)}
    locks = [kept.value for kept in (await orderbook.contract_locks(store, account)).values()]
    for reference in {reference for lock in locks for reference in lock.orders} - set(records):
        if (kept := await orderbook.find_order(store, account, reference)) is not None:
            records[reference] = kept.value
    doubtful = [record for record in records.values() if record.standing in _IN_DOUBT]
    return Doubts(
        orders=tuple(map(_doubtful, sorted(doubtful, key=lambda record: record.planned_at))),
        contracts=tuple(_locked(lock, records) for lock in sorted(locks, key=lambda lock: lock.since)),
    )


def _doubtful(record: OrderRecord) -> DoubtfulOrder:
    return DoubtfulOrder(
        reference=record.order.reference,
        instrument=str(record.order.contract),
        con_id=record.order.contract.con_id,
        quantity=record.order.quantity,
        filled=record.filled,
        run=record.run,
        planned_at=record.planned_at,
        why=record.text or _UNSAID[record.standing],
        settles=_BY_ITS_RUN if record.standing is OrderState.PLANNED else f"{_BY_EVIDENCE}; {_BY_A_PERSON}",
    )


def _locked(lock: ContractLock, records: Mapping[str, OrderRecord]) -> LockedContract:
    return LockedContract(
        con_id=lock.con_id,
        instrument=lock.instrument,
        since=lock.since,
        reason=lock.reason,
        orders=lock.orders,
        run=lock.run,
        unlocks=_what_unlocks(lock.orders, records),
    )


def _what_unlocks(orders: Sequence[str], records: Mapping[str, OrderRecord]) -> str:
    gone = [reference for reference in orders if reference not in records]
    if gone:
        return f"the store has no order {', '.join(gone)} any more: only {REPAIR} unlocks it"
    in_doubt = [ref for ref in orders if records[ref].standing in _IN_DOUBT]
    if in_doubt:
        return f"the end of {', '.join(in_doubt)}, and then books that agree: {_BY_EVIDENCE}; {_BY_A_PERSON}"
    still_open = [reference for reference in orders if records[reference].state == "open"]
    if still_open:
        return f"the end of {', '.join(still_open)}: {_BY_EVIDENCE}"
    return f"books that agree with the broker's: `trader publish reconcile` sees it, or {REPAIR} makes them"
