"""Settle first: every order of the account that isn't at its end, brought up to the broker's truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import structlog

from trader.domain import session
from trader.domain.events import Alert
from trader.domain.ledger import BookedFill
from trader.domain.order_record import OrderRecord
from trader.domain.orders import Lookup, OrderState
from trader.domain.proof import Scene, missing_proof
from trader.domain.settlement import Verdict, judge, judge_again
from trader.domain.status import Severity
from trader.ports import Ports, Write
from trader.runs import runs
from trader.stored import orderbook
from trader.stored.orderbook import ContractLock, Kept

log = structlog.get_logger(__name__)


@dataclass
class Settled:
    """What a settlement found, and the writes and alerts that make it known.

    ``unsent`` are orders of which it is proven that they never stood. They are still open: only their
    own run may send them, and only now, while the proof is fresh.
    """

    orders: dict[str, Kept[OrderRecord]] = field(default_factory=dict)
    unsent: set[str] = field(default_factory=set)
    writes: list[Write] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    changed: list[OrderRecord] = field(default_factory=list)
    fills: list[BookedFill] = field(default_factory=list)
    taken_order_id: int = 0


@dataclass(frozen=True, slots=True)
class Looks:
    """Two looks at the broker's reports, the connections they were asked on, and what has moved since."""

    first: Lookup
    second: Lookup
    links: tuple[str, str]
    moved: Mapping[int, Decimal]


def session_date(at: datetime) -> str:
    """Return the session's date at ``at``, as 2026-11-23."""
    return session.session_date(at).isoformat()


