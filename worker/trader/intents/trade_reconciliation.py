"""Books what the broker executed, closes our orders on its word, and locks contracts that don't agree."""

from pydantic import ConfigDict, Field

from trader.domain.ledger import BookedFill
from trader.domain.messages import Command, Outcome
from trader.domain.orders import OrderReport
from trader.domain.reconciliation import Break
from trader.domain.status import IntentClass
from trader.domain.wire import Amount, JsonObject, Time, Wire
from trader.intent import Completed, Intent, Run
from trader.ports import Ports
from trader.reconciliation.reconciling import Survey, survey
from trader.reconciliation.unlocking import SETTLED, Entries, Locked

EXAMPLE: JsonObject = {
    "fills": [],
    "orders": [],
    "external": [
        {
            "execId": "0000e0d5.65a1.01.01",
            "order": "",
            "instrument": "SPY",
            "quantity": "10",
            "price": "671.30",
            "at": "2026-11-23T15:00:00.000000Z",
            "shares": {"EXTERNAL": "10"},
        }
    ],
    "breaks": [],
    "locked": [],
    "unlocked": [],
}


class TradeReconciliation(Command):
    """How far to look back."""

    since: Time | None = Field(
        None,
        description="Executions from before this time are neither adopted nor added to an order at its end; "
        "left out, all that the gateway still reports.",
    )


class BookedLine(Wire):
    """An execution as it is booked, or as it is corrected."""

    exec_id: str
    order: str = Field(description="The reference of our order; empty for an execution of nobody's.")
    instrument: str
    quantity: Amount
    price: Amount
    at: Time
    shares: dict[str, Amount]


class TradeReconciliationOutcome(Outcome):
    """What was booked and closed, what still differs, and what is locked."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    fills: tuple[BookedLine, ...] = Field(description="Of our orders: new, corrected, or with a commission.")
    orders: tuple[OrderReport, ...] = Field(description="Of ours, those that changed.")
    external: tuple[BookedLine, ...] = Field(description="Executions of nobody's order, now EXTERNAL's.")
    breaks: tuple[Break, ...]
    locked: tuple[Locked, ...] = Field(description="Contracts that stay locked, or are now, and why.")
    unlocked: tuple[str, ...]


async def handle(command: TradeReconciliation, run: Run, ports: Ports) -> Completed:
    """Bring our books up to the broker's; a difference counts when it is there twice, SETTLE apart."""
    first = found = await survey(ports, run.account, adopts=True, since=command.since)
    if any(tally.difference for tally in first.tallies.values()):
        await ports.clock.sleep(run.settle_s)
        found = await survey(ports, run.account, adopts=True, since=command.since)
    entries = Entries(found, run.account, run.key, ports.clock.now())
    entries.post()
    for con_id in found.locks:
        if found.why_locked(con_id) is None:
            entries.unlock(con_id, SETTLED)
    for con_id, tally in found.tallies.items():
        lasts = tally.difference and first.tally(con_id).difference == tally.difference
        if lasts and con_id not in found.locks:
            entries.lock(tally)
    outcome = _outcome(found, entries, run)
    if run.dry_run:
        return Completed(outcome)
    return Completed(outcome, writes=entries.writes, alerts=entries.alerts)


def _outcome(found: Survey, entries: Entries, run: Run) -> TradeReconciliationOutcome:
    """Tell of what settling first has changed as well: it is the larger part, as a rule."""
    settled, posting = run.desk.settled, found.posting
    orders = {record.order.reference: record for record in (*settled.orders, *posting.orders)}
    fills = {fill.stem: fill for fill in (*settled.fills, *posting.fills)}
    return TradeReconciliationOutcome(
        fills=tuple(_line(fill) for fill in fills.values()),
        orders=tuple(record.report() for record in orders.values()),
        external=tuple(_line(fill) for fill in posting.external),
        breaks=found.breaks(found.tallies),
        locked=entries.left({}),
        unlocked=tuple(entries.unlocked.values()),
    )


def _line(fill: BookedFill) -> BookedLine:
    return BookedLine(
        exec_id=fill.exec_id,
        order=fill.order,
        instrument=fill.instrument,
        quantity=fill.quantity,
        price=fill.price,
        at=fill.at,
        shares=fill.shares,
    )


INTENT = Intent(
    name="trade-reconciliation",
    kind=IntentClass.TRADING,
    command=TradeReconciliation,
    outcome=TradeReconciliationOutcome,
    handle=handle,
    example={"intent": "trade-reconciliation"},
)
