"""Ours against the broker's: where our booked fills don't sum to its positions, and what would mend it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pydantic import Field

from trader.domain.ledger import EXTERNAL, BookedFill
from trader.domain.portfolio import Position
from trader.domain.run_key import document_id
from trader.domain.valuation import FOREX
from trader.domain.wire import Amount, Wire

REPAIR = "repair/"
"""What the stem of a repair's booking starts with. No execution's id has a slash."""


class Break(Wire):
    """A contract of which our books hold something else than the broker."""

    con_id: int
    instrument: str
    ours: Amount = Field(description="What our booked fills sum to.")
    theirs: Amount = Field(description="The broker's position.")
    difference: Amount = Field(description="Theirs less ours.")
    under_way: bool = Field(description="Whether orders are open or a run is trading: it may pass by itself.")


@dataclass(frozen=True, slots=True)
class Tally:
    """What our books and the broker hold of one contract."""

    con_id: int
    instrument: str
    currency: str
    ours: Decimal
    theirs: Decimal

    @property
    def difference(self) -> Decimal:
        """What would have to be booked."""
        return self.theirs - self.ours

    def as_break(self, *, under_way: bool) -> Break:
        """Return what a result tells of it."""
        return Break(
            con_id=self.con_id,
            instrument=self.instrument,
            ours=self.ours,
            theirs=self.theirs,
            difference=self.difference,
            under_way=under_way,
        )


def counted_until(booked: Iterable[BookedFill]) -> Mapping[int, datetime]:
    """Return, by contract, until when a repair has counted each execution that wasn't booked by then."""
    latest: dict[int, datetime] = {}
    for fill in booked:
        if fill.stem.startswith(REPAIR):
            latest[fill.con_id] = max(fill.at, latest.get(fill.con_id, fill.at))
    return latest


def tallies(booked: Iterable[BookedFill], positions: Iterable[Position]) -> Mapping[int, Tally]:
    """Return each contract that our books or the broker name, ours held against theirs.

    Currency pairs are left out: the broker's position in one mirrors cash, and nothing has to sum to it.
    """
    booked = [fill for fill in booked if fill.sec_type != FOREX]
    positions = [position for position in positions if position.sec_type != FOREX]
    sums: defaultdict[int, Decimal] = defaultdict(Decimal)
    names: dict[int, tuple[str, str]] = {}
    for fill in booked:
        sums[fill.con_id] += sum(fill.shares.values(), Decimal(0))
        if fill.order or fill.con_id not in names:  # an order's own name says more than an execution's
            names[fill.con_id] = fill.instrument, fill.currency
    theirs = {position.con_id: position.quantity for position in positions}
    for position in positions:
        names.setdefault(position.con_id, (position.symbol, position.currency))
    return {
        con_id: Tally(con_id, *names[con_id], sums[con_id], theirs.get(con_id, Decimal(0)))
        for con_id in sorted(names)
    }


def repair_of(tally: Tally, turn: str, at: datetime) -> BookedFill:
    """Return the booking with which a run's ``turn`` makes our books agree, as the broker stood at ``at``.

    One of nothing is booked too: it says that every execution until ``at`` is counted.
    """
    stem = f"{REPAIR}{document_id(turn)}/{tally.con_id}"
    return BookedFill(
        stem=stem,
        exec_id=stem,
        order="",
        con_id=tally.con_id,
        instrument=tally.instrument,
        currency=tally.currency,
        quantity=tally.difference,
        price=Decimal(0),  # nobody knows at which prices it came to be
        at=at,
        shares={EXTERNAL: tally.difference},
    )