class Settler:
    """Settles orders of one account for the run ``run``, which holds the account."""

    def __init__(self, ports: Ports, account: str, run: str, *, settle_s: float, resend: bool) -> None:
        self._ports = ports
        self._account = account
        self._run = run
        self._settle_s = settle_s
        self._resend = resend

    async def settle(self, kept: Sequence[Kept[OrderRecord]]) -> Settled:
        """Return what became of ``kept``. With nothing to settle, the broker is asked nothing."""
        settled = Settled()
        if not kept:
            return settled
        booked = {
            order.value.order.reference: await orderbook.fills_of(
                self._ports.store, self._account, order.value.order.reference
            )
            for order in kept
        }
        first, first_link = await self._ports.orders.look_up(), self._ports.orders.link().id
        verdicts = [judge(order.value, _values(booked, order), first) for order in kept]
        second, second_link = first, first_link
        if any(verdict.absent or verdict.doubt for verdict in verdicts):
            # What the broker has just taken may not be in its reports yet.
            await self._ports.clock.sleep(self._settle_s)
            second, second_link = await self._ports.orders.look_up(), self._ports.orders.link().id
            verdicts = [
                judge_again(verdict, _values(booked, order), second)
                for order, verdict in zip(kept, verdicts, strict=True)
            ]
        before = await orderbook.contract_locks(self._ports.store, self._account)
        locks = dict(before)
        evidence = Looks(first, second, (first_link, second_link), _moves(kept, verdicts))
        for order, verdict in zip(kept, verdicts, strict=True):
            reference = order.value.order.reference
            standing = [*booked[reference], *await self._booked_elsewhere(booked[reference], verdict)]
            settled.writes += orderbook.fill_writes(self._account, standing, verdict.fills)
            settled.fills += verdict.fills
            refused = self._refused(verdict)
            why = None if refused else self._why_in_doubt(verdict, evidence)
            if refused:
                self._note(settled, order, refused)
                continue
            if verdict.absent and why is None:
                await self._unsent(settled, order)
                continue
            record = verdict.record.at(OrderState.UNRESOLVED, why) if why else verdict.record
            self._note(settled, order, record)
            if settled.orders[reference].value.standing is OrderState.UNRESOLVED:
                self._lock(record, locks)
        settled.writes += [lock.write(lock.value) for lock in locks.values() if lock not in before.values()]
        settled.taken_order_id = max(
            (o.order_id for o in second.open if o.client_id == self._ports.orders.link().client_id), default=0
        )
        return settled

    async def give_up(self, kept: Sequence[Kept[OrderRecord]], why: str) -> Settled:
        """Return ``kept`` as unresolved, for want of anyone who could still settle them."""
        settled = Settled()
        before = await orderbook.contract_locks(self._ports.store, self._account)
        locks = dict(before)
        for order in kept:
            record = order.value.at(OrderState.UNRESOLVED, why)
            self._note(settled, order, record)
            self._lock(record, locks)
        settled.writes += [lock.write(lock.value) for lock in locks.values() if lock not in before.values()]
        return settled

    async def _booked_elsewhere(
        self, booked: Sequence[Kept[BookedFill]], verdict: Verdict
    ) -> list[Kept[BookedFill]]:
        """Return the fills of ``verdict`` that stand under another owner, such as EXTERNAL."""
        known = {kept.value.stem for kept in booked}
        found = [
            await orderbook.read_fill(self._ports.store, self._account, fill.stem)
            for fill in verdict.fills
            if fill.stem not in known
        ]
        return [kept for kept in found if kept is not None]

    async def _unsent(self, settled: Settled, order: Kept[OrderRecord]) -> None:
        """Note an order that is proven never to have stood; its own run may send it, if that hasn't ended."""
        record = order.value
        if record.run != self._run and await runs.is_over(self._ports.store, self._account, record.run):
            self._note(settled, order, record.at(OrderState.UNSENT, "its run ended without sending it"))
            return
        settled.unsent.add(record.order.reference)
        settled.orders[record.order.reference] = order

    def _refused(self, verdict: Verdict) -> OrderRecord | None:
        """Return the record of an order that the broker complained about and doesn't have, twice looked up.

        Only on the connection that it went over: what is sent on that is in its reports, or was refused.
        """
        record = verdict.record
        complaint = self._ports.orders.complaint(record.order.reference)
        link = self._ports.orders.link()
        if (
            not verdict.absent
            or complaint is None
            or record.sending is None
            or record.sending.link != link.id
        ):
            return None
        return record.at(OrderState.REJECTED, f"{complaint.text} ({complaint.code})")

    def _why_in_doubt(self, verdict: Verdict, looks: Looks) -> str | None:
        if not verdict.absent:
            return verdict.doubt
        record = verdict.record
        if record.standing is OrderState.UNRESOLVED:
            return record.text
        if self._was_kept_back(record):
            return None
        if not self._resend:
            return "absent at the broker, and resending what is proven unsent is switched off"
        con_id = record.order.contract.con_id
        held = {held.con_id: held.quantity for held in self._ports.broker.positions()}
        link = self._ports.orders.link()
        scene = Scene(
            first=looks.first,
            second=looks.second,
            links=looks.links,
            gateway=link.gateway,
            client_id=link.client_id,
            session_date=session_date(self._ports.clock.now()),
            position=held.get(con_id, Decimal(0)),
            expected_position=record.evidence.position + looks.moved.get(con_id, Decimal(0)),
            settle_s=self._settle_s,
        )
        missing = missing_proof(record, scene)
        return f"absent at the broker, and not proven unsent: expected {missing}" if missing else None

    def _was_kept_back(self, record: OrderRecord) -> bool:
        """Return whether an order was to go over the connection that stands now, and was never handed to it.

        So it is when an earlier attempt of this very worker stopped between storing and sending.
        """
        orders, sending = self._ports.orders, record.sending
        is_ours = sending is not None and sending.link == orders.link().id
        return is_ours and not orders.has_placed(record.order.reference)

    def _note(self, settled: Settled, order: Kept[OrderRecord], record: OrderRecord) -> None:
        reference = record.order.reference
        was, now = order.value.standing, record.standing
        if record != order.value:
            settled.writes.append(order.write(record))
            settled.changed.append(record)
        settled.orders[reference] = Kept(order.path, record, order.version)
        if now is OrderState.UNRESOLVED and was is not OrderState.UNRESOLVED:
            log.error("order unresolved", order=reference)
            settled.alerts.append(self._alert("order-unresolved", record, record.text))
        if was is OrderState.UNRESOLVED and now is not OrderState.UNRESOLVED:
            log.warning("order resolved", order=reference, standing=now.value)
            settled.alerts.append(self._alert("order-resolved", record, f"the broker says {now}"))

    def _lock(self, record: OrderRecord, locks: dict[int, Kept[ContractLock]]) -> None:
        """Lock the contract of an order in doubt; two orders in one contract share its lock."""
        contract, reference = record.order.contract, record.order.reference
        standing = locks.get(contract.con_id)
        if standing is None:
            lock = ContractLock(
                con_id=contract.con_id,
                instrument=str(contract),
                orders=(reference,),
                reason=record.text,
                run=record.run,
                since=self._ports.clock.now(),
            )
            path = orderbook.contract_lock_path(self._account, contract.con_id)
            locks[contract.con_id] = Kept(path, lock)
        elif reference not in standing.value.orders:
            named = (*standing.value.orders, reference)
            locks[contract.con_id] = Kept(
                standing.path, standing.value.model_copy(update={"orders": named}), standing.version
            )

    def _alert(self, event: str, record: OrderRecord, message: str) -> Alert:
        return Alert.model_validate(
            {
                "event": event,
                "severity": Severity.CRITICAL if event == "order-unresolved" else Severity.INFO,
                "account": self._account,
                "run": record.run,
                "instrument": str(record.order.contract),
                "message": f"order {record.order.reference}: {message}",
                "at": self._ports.clock.now(),
            }
        )


def _values(booked: Mapping[str, Sequence[Kept[BookedFill]]], order: Kept[OrderRecord]) -> list[BookedFill]:
    return [fill.value for fill in booked[order.value.order.reference]]


def _moves(kept: Sequence[Kept[OrderRecord]], verdicts: Sequence[Verdict]) -> dict[int, Decimal]:
    """Return by how much the position of each contract has moved by fills that were not known before."""
    moves: dict[int, Decimal] = {}
    for order, verdict in zip(kept, verdicts, strict=True):
        con_id = verdict.record.order.contract.con_id
        moved = verdict.record.filled - order.value.filled
        moves[con_id] = moves.get(con_id, Decimal(0)) + moved
    return moves
