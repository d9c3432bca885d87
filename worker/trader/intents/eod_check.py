"""Ends the day: trades and books against the broker's, profit and loss, and holdings closed if wanted."""

from collections.abc import Collection, Sequence
from functools import partial

from pydantic import ConfigDict, Field

from trader.books import read_books
from trader.closing import WORKING, Cancel, Closed, Residue, close
from trader.domain.day import DayResult
from trader.domain.errors import Failed, Rejected
from trader.domain.hours import liquid_hours
from trader.domain.instruments import Listed
from trader.domain.ledger import NOBODYS
from trader.domain.messages import NoCommand, Outcome
from trader.domain.reconciliation import Break
from trader.domain.session import CLOSED
from trader.domain.snapshot import Snapshot
from trader.domain.status import IntentClass, Severity
from trader.domain.valuation import securities
from trader.domain.wire import JsonObject, Time, Wire
from trader.intent import Completed, Intent, Run
from trader.plans import Decided
from trader.ports import Ports
from trader.reconciliation.reconciling import snapshot_of, snapshot_write, survey
from trader.reconciliation.trades import TradeReport, reconcile_trades
from trader.stored import days

EXAMPLE: JsonObject = {
    "trades": {"fills": [], "orders": [], "external": [], "breaks": [], "locked": [], "unlocked": []},
    "flattening": {"strategies": ["testsignalgenerator"], "cancels": [], "residue": []},
    "sessions": [{"instrument": "SPY", "closesAt": "2026-11-27T18:00:00.000000Z", "isEarly": True}],
    "snapshot": {
        "version": 1,
        "run": "id/close",
        "at": "2026-11-27T17:55:00.000000Z",
        "positions": [],
        "openOrders": [],
        "account": {
            "id": "DU1234567",
            "baseCurrency": "USD",
            "values": [{"name": "NetLiquidation", "value": "100250.00", "currency": "USD"}],
        },
    },
    "breaks": [],
    "day": {
        "sessionDate": "2026-11-27",
        "start": "100000.00",
        "now": "100250.00",
        "change": "250.00",
        "changePercent": "0.2500",
        "currency": "USD",
        "startAt": "2026-11-27T14:30:00.000000Z",
    },
}


class SessionToday(Wire):
    """When the market of something that was held closes today."""

    instrument: str
    closes_at: Time | None = Field(description="Null on a day without a session.")
    is_early: bool


class Flattening(Wire):
    """What was cancelled and is left of the strategies' own; the closing orders are the result's."""

    strategies: tuple[str, ...] = Field(description="Whose holdings were closed; empty where none is to be.")
    cancels: tuple[Cancel, ...]
    residue: tuple[Residue, ...]


