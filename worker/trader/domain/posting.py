"""What the broker's reports add to our books: late fills, corrections, ends, and executions of nobody's."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from trader.domain.ledger import EXTERNAL, BookedFill, revision_of, stem_of
from trader.domain.order_record import OrderRecord
from trader.domain.orders import Lookup
from trader.domain.portfolio import Fill
from trader.domain.reconciliation import counted_until
from trader.domain.settlement import Verdict, judge

SPREAD = "BAG"
"""The broker's type of a combination: its legs are executions of their own, and no position is in it."""


@dataclass(frozen=True, slots=True)
class Posting:
    """What the broker's reports change in our books.

    ``doubts`` says, by reference, why an open order can't be told to stand, nor what became of it.
    """

    orders: tuple[OrderRecord, ...]
    fills: tuple[BookedFill, ...]
    external: tuple[BookedFill, ...]
    doubts: Mapping[str, str]


def post(
    orders: Iterable[OrderRecord],
    booked: Collection[BookedFill],
    lookup: Lookup,
    *,
    adopts: bool = True,
    since: datetime | None = None,
) -> Posting:
    """Return what ``lookup`` changes in our books.

    ``orders`` are all of ours that are open and, of those at their end, each that a report names: late
    fills and corrections are theirs too. ``booked`` is every booked fill. With ``adopts``, executions of
    nobody's order become EXTERNAL's, once. From before ``since``, nothing is adopted, nor added to an order
    at its end.
    """
    counted = counted_until(booked)
    of_order: defaultdict[str, list[BookedFill]] = defaultdict(list)
    for fill in booked:
        of_order[fill.order].append(fill)
    recent = tuple(fill for fill in lookup.fills if since is None or fill.at >= since)
    for_ended = lookup.model_copy(update={"fills": recent})
    ours: list[OrderRecord] = []
    changed: list[OrderRecord] = []
    fills: list[BookedFill] = []
    doubts: dict[str, str] = {}
    for record in orders:
        reference, is_open = record.order.reference, record.state == "open"
        seen = _counting(record, counted)
        verdict = judge(seen, of_order[reference], lookup if is_open else for_ended)
        after = verdict.record if is_open else _at_its_end(seen, verdict)
        ours.append(after)
        fills += verdict.fills
        if after != seen:
            changed.append(after)
        if is_open and (verdict.doubt or verdict.absent):
            doubts[reference] = (
                verdict.doubt or record.text or "absent at the broker, where it may yet arrive"
            )
    external = _adopted(recent, ours, booked, counted) if adopts else ()
    return Posting(tuple(changed), tuple(fills), external, doubts)


def _counting(record: OrderRecord, counted: Mapping[int, datetime]) -> OrderRecord:
    """Return the record as one of whose executions a repair may have counted some."""
    until = counted.get(record.order.contract.con_id)
    if until is None or record.planned_at > until:
        return record
    return record.model_copy(update={"counted_until": until})


def _at_its_end(record: OrderRecord, verdict: Verdict) -> OrderRecord:
    """Return an ended order as it is now. While its end is confirmed, what was said of it stays."""
    after = verdict.record
    return after.model_copy(update={"text": record.text}) if after.standing is record.standing else after


def _adopted(
    told: Iterable[Fill],
    ours: Collection[OrderRecord],
    booked: Iterable[BookedFill],
    counted: Mapping[int, datetime],
) -> tuple[BookedFill, ...]:
    references = {record.order.reference for record in ours}
    perm_ids = {record.perm_id for record in ours} - {0}
    standing = {fill.stem: fill for fill in booked}
    adopted: dict[str, BookedFill] = {}
    for fill in told:
        if fill.sec_type == SPREAD:
            continue
        before = standing.get(stem_of(fill.exec_id))
        is_ours = fill.reference in references if fill.reference else fill.perm_id in perm_ids
        if is_ours or (before is not None and before.order):
            continue
        if before is None and fill.con_id in counted and fill.at <= counted[fill.con_id]:
            continue
        after = _external(fill, before)
        if after is not None:
            standing[after.stem] = adopted[after.stem] = after
    return tuple(adopted.values())


def booking(fill: Fill, owner: str) -> BookedFill:
    """Return the booking of an execution that no order of ours asked for, as all of it ``owner``'s."""
    return BookedFill(
        stem=stem_of(fill.exec_id),
        exec_id=fill.exec_id,
        order="",
        con_id=fill.con_id,
        instrument=fill.symbol,
        sec_type=fill.sec_type,
        currency=fill.currency,
        quantity=fill.quantity,
        price=fill.price,
        at=fill.at,
        shares={owner: fill.quantity},
        commission=fill.commission,
        commission_currency=fill.commission_currency,
    )


def _external(fill: Fill, before: BookedFill | None) -> BookedFill | None:
    """Return the booking of an execution of nobody's, or None when it stands already, or a later one does."""
    if before is not None and revision_of(fill.exec_id) < revision_of(before.exec_id):
        return None
    after = booking(fill, EXTERNAL)
    if before and before.exec_id == after.exec_id and after.commission is None:
        kept = {"commission": before.commission, "commission_currency": before.commission_currency}
        after = after.model_copy(update=kept)
    return after if after != before else None
