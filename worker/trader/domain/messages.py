"""The messages: an intent's common fields, its command and outcome, and the result it ends in."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from trader.domain.orders import OrderReport
from trader.domain.status import Mode, Severity, Status
from trader.domain.wire import JsonObject, StoredJson, Time, Wire

MAX_BODY_BYTES = 256 * 1024
"""The largest body of an intent message, decoded."""

MessageId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
IntentName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
AccountId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{2,32}$")]


class Command(Wire):
    """The fields of a message that belong to one intent."""


class NoCommand(Command):
    """An intent that takes no fields of its own."""


class Outcome(Wire):
    """What one intent found or did."""


class IntentMessage(Wire):
    """The fields that every intent message may have; the others belong to the intent's own command."""

    intent: IntentName = Field(description="Which intent to run.")
    id: MessageId | None = Field(
        None,
        description="The run's identity: the same id is never run twice. Left out, the message's own id.",
    )
    dry_run: bool = Field(False, description="Read, decide and report, but send no order.")
    expires_at: Time | None = Field(
        None, description="Not to be acted on after this time; overrides the intent's own age limit."
    )
    account: AccountId | None = Field(
        None, description="Must be the worker's account; a message is routed by its attribute of that name."
    )
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None, description="Why, for the record."
    )
    then: tuple[JsonObject, ...] = Field(
        (),
        max_length=20,
        description='Intents to run afterwards, one after another. `"when": "always"` on an item runs it '
        "also after one that did not succeed.",
    )


class FollowUp(Wire):
    """What an item of ``then`` says beyond an intent message: whether it also runs after a failure."""

    when: Literal["succeeded", "always"] = "succeeded"


class Reason(Wire):
    """Why an intent ended as it did."""

    code: str = Field(description="Stable, kebab-case, for programs.")
    message: str = Field(description="One line for a person: expected, found, what to do.")
    field: str | None = Field(None, description="The part of the message at fault, if one is.")


EXAMPLES: list[JsonValue] = [
    {
        "id": "id/noon-halt",
        "intent": "set-trading-state",
        "status": "succeeded",
        "severity": "info",
        "dryRun": False,
        "mode": "paper",
        "account": "DU1234567",
        "reason": None,
        "outcome": {"before": "active", "after": "halted"},
        "orders": [],
        "requestedAt": "2026-11-23T17:00:00.000000Z",
        "startedAt": "2026-11-23T17:00:00.120000Z",
        "finishedAt": "2026-11-23T17:00:00.131000Z",
        "attempt": 1,
    },
    {
        "id": "message/1795444200000001",
        "intent": "summary",
        "status": "rejected",
        "severity": "warning",
        "dryRun": False,
        "mode": "paper",
        "account": "DU1234567",
        "reason": {
            "code": "unknown-field",
            "message": "unknown field 'dryrun'; did you mean dryRun?",
            "field": "dryrun",
        },
        "outcome": None,
        "orders": [],
        "requestedAt": "2026-11-23T17:00:00.000000Z",
        "startedAt": "2026-11-23T17:00:00.000000Z",
        "finishedAt": "2026-11-23T17:00:00.000000Z",
        "attempt": 1,
    },
]


class Result(Wire):
    """How an intent ended: exactly one for each run key, published at least once."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})

    id: str = Field(description="The run key.")
    intent: str | None = Field(description="The intent, as far as the message said.")
    status: Status
    severity: Severity
    dry_run: bool
    mode: Mode
    account: str
    reason: Reason | None = None
    outcome: StoredJson | None = Field(None, description="The intent's own outcome; see its schema.")
    orders: tuple[OrderReport, ...] = ()
    requested_at: Time = Field(
        description="When it was due: the schedule's tick, its parent's end, or the publish time."
    )
    started_at: Time
    finished_at: Time
    attempt: int = Field(ge=1, description="Which delivery of the message ended it.")
