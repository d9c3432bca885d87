"""A plan of orders, each placed at most once: stored, checked, sent, waited for, settled."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from pydantic import ValidationError

from trader import tracing
from trader.domain.configuration import Configuration
from trader.domain.errors import (
    Failed,
    OutcomeUnknown,
    Refused,
    Rejected,
    Retryable,
    Terminal,
    TraderError,
)
from trader.domain.interlock import interlock_refusal
from trader.domain.order_record import OrderRecord
from trader.domain.orders import BrokerOrder, Lookup, OrderReport, OrderState, OrderType, TimeInForce
from trader.domain.portfolio import Fill
from trader.domain.restart import in_restart
from trader.domain.settlement import Settlement, judge
from trader.domain.status import IntentClass
from trader.domain.trading_state import TradingState
from trader.execution.drafting import Drafts
from trader.execution.guard import DEADLINE, Guard, Stop
from trader.execution.settling import Settled, Settler
from trader.plans import Decide, Stage, StoredPlan
from trader.ports import Ports, Write
from trader.runs.runs import OwnedRun
from trader.settings import Settings
from trader.stored import orderbook, records
from trader.stored.orderbook import Kept

log = structlog.get_logger(__name__)

CHANGE_S = 1.0
"""How long to wait at most before looking again whether the gateway is still there."""


@dataclass
class Known:
    """What this attempt itself has seen, which no store needs to tell it."""

    orders: dict[str, Kept[OrderRecord]] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)  # contracts in doubt, where nothing may be opened
    unsent: set[str] = field(default_factory=set)  # surely not sent: planned by this attempt, or proven
    others_unsent: set[str] = field(default_factory=set)  # the same of orders that another run has planned
    sent: list[str] = field(default_factory=list)


class Execution:
    """What one attempt of a trading run may do at the broker, under its own and the account's lease."""

    def __init__(
        self,
        ports: Ports,
        settings: Settings,
        account: str,
        owned: OwnedRun,
        *,
        may_send: bool,
        deadline: float,
        good_until: datetime | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ports = ports
        self._settings = settings
        self._account = account
        self._owned = owned
        self._may_send = may_send
        self._deadline = deadline
        self._guard = Guard(
            ports,
            account,
            owned,
            settings.durations,
            deadline=deadline,
            good_until=good_until,
            stopping=stopping,
        )
        self._drafts = Drafts(ports, owned.record.key)
        self._known = Known()
        self._configuration: Configuration | TraderError = Rejected("config-missing", "not read yet")
        self._writes: dict[str, Write] = {}
        self.settled = Settlement()
        self.postponed: set[str] = set()

    @property
    def configuration(self) -> Configuration:
        """The account's configuration; raises Rejected when it is missing or invalid."""
        if isinstance(self._configuration, TraderError):
            raise self._configuration
        return self._configuration

    @property
    def writes(self) -> Sequence[Write]:
        """What is still to be written, together with the run's end."""
        return tuple(self._writes.values())

    async def open(self) -> None:
        """Settle first: bring every order of the account that isn't at its end up to the broker's truth."""
        self._configuration, standing, locks, _ = await asyncio.gather(
            self._read_configuration(),
            orderbook.open_orders(self._ports.store, self._account),
            orderbook.contract_locks(self._ports.store, self._account),
            self._guard.refresh(),  # what is ordered within half a second needs no look of its own
        )
        if isinstance(self._configuration, Configuration):
            # Checked here, with the lock held for however long it took: what a gateway says of orders while
            # it restarts is no evidence to settle by.
            status = self._ports.broker.status()
            in_restart(status, self._configuration, self._ports.clock.now()).require(IntentClass.TRADING)
        first = await self._settle(standing)
        self.settled = Settlement(tuple(first.changed), tuple(first.fills))
        await self._read_own()
        self._known.closed |= set(locks)

    async def _read_configuration(self) -> Configuration | TraderError:
        try:
            return await records.configuration(self._ports.store, self._account)
        except TraderError as error:
            return error

    def has_planned(self, name: str) -> bool:
        return self._plan.stage(name) is not None

    async def planned(self, name: str, decide: Decide) -> Stage:
        """Return the stage ``name``: as it is stored, or else as decided now and stored before it counts."""
        plan = self._plan
        stored = plan.stage(name)
        if stored is not None:
            return stored
        if not self._may_send:
            raise Failed("too-late", f"was interrupted before the plan to {name}; nothing more is planned")
        await self._flush()
        decided = await decide()
        if decided.wishes or decided.crossings:
            await self._may_trade()
        drafts = self._drafts.of(decided.wishes, first=len(plan.references), taken=self._taken_order_id)
        stage = Stage(
            name=name,
            record=decided.record,
            orders=tuple(draft.order.reference for draft in drafts),
            decided_at=self._ports.clock.now(),
        )
        version = self._configuration.version if isinstance(self._configuration, Configuration) else None
        stored_plan = StoredPlan(configuration_version=version, stages=(*plan.stages, stage))
        kept = [Kept(orderbook.order_path(self._account, d.order.reference), d) for d in drafts]
        writes = (*orderbook.fill_writes(self._account, (), decided.crossings), *decided.writes)
        changes: dict[str, object] = {"plan": stored_plan.to_json()}
        if decided.alerts:
            changes["alerts"] = (*self._owned.record.alerts, *decided.alerts)
        await self._store(kept, drafts, writes, **changes)
        self._known.unsent |= set(stage.orders)
        return stage

    async def carry_out(self, stage: Stage) -> tuple[OrderReport, ...]:
        """Send what of ``stage`` surely wasn't sent, wait, and return where each order stands."""
        try:
            await self._send([ref for ref in stage.orders if ref in self._known.unsent])
        except (Stop, Terminal) as stop:
            log.warning("stopped", code=stop.code)
            if stop.code == DEADLINE and self._has_sent(stage):
                self.postponed |= set(stage.orders) & self._known.unsent
            self._give_up(stage.orders, stop.message)
        sent = [ref for ref in stage.orders if ref in self._known.sent]
        taken_over = [ref for ref in stage.orders if ref not in sent and self._is_with_broker(ref)]
        try:
            await self._wait([*sent, *taken_over])
        finally:
            self._remember(sent)
        await self._conclude(sent, taken_over)
        return tuple(self._known.orders[ref].value.report() for ref in stage.orders)

    async def cancel(
        self, mine: Collection[str] | None, *, seen: tuple[BrokerOrder, ...] | None = None
    ) -> tuple[BrokerOrder, ...]:
        """Cancel what stands, wait until the broker confirms it, book what filled; return what still stands.

        Asking twice does no harm, so a resumed run asks again.
        """
        if self._may_send:
            await self._may_trade()
        if seen is not None and not (seen or self._known.others_unsent):
            return ()
        store = self._ports.store
        wanted = None if mine is None else await orderbook.own_references(store, self._account, mine)
        if self._may_send:
            await self._void(wanted)
        return await self._cancelled(wanted, seen)

    async def withdraw(self, references: Collection[str]) -> tuple[BrokerOrder, ...]:
        """Cancel these orders of ours, as ``cancel`` does."""
        if self._may_send:
            await self._may_trade()
        standing = await self._cancelled(references)
        # One that has ended by itself since the run began is in flight in our books until it is settled.
        await self._settle(await orderbook.open_orders(self._ports.store, self._account))
        return standing

    async def _cancelled(
        self, wanted: Collection[str] | None, seen: tuple[BrokerOrder, ...] | None = None
    ) -> tuple[BrokerOrder, ...]:
        store, orders = self._ports.store, self._ports.orders
        if not self._may_send:
            return await self._standing(wanted)
        clock, settle_s = self._ports.clock, self._settings.durations.settle_s
        until = min(clock.monotonic() + self._settings.durations.order_wait_s, self._deadline)
        standing = await self._standing(wanted) if seen is None else seen
        if not standing:
            return ()
        for order in standing[:1] if wanted is None else standing:
            await orders.slot()
            await self._guard.refresh()
            try:
                self._guard.check_run()
            except Stop as stop:
                raise Failed(stop.code, stop.message) from None
            if wanted is None:
                orders.cancel_everything(orders.link())
            elif order.client_id == orders.link().client_id:  # an id is one client's: it may be another's too
                orders.cancel(order.order_id, orders.link())
        while standing and clock.monotonic() < until:
            await orders.change(within_s=min(CHANGE_S, until - clock.monotonic()))
            standing = await self._standing(wanted)
        await self._settle(await orderbook.open_orders(store, self._account))
        # A position is told a moment after the fill that moved it, and a cancel can come too late.
        await clock.sleep(settle_s)
        return await self._standing(wanted)  # somebody may have placed another one meanwhile

    async def _void(self, wanted: Collection[str] | None) -> None:
        """Let no order go any more that another run has planned and surely hasn't sent yet.

        That run would else send it once it is delivered again, after all was cancelled and closed.
        """
        for reference in self._known.others_unsent:
            if wanted is None or reference in wanted:
                record = self._known.orders[reference].value
                self._note(record.at(OrderState.UNSENT, f"cancelled by {self._owned.record.key}"))
        await self._flush()

    async def _standing(self, wanted: Collection[str] | None) -> tuple[BrokerOrder, ...]:
        found = await self._ports.orders.standing()
        return tuple(order for order in found if wanted is None or order.reference in wanted)

    @property
    def orders(self) -> tuple[OrderReport, ...]:
        """Where each order that the run has planned stands, as far as this attempt knows."""
        planned = [ref for stage in self._plan.stages for ref in stage.orders]
        return tuple(self._known.orders[ref].value.report() for ref in planned if ref in self._known.orders)

    async def stopped(self, end: Terminal) -> Terminal:
        """Return the end of a run that ``end`` stopped: one that had planned orders is not merely refused."""
        if not self._plan.references:
            return end
        if doubtful := await self._leave(end.message):
            return OutcomeUnknown(end.code, f"{end.message}; {doubtful} orders may or may not stand")
        return Failed(end.code, end.message) if isinstance(end, Refused) else end

    async def gave_up(self, why: str) -> Terminal:
        """Return the end of a run whose deliveries have run out."""
        if doubtful := await self._leave(why):
            return OutcomeUnknown("retries-exhausted", f"{why}; {doubtful} orders may or may not stand")
        return Failed("retries-exhausted", why)

    async def _leave(self, why: str) -> int:
        """Send nothing more; lock and tell what may stand, and return how many orders that are."""
        try:
            await self._read_own()
        except Failed as damaged:
            log.error("order unreadable", reason=damaged.message)
        planned = self._plan.references
        read = planned & set(self._known.orders)
        self._give_up(read, why)
        await self._flush()
        doubtful = [
            self._known.orders[ref]
            for ref in read
            if self._known.orders[ref].value.standing in (OrderState.PLANNED, OrderState.UNRESOLVED)
            and ref not in self._known.unsent
        ]
        unlocked = [kept for kept in doubtful if kept.value.standing is OrderState.PLANNED]
        await self._write_settled(await self._settler().give_up(unlocked, why))
        return len(doubtful) + len(planned - read)

    # -- planning and sending ---------------------------------------------------------------------------

    def _check_interlock(self) -> None:
        refusal = interlock_refusal(
            mode=self._settings.mode,
            account=self._account,
            gateway_port=self._settings.gateway_port,
            configuration=self.configuration,
        )
        if refusal:
            raise Rejected(refusal.code, refusal.message)

    async def _may_trade(self) -> None:
        self._check_interlock()
        await self._guard.refresh()
        if self._guard.state is TradingState.HALTED:
            raise Rejected("halted", "trading is halted; `trader state active` allows orders")

    async def _send(self, references: Sequence[str]) -> None:
        if references and not self._may_send:
            raise Stop("too-late", "its message was too old when it could have been sent")
        if references:
            self._check_interlock()  # it may have changed since the plan was stored
        await self._renumber(references)
        for reference in references:
            with tracing.span("order", reference=reference):
                await self._send_one(reference)

    async def _send_one(self, reference: str) -> None:
        record = self._known.orders[reference].value
        await self._ports.orders.slot()
        await self._guard.refresh()
        # From here to the socket there is no await: what was checked still holds when it is sent.
        refused = self._guard.check(record) or self._in_doubt(record)
        if refused or record.sending is None:
            self._note(record.at(OrderState.UNSENT, refused or "it has no order id"))
            return
        link = self._ports.orders.link()
        self._known.unsent.discard(reference)
        self._known.sent.append(reference)
        self._ports.orders.place(record.order, record.sending.order_id, link)

    def _in_doubt(self, record: OrderRecord) -> str | None:
        """Return why ``record`` may not open anything: another order in its contract may stand or not."""
        con_id = record.order.contract.con_id
        if record.reduces or con_id not in self._known.closed:
            return None
        return f"{record.order.contract} is locked: an order in it may stand or not"

    def _has_sent(self, stage: Stage) -> bool:
        """Return whether any order of ``stage`` has gone, in this attempt or an earlier one."""
        never = (OrderState.PLANNED, OrderState.UNSENT)
        known = [self._known.orders[reference].value for reference in stage.orders]
        return any(r.order.reference in self._known.sent or r.standing not in never for r in known)

    def _give_up(self, references: Iterable[str], why: str) -> None:
        for reference in references:
            if reference in self._known.unsent:
                self._note(self._known.orders[reference].value.at(OrderState.UNSENT, why))

    async def _renumber(self, references: Sequence[str]) -> None:
        """Give orders whose ids belong to an older link fresh ones, written before anything is sent."""
        kept = [self._known.orders[reference] for reference in references]
        link = self._ports.orders.link() if kept else None
        stale = [k for k in kept if link and (k.value.sending is None or k.value.sending.link != link.id)]
        if stale:
            fresh = self._drafts.anew([k.value for k in stale], taken=self._taken_order_id)
            await self._store(stale, fresh)

    # -- what became of them ----------------------------------------------------------------------------

    async def _wait(self, references: Sequence[str]) -> None:
        """Wait until each order is at its end, rests where it was meant to, or ORDER_WAIT is over.

        On status, disconnect and time together: a drop raises GatewayNotReady; the next attempt settles.
        """
        clock = self._ports.clock
        until = min(clock.monotonic() + self._settings.durations.order_wait_s, self._deadline)
        while any(not self._rests(self._known.orders[reference].value) for reference in references):
            self._ports.broker.require_ready()
            left = until - clock.monotonic()
            if left <= 0:
                return
            await self._ports.orders.change(within_s=min(left, CHANGE_S))

    def _rests(self, record: OrderRecord) -> bool:
        told = self._ports.orders.told(record.order.reference)
        if told is None:  # an error proves nothing, but is a reason to look at once
            return self._ports.orders.complaint(record.order.reference) is not None
        waits = record.order.order_type is OrderType.MOC or record.order.tif is TimeInForce.GTC
        return told.state.is_end or waits or record.order.good_after is not None

    def _remember(self, references: Sequence[str]) -> None:
        """Keep the broker's number of each order that it has told of: what it has had is never unsent."""
        for reference in references:
            told, record = self._ports.orders.told(reference), self._known.orders[reference].value
            if told is not None and told.perm_id and not record.perm_id:
                self._note(record.model_copy(update={"perm_id": told.perm_id}))

    def _is_with_broker(self, reference: str) -> bool:
        return self._known.orders[reference].value.standing in (OrderState.WORKING, OrderState.HELD)

    async def _conclude(self, references: Sequence[str], taken_over: Sequence[str]) -> None:
        """Take the broker's word where it has given it; look the others up.

        Of orders ``taken_over`` from an earlier attempt this connection may have heard a part only.
        """
        fills: defaultdict[str, list[Fill]] = defaultdict(list)
        for fill in self._ports.broker.fills():
            fills[fill.reference].append(fill)
        unsure = [self._known.orders[reference] for reference in taken_over]
        for reference in references:
            kept = self._known.orders[reference]
            seen = self._told(reference, (*fills[reference], *fills[""]))
            verdict = judge(kept.value, (), seen)
            if verdict.absent or verdict.doubt:
                unsure.append(replace(kept, value=verdict.record) if verdict.doubt else kept)
                continue
            for write in orderbook.fill_writes(self._account, (), verdict.fills):
                self._writes[write.path] = write
            self._note(verdict.record)
            if kept.value.sending:
                self._took(kept.value.sending.order_id)
        await self._settle(unsure)
        if any(kept.value.order.reference in self._known.unsent for kept in unsure):
            raise Retryable("interrupted", "the connection ended before an order arrived; it is sent again")

    def _told(self, reference: str, fills: tuple[Fill, ...]) -> Lookup:
        """Return what the broker has said of one order by itself; ``fills`` are its own or nobody's."""
        told = self._ports.orders.told(reference)
        orders = (told,) if told is not None else ()
        return Lookup(
            open=tuple(order for order in orders if not order.state.is_end),
            completed=tuple(order for order in orders if order.state.is_end),
            fills=fills,
            next_order_id=0,
            at=self._ports.clock.now(),
        )

    async def _flush(self) -> None:
        """Write now what was to be written with the run's end, so that what is decided next can read it."""
        if self._writes:
            written = await self._owned.write(self.writes)
            versions = dict(zip(self._writes, written, strict=True))
            for reference, kept in self._known.orders.items():
                self._known.orders[reference] = replace(kept, version=versions.get(kept.path, kept.version))
            self._writes.clear()

    async def _settle(self, standing: Sequence[Kept[OrderRecord]]) -> Settled:
        settled = await self._settler().settle(standing)
        await self._write_settled(settled)
        return settled

    def _settler(self) -> Settler:
        configuration = self._configuration
        return Settler(
            self._ports,
            self._account,
            self._owned.record.key,
            settle_s=self._settings.durations.settle_s,
            resend=isinstance(configuration, Configuration) and configuration.resends(self._settings.mode),
        )

    async def _write_settled(self, settled: Settled) -> None:
        self._took(settled.taken_order_id)
        versions: dict[str, str] = {}
        if settled.writes or settled.alerts:
            alerts = (*self._owned.record.alerts, *settled.alerts)
            written = await self._owned.write(settled.writes, alerts=alerts)
            versions = {w.path: version for w, version in zip(settled.writes, written, strict=True)}
            for path in versions:  # what is written now goes beyond what was noted before
                self._writes.pop(path, None)
        for reference, kept in settled.orders.items():
            self._known.orders[reference] = replace(kept, version=versions.get(kept.path, kept.version))
            if kept.value.standing is OrderState.UNRESOLVED:
                self._known.closed.add(kept.value.order.contract.con_id)
            if reference in settled.unsent and kept.value.run != self._owned.record.key:
                self._known.others_unsent.add(reference)
            elif reference in settled.unsent:
                self._known.unsent.add(reference)
                self._known.sent = [ref for ref in self._known.sent if ref != reference]

    # -- records ----------------------------------------------------------------------------------------

    async def _store(
        self,
        kept: Sequence[Kept[OrderRecord]],
        values: Iterable[OrderRecord],
        also: Sequence[Write] = (),
        **changes: object,
    ) -> None:
        """Write ``values`` in the place of ``kept``, now, with ``also`` and ``changes`` of the run."""
        pairs = list(zip(kept, values, strict=True))
        versions = await self._owned.write([*(k.write(value) for k, value in pairs), *also], **changes)
        for (before, value), version in zip(pairs, versions, strict=False):
            self._known.orders[value.order.reference] = Kept(before.path, value, version)

    def _note(self, record: OrderRecord) -> None:
        """Note where an order stands, to be written with the run's end."""
        reference = record.order.reference
        kept = self._known.orders[reference]
        self._known.unsent.discard(reference)
        if record != kept.value:
            self._writes[kept.path] = kept.write(record)
            self._known.orders[reference] = replace(kept, value=record)

    async def _read_own(self) -> None:
        """Read the run's own orders, as many as can be read; raises Failed for one that can't."""
        damaged: Failed | None = None
        for reference in self._plan.references - set(self._known.orders):
            try:
                kept = await orderbook.read_order(self._ports.store, self._account, reference)
            except Failed as error:
                damaged = damaged or error
            else:
                self._known.orders[reference] = kept
        if damaged is not None:
            raise damaged

    @property
    def _taken_order_id(self) -> int:
        lock = self._owned.account_lock
        return lock.record.taken_order_id if lock else 0

    def _took(self, order_id: int) -> None:
        lock = self._owned.account_lock
        if lock and order_id > lock.record.taken_order_id:
            lock.record = lock.record.model_copy(update={"taken_order_id": order_id})

    @property
    def _plan(self) -> StoredPlan:
        raw = self._owned.record.plan
        try:
            return StoredPlan.model_validate(raw) if raw else StoredPlan()
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
            raise Failed(
                "document-damaged", f"expected a plan in {self._owned.path}, found it damaged at {where}"
            ) from None
