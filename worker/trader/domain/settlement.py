"""What the broker's own words make of an order of ours: found, absent, or in doubt."""

from collections.abc import Iterable
from dataclasses import dataclass

from trader.domain.ledger import BookedFill, book, filled_of
from trader.domain.order_record import OrderRecord
from trader.domain.orders import BrokerOrder, Lookup, OrderState


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of an order now; ``fills`` are to be booked.

    ``doubt`` says why the order can be neither found nor called absent; it is never to be sent again.
    """

    record: OrderRecord
    fills: tuple[BookedFill, ...] = ()
    doubt: str | None = None
    absent: bool = False


def judge(record: OrderRecord, booked: Iterable[BookedFill], lookup: Lookup) -> Verdict:
    """Return the verdict on ``record``, given its fills ``booked`` so far and all that the broker says.

    An order is at its end on the broker's word only: its executions, or its place among the completed.
    """
    known = tuple(booked)
    told = [fill for fill in lookup.fills if _is_of(record, fill.reference, fill.perm_id)]
    fresh = book(record, known, told)
    all_fills = {fill.stem: fill for fill in (*known, *fresh)}.values()
    filled, price = filled_of(all_fills)
    record = record.model_copy(update={"filled": filled, "average_price": price})
    standing = _first(record, lookup.open)
    completed = _first(record, lookup.completed)
    for found in (standing, completed):
        if found is not None:
            record = record.model_copy(update={"perm_id": found.perm_id or record.perm_id})
    if told and not record.perm_id:
        record = record.model_copy(update={"perm_id": told[0].perm_id})
    if filled == record.order.quantity:
        return Verdict(record.at(OrderState.FILLED), fresh)
    if standing is not None and not standing.state.is_end:
        return Verdict(record.at(standing.state, standing.text), fresh)
    if completed is not None:
        return _completed(record, fresh, completed)
    if filled or record.is_told_of:
        return Verdict(
            record, fresh, doubt="the broker has had this order and no longer says what became of it"
        )
    return Verdict(record, absent=True)


def _completed(record: OrderRecord, fresh: tuple[BookedFill, ...], completed: BrokerOrder) -> Verdict:
    if abs(completed.filled) > abs(record.filled) or completed.state is OrderState.FILLED:
        text = f"the broker reports {completed.filled} filled, but executions of {record.filled} only"
        return Verdict(record, fresh, doubt=text)
    return Verdict(record.at(completed.state, completed.text), fresh)


def _first(record: OrderRecord, among: Iterable[BrokerOrder]) -> BrokerOrder | None:
    return next((order for order in among if _is_of(record, order.reference, order.perm_id)), None)


def _is_of(record: OrderRecord, reference: str, perm_id: int) -> bool:
    # The broker's number decides where a reference is missing, as it can be on completed orders.
    if reference:
        return reference == record.order.reference
    return perm_id != 0 and perm_id == record.perm_id
