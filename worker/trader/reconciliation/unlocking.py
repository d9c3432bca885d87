"""What a reconciliation writes and tells with its run's end: bookings, orders' ends, locks and unlocking."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from trader.domain.events import Alert
from trader.domain.ledger import BookedFill
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderState
from trader.domain.reconciliation import Tally, repair_of
from trader.domain.status import Severity
from trader.domain.wire import Amount, Time, Wire
from trader.intent import Run
from trader.ports import Write
from trader.reconciliation.reconciling import Survey
from trader.stored import orderbook
from trader.stored.orderbook import ContractLock

SETTLED = "its orders are at their end, and our books agree with the broker's"
"""Why a contract is unlocked by evidence."""


class Locked(Wire):
    """A contract in which nothing may be opened, and what keeps it so."""

    con_id: int
    instrument: str
    since: Time
    why: str


class Repair(Wire):
    """A contract whose books were made to agree on a person's word."""

    con_id: int
    instrument: str
    booked: Amount = Field(description="What EXTERNAL was given.")
    orders: tuple[str, ...] = Field(description="References of the orders whose end was named.")


class Entries:
    """The changes that one run makes to what its survey found; nothing is written before ``writes`` is."""

    def __init__(self, survey: Survey, run: Run, at: datetime) -> None:
        self._survey = survey
        self._run = run
        self._at = at
        self._orders: dict[str, OrderRecord] = {}
        self._fills: dict[str, BookedFill] = {}
        self._locked: dict[int, ContractLock] = {}
        self._told: list[Alert] = []
        self.unlocked: dict[int, str] = {}  # by contract, its name
        self.repairs: list[Repair] = []

    def post(self, contracts: Collection[int] | None = None) -> None:
        """Enter what the broker's reports change, in those contracts if any are named."""
        posting = self._survey.posting
        for record in posting.orders:
            if contracts is None or record.order.contract.con_id in contracts:
                self._enter(record, f"the broker says {record.standing}")
        for fill in (*posting.fills, *posting.external):
            if contracts is None or fill.con_id in contracts:
                self._fills[fill.stem] = fill

    def unlock(self, con_id: int, why: str) -> None:
        """Open a contract again."""
        instrument = self._survey.locks[con_id].value.instrument
        self.unlocked[con_id] = instrument
        self._tell("contract-unlocked", self._run.key, instrument, why)

    def lock(self, tally: Tally) -> None:
        """Close a contract of which our books hold something else than the broker."""
        reason = f"our books hold {tally.ours}, the broker {tally.theirs}"
        lock = ContractLock(
            con_id=tally.con_id,
            instrument=tally.instrument,
            orders=(),
            reason=reason,
            run=self._run.key,
            since=self._at,
        )
        self._locked[tally.con_id] = lock
        text = f"{reason}; nothing is opened in it until they agree"
        self._tell("contract-locked", self._run.key, tally.instrument, text, Severity.CRITICAL)

    def repair(self, tally: Tally, at: datetime, reason: str) -> None:
        """Book the difference, end what is in doubt, and open the contract again, on a person's word.

        Executions up to ``at`` are counted with it: one that is told of later isn't booked again.
        """
        booking = repair_of(tally, self._run.turn, at)
        self._fills[booking.stem] = booking
        named = []
        for reference, record in self._survey.records.items():
            if record.order.contract.con_id == tally.con_id and record.standing is OrderState.UNRESOLVED:
                ended = record.at(OrderState.CANCELLED, f"named cancelled by repair: {reason}")
                self._enter(ended, ended.text)
                named.append(reference)
        if tally.con_id in self._survey.locks:
            self.unlock(tally.con_id, f"by repair: {reason}")
        self.repairs.append(
            Repair(
                con_id=tally.con_id,
                instrument=tally.instrument,
                booked=booking.quantity,
                orders=tuple(named),
            )
        )

    def left(self, refused: Mapping[int, str], otherwise: str = "") -> tuple[Locked, ...]:
        """Return the contracts that stay locked, and why; ``otherwise`` where nothing but the run is why."""
        standing = {con_id: kept.value for con_id, kept in self._survey.locks.items()}
        whys = {con_id: self._survey.why_locked(con_id) or otherwise for con_id in standing}
        whys |= {con_id: lock.reason for con_id, lock in self._locked.items()} | dict(refused)
        return tuple(
            Locked(con_id=con_id, instrument=lock.instrument, since=lock.since, why=whys[con_id])
            for con_id, lock in (standing | self._locked).items()
            if con_id not in self.unlocked
        )

    @property
    def fills(self) -> tuple[BookedFill, ...]:
        """What is booked."""
        return tuple(self._fills.values())

    @property
    def writes(self) -> tuple[Write, ...]:
        """All of it, for one commit."""
        orders, booked = self._survey.orders, self._survey.fills
        return (
            *(orders[reference].write(record) for reference, record in self._orders.items()),
            *orderbook.fill_writes(self._run.account, tuple(booked.values()), self.fills),
            *(orderbook.lock_write(self._run.account, lock) for lock in self._locked.values()),
            *(self._survey.locks[con_id].delete() for con_id in self.unlocked),
        )

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What a person must know of it."""
        return tuple(self._told)

    def _enter(self, record: OrderRecord, message: str) -> None:
        reference = record.order.reference
        self._orders[reference] = record
        was, now = self._survey.orders[reference].value.standing, record.standing
        lives_on = was.is_end and not now.is_end
        if lives_on or (was is OrderState.UNRESOLVED and now is not OrderState.UNRESOLVED):
            text = f"order {reference}: {message}{f', not {was}' if lives_on else ''}"
            severity = Severity.WARNING if lives_on else Severity.INFO
            self._tell("order-resolved", record.run, str(record.order.contract), text, severity)

    def _tell(
        self,
        event: Literal["order-resolved", "contract-locked", "contract-unlocked"],
        run: str,
        instrument: str,
        message: str,
        severity: Severity = Severity.INFO,
    ) -> None:
        self._told.append(
            Alert(
                event=event,
                severity=severity,
                account=self._run.account,
                run=run,
                instrument=instrument,
                message=message,
                at=self._at,
            )
        )
