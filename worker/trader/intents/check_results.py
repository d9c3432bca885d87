"""Holds the schedules against the results: which are missing, late, or ended badly."""

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field

from trader.domain.messages import Command, Outcome
from trader.domain.status import IntentClass, Severity, worst
from trader.domain.wire import JsonObject
from trader.expecting import Expectations, expectations
from trader.intent import Completed, Intent, Run
from trader.ports import Ports

EXAMPLE: JsonObject = {
    "since": "2026-11-22T23:30:00.000000Z",
    "until": "2026-11-23T23:30:00.000000Z",
    "expected": 6,
    "off": 0,
    "findings": [
        {
            "job": "test-signal",
            "intent": "testsignalgenerator",
            "tick": "2026-11-23T21:15:00.000000Z",
            "run": "schedule/test-signal/2026-11-23T21:15:00.000000Z",
            "problem": "missing",
            "status": None,
            "code": None,
            "message": "expected a result by 2026-11-23T21:35:00.000000Z, found no run; was it published?",
        }
    ],
}


class CheckResults(Command):
    """How far to look back."""

    hours: Annotated[int, Field(ge=1, le=744)] = Field(
        25,
        description="Looks at results that were due within so many hours, 1 to 744; 25 are a day, and the "
        "hour more that one day in autumn has.",
    )


class CheckResultsOutcome(Expectations, Outcome):
    """What was due, and what of it isn't as it should be."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


async def handle(command: CheckResults, run: Run, ports: Ports) -> Completed:
    """Compare, from the store alone: a gateway that is down is no reason for silence about silence."""
    # Up to its tick, not to now: the windows of two days then meet, however late either runs.
    until = run.requested_at
    since = until - timedelta(hours=command.hours)
    found = await expectations(ports.store, ports.calendars, run.account, since, until)
    outcome = CheckResultsOutcome.model_validate(found.model_dump())
    return Completed(outcome, severity=worst(Severity.INFO, *(f.severity for f in found.findings)))


INTENT = Intent(
    name="check-results",
    kind=IntentClass.READING,
    command=CheckResults,
    outcome=CheckResultsOutcome,
    handle=handle,
    example={"intent": "check-results"},
    asks_broker=False,
)