class EodCheckOutcome(Outcome):
    """The report of the day's end. Open orders, of anybody, are in the snapshot."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    trades: TradeReport
    flattening: Flattening
    sessions: tuple[SessionToday, ...] = Field(description="Of what was held before anything was closed.")
    snapshot: Snapshot
    breaks: tuple[Break, ...] = Field(description="What still differs at the end.")
    day: DayResult | None = Field(description="Null while the day's start value isn't written.")


class Before(Wire):
    """The record of the decision what to flatten, and what was known of its markets."""

    strategies: tuple[str, ...]
    sessions: tuple[SessionToday, ...]


async def handle(_: NoCommand, run: Run, ports: Ports) -> Completed:
    """Reconcile, flatten if that is wanted, and report; a resumed run goes on from the stage it was at."""
    enforces = run.desk.configuration.enforce_flat_eod

    async def reconcile() -> Decided:
        reconciled = await reconcile_trades(run, ports)
        entries = reconciled.entries
        return Decided(reconciled.report(run).to_json(), writes=entries.writes, alerts=entries.alerts)

    async def choose() -> Decided:
        strategies = await _with_something(run, ports) if enforces else ()
        return Decided(Before(strategies=strategies, sessions=await _sessions(ports)).to_json())

    trades = TradeReport.model_validate((await run.desk.planned("reconcile trades", reconcile)).record)
    before = Before.model_validate((await run.desk.planned("choose", choose)).record)
    closed = await _flattened(before.strategies, run, ports)
    if closed.orders and not run.dry_run:
        await ports.clock.sleep(run.settle_s)  # a position is told a moment after its fill
    found = await survey(ports, run.account, adopts=False)
    snapshot = snapshot_of(found, run, ports)
    outcome = EodCheckOutcome(
        trades=trades,
        flattening=Flattening(strategies=before.strategies, cancels=closed.cancels, residue=closed.residue),
        sessions=before.sessions,
        snapshot=snapshot,
        breaks=found.breaks(found.tallies_with(())),
        day=await days.day_so_far(ports.store, snapshot.account, ports.clock.now()),
    )
    failure = None if run.dry_run else _failure(closed.residue, before.sessions)
    return Completed(
        outcome,
        closed.orders,
        failure,
        severity=_severity(failure, outcome),
        writes=() if run.dry_run else (snapshot_write(run, snapshot),),
    )


async def _with_something(run: Run, ports: Ports) -> tuple[str, ...]:
    """Return the strategies that hold anything or have orders under way."""
    books = await read_books(ports, run.account)
    return tuple(sorted({owner for owner, _ in (*books.held, *books.in_flight)} - NOBODYS))


async def _sessions(ports: Ports) -> tuple[SessionToday, ...]:
    """Return when the markets of what is held close, from the contracts' own hours."""
    now, found = ports.clock.now(), []
    for position in securities(ports.broker.positions()):
        try:
            contract = await ports.market_data.contract(Listed(position.con_id, position.exchange))
            hours = liquid_hours(contract)
            closes_at, is_early = hours.close_today(now), hours.closes_early(now)
        except Rejected:  # its hours can't be told: what is left of it is then never taken for normal
            continue
        found.append(SessionToday(instrument=str(contract), closes_at=closes_at, is_early=is_early))
    return tuple(found)


async def _flattened(strategies: Collection[str], run: Run, ports: Ports) -> Closed:
    """Close what ``strategies`` hold; where trading isn't allowed, say so of each, and go on reporting."""
    if not strategies:
        return Closed()
    try:
        return await close(strategies, run, ports)
    except Rejected as refusal:
        books = await read_books(ports, run.account)
        left = partial(Residue, code=refusal.code, message=refusal.message)
        held = tuple(
            left(con_id=con_id, instrument=books.names[con_id], quantity=quantity)
            for (owner, con_id), quantity in books.held.items()
            if owner in strategies
        )
        open_orders = tuple(
            left(
                con_id=con_id,
                instrument=str(record.order.contract),
                quantity=record.order.quantity - record.filled,
            )
            for con_id, found in books.open.items()
            for record in found
            if set(record.wanted) & set(strategies)
        )
        return Closed(residue=(*held, *open_orders))


def _failure(residue: Sequence[Residue], sessions: Collection[SessionToday]) -> Failed | None:
    """Return what should be closed and isn't; on a day without a session nothing could be."""
    shut = {line.instrument for line in sessions if line.closes_at is None}
    left = [
        line
        for line in residue
        if line.code != WORKING and (line.code != CLOSED or line.instrument not in shut)
    ]
    if not left:
        return None
    first, early = left[0], {line.instrument: line.closes_at for line in sessions if line.is_early}
    closed_at = early.get(first.instrument)
    note = f"; it closes early today, at {closed_at:%H:%M} UTC" if closed_at else ""
    return Failed("residue", f"{first.quantity} {first.instrument}: {first.message}{note}")


def _severity(failure: Failed | None, outcome: EodCheckOutcome) -> Severity:
    """What was to be flat and stays overnight wants a person now."""
    if failure:
        return Severity.CRITICAL
    is_working = any(line.code == WORKING for line in outcome.flattening.residue)
    wants_a_look = outcome.breaks or outcome.trades.locked or is_working
    return Severity.WARNING if wants_a_look else Severity.INFO


INTENT = Intent(
    name="eod-check",
    kind=IntentClass.TRADING,
    command=NoCommand,
    outcome=EodCheckOutcome,
    handle=handle,
    example={"intent": "eod-check"},
)
