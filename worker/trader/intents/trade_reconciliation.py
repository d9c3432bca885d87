"""Books what the broker executed, closes our orders on its word, and locks contracts that don't agree."""

from pydantic import ConfigDict, Field

from trader.domain.messages import Command
from trader.domain.status import IntentClass
from trader.domain.wire import JsonObject, Time
from trader.intent import Completed, Intent, Run
from trader.ports import Ports
from trader.reconciliation.trades import TradeReport, reconcile_trades

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


class TradeReconciliationOutcome(TradeReport):
    """What was booked and closed, what still differs, and what is locked."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


async def handle(command: TradeReconciliation, run: Run, ports: Ports) -> Completed:
    """Bring our books up to the broker's, in one write with the run's end."""
    reconciled = await reconcile_trades(run, ports, since=command.since)
    outcome = TradeReconciliationOutcome(**dict(reconciled.report(run)))
    if run.dry_run:
        return Completed(outcome)
    return Completed(outcome, writes=reconciled.entries.writes, alerts=reconciled.entries.alerts)


INTENT = Intent(
    name="trade-reconciliation",
    kind=IntentClass.TRADING,
    command=TradeReconciliation,
    outcome=TradeReconciliationOutcome,
    handle=handle,
    example={"intent": "trade-reconciliation"},
)
