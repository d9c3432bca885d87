"""Holds our books against the broker's and unlocks what is settled; `repair` (trading) makes them agree."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from trader.domain.errors import Failed
from trader.domain.messages import Command, Outcome
from trader.domain.reconciliation import Break
from trader.domain.snapshot import Snapshot
from trader.domain.status import IntentClass
from trader.domain.wire import JsonObject
from trader.intent import Completed, Intent, Run
from trader.ports import Ports, Write
from trader.reconciliation.reconciling import snapshot_of, snapshot_write, survey
from trader.reconciliation.repairing import repair
from trader.reconciliation.unlocking import SETTLED, Entries, Locked, Repair

EXAMPLE: JsonObject = {
    "snapshot": {
        "version": 1,
        "run": "id/noon",
        "at": "2026-11-23T17:00:00.000000Z",
        "positions": [
            {
                "conId": 756733,
                "symbol": "SPY",
                "secType": "STK",
                "exchange": "SMART",
                "currency": "USD",
                "quantity": "100",
                "averageCost": "669.12",
                "marketPrice": "671.30",
                "marketValue": "67130.00",
                "unrealizedPnl": "218.00",
            }
        ],
        "openOrders": [],
        "account": {
            "id": "DU1234567",
            "baseCurrency": "USD",
            "values": [{"name": "NetLiquidation", "value": "100000.00", "currency": "USD"}],
        },
    },
    "breaks": [
        {
            "conId": 756733,
            "instrument": "SPY",
            "ours": "90",
            "theirs": "100",
            "difference": "10",
            "underWay": False,
        }
    ],
    "locked": [
        {
            "conId": 756733,
            "instrument": "SPY",
            "since": "2026-11-23T15:00:00.000000Z",
            "why": "our books hold 90, the broker 100",
        }
    ],
    "unlocked": [],
    "repairs": [],
}


class Reconcile(Command):
    """Whether only to look, or to make the books agree."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"repair": {"const": False}}},
                {"required": ["reason"], "properties": {"reason": {"type": "string"}}},
            ]
        }
    )

    repair: bool = Field(
        False,
        description="Give each difference to EXTERNAL, name the end of each order in doubt, and unlock. "
        "It needs a reason, no open order and a position that rests; then it is a trading intent.",
    )
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None, validate_default=True, description="Why, for the record."
    )

    @field_validator("reason")
    @classmethod
    def _is_given_for_a_repair(cls, reason: str | None, info: ValidationInfo) -> str | None:
        if reason is None and info.data.get("repair"):
            raise PydanticCustomError("missing", "a reason, since repair is true")
        return reason


class ReconcileOutcome(Outcome):
    """The account as the broker reports it, what differs from our books, and what is locked."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    snapshot: Snapshot
    breaks: tuple[Break, ...]
    locked: tuple[Locked, ...] = Field(description="Contracts that stay locked, and why.")
    unlocked: tuple[str, ...] = Field(description="Contracts whose doubt is settled; dry, would be unlocked.")
    repairs: tuple[Repair, ...]


async def handle(command: Reconcile, run: Run, ports: Ports) -> Completed:
    """Look, or repair. Whatever is changed is one write, with the run's end."""
    if command.repair:
        return await _repair(str(command.reason), run, ports)
    return await _look(run, ports)


async def _look(run: Run, ports: Ports) -> Completed:
    """Unlock by evidence, and only while no run trades the account: a reading run doesn't hold it."""
    free = await run.still_free()
    found = await survey(ports, run.account, adopts=False)
    entries = Entries(found, run, ports.clock.now())
    if free is not None:
        settled = [con_id for con_id in found.locks if found.why_locked(con_id) is None]
        entries.post(settled)
        for con_id in settled:
            entries.unlock(con_id, SETTLED)
    outcome = ReconcileOutcome(
        snapshot=snapshot_of(found, run, ports),
        breaks=found.breaks(found.tallies_with(entries.fills), trading=free is None),
        locked=entries.left({}, "settled, but a run has the account; reconcile again when it has ended"),
        unlocked=tuple(entries.unlocked.values()),
        repairs=(),
    )
    changes = (free, *entries.writes) if free and entries.unlocked else ()
    return _completed(outcome, entries, changes, run)


async def _repair(reason: str, run: Run, ports: Ports) -> Completed:
    repaired = await repair(reason, run, ports)
    entries, found, refused = repaired.entries, repaired.survey, repaired.refused
    outcome = ReconcileOutcome(
        snapshot=snapshot_of(found, run, ports),
        breaks=found.breaks(found.tallies_with(entries.fills)),
        locked=entries.left(refused),
        unlocked=tuple(entries.unlocked.values()),
        repairs=tuple(entries.repairs),
    )
    why = next((f"{found.tally(con_id).instrument}: {why}" for con_id, why in refused.items()), None)
    failure = Failed("not-repaired", why) if why else None
    return _completed(outcome, entries, entries.writes, run, failure)


def _completed(
    outcome: ReconcileOutcome,
    entries: Entries,
    changes: tuple[Write, ...],
    run: Run,
    failure: Failed | None = None,
) -> Completed:
    if run.dry_run:
        return Completed(outcome, failure=failure)
    writes = (snapshot_write(run, outcome.snapshot), *changes)
    return Completed(outcome, failure=failure, writes=writes, alerts=entries.alerts)


INTENT = Intent(
    name="reconcile",
    kind=IntentClass.READING,
    command=Reconcile,
    outcome=ReconcileOutcome,
    handle=handle,
    example={"intent": "reconcile"},
    kind_of=lambda command: IntentClass.TRADING if command.repair else IntentClass.READING,
)
