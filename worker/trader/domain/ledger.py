"""Booked fills, whose sum is what each strategy holds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderContract
from trader.domain.portfolio import Fill
from trader.domain.sharing import share
from trader.domain.wire import Amount, Time, Wire

EXTERNAL = "EXTERNAL"
"""The owner of what no strategy asked for."""
CROSSING = "cross/"
"""What the stem of a fill starts with that crossed inside. No execution's id has a slash."""
CASH = "CASH"
"""The owner of currencies that were converted for cash's own sake."""
NOBODYS = frozenset({EXTERNAL, CASH})
"""Owners that are no strategy."""


class BookedFill(Wire):
    """One execution, or its latest correction, shared among its owners."""

    version: Literal[1] = 1
    stem: str = Field(description="The execution's id without the number of its correction.")
    exec_id: str
    order: str = Field(
        description="The reference of our order, or of a crossing inside; empty for an external one."
    )
    con_id: int
    instrument: str
    sec_type: str = Field("", description="The broker's type of the contract; empty where it isn't known.")
    currency: str
    quantity: Amount
    price: Amount
    at: Time
    shares: dict[str, Amount]
    commission: Amount | None = None
    commission_currency: str | None = None


def stem_of(exec_id: str) -> str:
    """Return the part of an execution's id that its corrections share: ``0001.02.01.01`` to ``…01.02``."""
    stem, _, revision = exec_id.rpartition(".")
    return stem if stem and revision.isdecimal() else exec_id


def revision_of(exec_id: str) -> int:
    """Return the number of the correction that ``exec_id`` is."""
    stem, _, revision = exec_id.rpartition(".")
    return int(revision) if stem and revision.isdecimal() else 0


def book(record: OrderRecord, booked: Iterable[BookedFill], told: Iterable[Fill]) -> tuple[BookedFill, ...]:
    """Return the fills of ``record`` that are to be written: new, corrected, or with a late commission.

    Each takes the difference between what the contributors are owed of the new cumulative quantity and
    what they have, so that neither the partition of the fills nor the order of corrections matters.
    """
    standing = {fill.stem: fill for fill in booked}
    changed: dict[str, BookedFill] = {}
    for fill in sorted(told, key=lambda fill: (fill.at, fill.exec_id)):
        stem = stem_of(fill.exec_id)
        before = standing.get(stem)
        if before and revision_of(fill.exec_id) < revision_of(before.exec_id):
            continue
        others = [other for key, other in standing.items() if key != stem]
        after = _booked(record, fill, _owed(record, fill.quantity, others))
        if before and before.exec_id == after.exec_id and after.commission is None:
            after = after.model_copy(
                update={"commission": before.commission, "commission_currency": before.commission_currency}
            )
        if after != before:
            standing[stem] = changed[stem] = after
    return tuple(changed.values())


def holdings(fills: Iterable[BookedFill]) -> Mapping[tuple[str, int], Decimal]:
    """Return what each owner holds of each contract; nothing is left out but zeros."""
    sums: defaultdict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for fill in fills:
        for owner, quantity in fill.shares.items():
            sums[owner, fill.con_id] += quantity
    return {key: quantity for key, quantity in sums.items() if quantity}


def filled_of(fills: Iterable[BookedFill]) -> tuple[Decimal, Decimal | None]:
    """Return the quantity and the average price of ``fills``."""
    total, value = Decimal(0), Decimal(0)
    for fill in fills:
        total += fill.quantity
        value += fill.quantity * fill.price
    return total, value / total if total else None


def _owed(record: OrderRecord, quantity: Decimal, others: Iterable[BookedFill]) -> dict[str, Decimal]:
    have: defaultdict[str, Decimal] = defaultdict(Decimal)
    cumulative = quantity
    for other in others:
        cumulative += other.quantity
        for owner, part in other.shares.items():
            have[owner] += part
    owed = share(cumulative, record.wanted)
    return {owner: owed[owner] - have[owner] for owner in owed}


def _booked(record: OrderRecord, fill: Fill, shares: dict[str, Decimal]) -> BookedFill:
    return BookedFill(
        stem=stem_of(fill.exec_id),
        exec_id=fill.exec_id,
        order=record.order.reference,
        con_id=fill.con_id,
        instrument=str(record.order.contract),
        sec_type=fill.sec_type,
        currency=fill.currency,
        quantity=fill.quantity,
        price=fill.price,
        at=fill.at,
        shares=shares,
        commission=fill.commission,
        commission_currency=fill.commission_currency,
    )


def crossing_fills(
    crossing: str, contract: OrderContract, crossed: Mapping[str, Decimal], price: Decimal, at: datetime
) -> tuple[BookedFill, BookedFill]:
    """Return the pair of fills that books what has crossed inside: the buyers', and the sellers'.

    ``crossing`` is unlike that of any other, and has a slash, as no execution's id has. The two sum to
    nothing, as no share has changed hands at the broker.
    """
    sides = (
        ("buy", {owner: part for owner, part in crossed.items() if part > 0}),
        ("sell", {owner: part for owner, part in crossed.items() if part < 0}),
    )
    buy, sell = (
        BookedFill(
            stem=f"{CROSSING}{crossing}/{side}",
            exec_id=f"{CROSSING}{crossing}/{side}",
            order=f"{CROSSING}{crossing}",
            con_id=contract.con_id,
            instrument=str(contract),
            currency=contract.currency,
            quantity=sum(shares.values(), Decimal(0)),
            price=price,
            at=at,
            shares=shares,
        )
        for side, shares in sides
    )
    return buy, sell
