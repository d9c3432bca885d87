"""What the broker's own words make of an order of ours: found, absent, or in doubt."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from trader.domain.ledger import BookedFill, book, filled_of, stem_of
from trader.domain.order_record import OrderRecord
from trader.domain.orders import BrokerOrder, Lookup, OrderState
from trader.domain.portfolio import Fill


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of an order now; ``fills`` are to be booked.

    ``doubt`` says why the order can be neither found nor called absent; it is never to be sent again.
    """

    record: OrderRecord
    fills: tuple[BookedFill, ...] = ()
    doubt: str | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the broker's words have changed: orders as they stand now, fills as they are booked now."""

    orders: tuple[OrderRecord, ...] = ()
    fills: tuple[BookedFill, ...] = ()


def judge(record: OrderRecord, booked: Iterable[BookedFill], lookup: Lookup) -> Verdict:
    """Return the verdict on ``record``, given its fills ``booked`` so far and all that the broker says.

    An order is at its end on the broker's word only: its executions, or its place among the completed.
    """
    known = tuple(booked)
    # The broker's number first: some of its reports may lack the reference, and are known by that alone.
    record = record.model_copy(update={"perm_id": record.perm_id or _perm_id(record, lookup)})
    told = [fill for fill in lookup.fills if _is_of(record, fill.reference, fill.perm_id)]
    counted = _counted(record, known, told)
    fresh = book(record, known, [fill for fill in told if fill not in counted])
    all_fills = {fill.stem: fill for fill in (*known, *fresh)}.values()
    filled, price = filled_of(all_fills)
    record = record.model_copy(update={"filled": filled, "average_price": price})
    executed = filled + sum((fill.quantity for fill in counted), Decimal(0))
    standing = _first(record, lookup.open)
    completed = _first(record, lookup.completed)
    if executed == record.order.quantity:
        return Verdict(record.at(OrderState.FILLED), fresh)
    if standing is not None and not standing.state.is_end:
        # Before a midnight, or on another container, a part may have filled that no report shows any more.
        doubt = _uncovered(standing, executed)
        return Verdict(record if doubt else record.at(standing.state, standing.text), fresh, doubt=doubt)
    if completed is not None:
        return _completed(record, fresh, completed, executed)
    if filled or record.is_told_of:
        return Verdict(
            record, fresh, doubt="the broker has had this order and no longer says what became of it"
        )
    return Verdict(record, absent=True)


def judge_again(first: Verdict, booked: Iterable[BookedFill], lookup: Lookup) -> Verdict:
    """Return the verdict after a second look, which takes nothing back that the first has shown."""
    known = {fill.stem: fill for fill in (*booked, *first.fills)}
    second = judge(first.record, known.values(), lookup)
    fills = {fill.stem: fill for fill in (*first.fills, *second.fills)}
    if second.absent and not first.absent:
        doubt = "one look at the broker's reports showed this order, and the next did not"
        return Verdict(second.record, tuple(fills.values()), doubt=doubt)
    return Verdict(second.record, tuple(fills.values()), second.doubt, second.absent)


def _completed(
    record: OrderRecord, fresh: tuple[BookedFill, ...], completed: BrokerOrder, executed: Decimal
) -> Verdict:
    doubt = _uncovered(completed, executed)
    # A filled order's quantity can be less than it asked for: an execution was corrected downwards.
    if doubt is None and completed.state is OrderState.FILLED and not executed:
        doubt = "the broker reports it filled, but no execution"
    return Verdict(record if doubt else record.at(completed.state, completed.text), fresh, doubt=doubt)


def _uncovered(told: BrokerOrder, executed: Decimal) -> str | None:
    if abs(told.filled) <= abs(executed):
        return None
    return f"the broker reports {told.filled} filled, but executions of {executed} only"


def _counted(record: OrderRecord, known: Iterable[BookedFill], told: Iterable[Fill]) -> list[Fill]:
    """Return the executions that a repair has booked already, under its own name."""
    until = record.counted_until
    stems = {fill.stem for fill in known}
    return [fill for fill in told if until and fill.at <= until and stem_of(fill.exec_id) not in stems]


def _perm_id(record: OrderRecord, lookup: Lookup) -> int:
    reference = record.order.reference
    found: tuple[BrokerOrder | Fill, ...] = (*lookup.open, *lookup.completed, *lookup.fills)
    return next((told.perm_id for told in found if told.reference == reference and told.perm_id), 0)


def _first(record: OrderRecord, among: Iterable[BrokerOrder]) -> BrokerOrder | None:
    return next((order for order in among if _is_of(record, order.reference, order.perm_id)), None)


def _is_of(record: OrderRecord, reference: str, perm_id: int) -> bool:
    # The broker's number decides where a reference is missing, as it can be on completed orders.
    if reference:
        return reference == record.order.reference
    return perm_id != 0 and perm_id == record.perm_id
