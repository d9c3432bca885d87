"""What the broker executed, booked; our orders closed on its word; contracts locked that don't agree."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from trader.domain.ledger import BookedFill
from trader.domain.messages import Outcome
from trader.domain.orders import OrderReport
from trader.domain.reconciliation import Break
from trader.domain.wire import Amount, Time, Wire
from trader.intent import Run
from trader.ports import Ports
from trader.reconciliation.reconciling import Survey, survey
from trader.reconciliation.unlocking import SETTLED, Entries, Locked


class BookedLine(Wire):
    """An execution as it is booked, or as it is corrected."""

    exec_id: str
    order: str = Field(description="The reference of our order; empty for an execution of nobody's.")
    instrument: str
    quantity: Amount
    price: Amount
    at: Time
    shares: dict[str, Amount]


class TradeReport(Outcome):
    """What was booked and closed, what still differs, and what is locked."""

    fills: tuple[BookedLine, ...] = Field(description="Of our orders: new, corrected, or with a commission.")
    orders: tuple[OrderReport, ...] = Field(description="Of ours, those that changed.")
    external: tuple[BookedLine, ...] = Field(description="Executions of nobody's order, now EXTERNAL's.")
    breaks: tuple[Break, ...]
    locked: tuple[Locked, ...] = Field(description="Contracts that stay locked, or are now, and why.")
    unlocked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was found, and the entries that make it known; nothing of them is written yet."""

    survey: Survey
    entries: Entries

    def report(self, run: Run) -> TradeReport:
        """Tell of what settling first has changed as well: it is the larger part, as a rule."""
        settled, posting = run.desk.settled, self.survey.posting
        orders = {record.order.reference: record for record in (*settled.orders, *posting.orders)}
        fills = {fill.stem: fill for fill in (*settled.fills, *posting.fills)}
        return TradeReport(
            fills=tuple(_line(fill) for fill in fills.values()),
            orders=tuple(record.report() for record in orders.values()),
            external=tuple(_line(fill) for fill in posting.external),
            breaks=self.survey.breaks(self.survey.tallies),
            locked=self.entries.left({}),
            unlocked=tuple(self.entries.unlocked.values()),
        )


async def reconcile_trades(run: Run, ports: Ports, *, since: datetime | None = None) -> Reconciled:
    """Bring our books up to the broker's; a difference counts when it is there twice, SETTLE apart."""
    first = found = await survey(ports, run.account, adopts=True, since=since)
    if any(tally.difference for tally in first.tallies.values()):
        await ports.clock.sleep(run.settle_s)
        found = await survey(ports, run.account, adopts=True, since=since)
    entries = Entries(found, run, ports.clock.now())
    entries.post()
    for con_id in found.locks:
        if found.why_locked(con_id) is None:
            entries.unlock(con_id, SETTLED)
    for con_id, tally in found.tallies.items():
        lasts = tally.difference and first.tally(con_id).difference == tally.difference
        if lasts and con_id not in found.locks:
            entries.lock(tally)
    return Reconciled(found, entries)


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
