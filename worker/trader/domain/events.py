"""The CloudEvents that the worker publishes, and how one is written as a Pub/Sub message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from trader.domain.gateway import GatewayState
from trader.domain.messages import Result
from trader.domain.run_key import SOURCE_PREFIX
from trader.domain.status import Severity
from trader.domain.wire import JsonObject, Time, Wire, compact, write_time

INTENT_TYPE = "ib-intents.intent.v1"
RESULT_TYPE = "ib-intents.result.v1"
GATEWAY_TYPE = "ib-intents.gateway.v1"
ALERT_TYPE = "ib-intents.alert.v1"
FIRST_PUBLISHED = "ce-firstpublished"
"""The attribute of a follow-up or a replay that says when its wish was first published."""
UNKNOWN_ACCOUNT = "unknown"
"""Whose events come from a worker that names no account and has met no gateway yet."""


GatewayEventName = Literal["login-required", "session-lost", "recovered", "ready"]


class GatewayEvent(Wire):
    """The gateway's connection changed in a way that a person may have to act on.

    `ready`: it is ready for the first time since the worker started. `login-required`: it accepts
    connections, but answers no login, or has let nobody in for five minutes after the worker's start; a
    person has to log it in, or to approve the second factor. `session-lost`: it was ready, and for a minute
    it hasn't been, or it wants a login, as it does when another session of the same user (a phone, the web)
    has taken its place. `recovered`: it is ready again after one of these two. Each is told once an
    incident, which ends when it is ready again, and not for each failure to connect. What begins in the
    nightly restart window is told at its end, if it lasts.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "event": "login-required",
                    "state": "login-required",
                    "code": "gateway-login-required",
                    "since": "2026-11-23T04:45:00.000000Z",
                    "reason": "the gateway answers, but nobody is logged in; approve the login on the phone",
                    "account": "DU1234567",
                }
            ]
        }
    )

    event: GatewayEventName
    state: GatewayState
    code: str = Field(description="Why it isn't ready, in kebab-case; empty when it is.")
    since: Time = Field(description="Since when it is in this state; of session-lost: when it was lost.")
    reason: str = Field(description="One line for a person.")
    account: str | None = Field(None, description="Null while no gateway has said yet whose it is.")


class Alert(Wire):
    """Something outside a run's own result that a person must know."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "event": "order-unresolved",
                    "severity": "critical",
                    "account": "DU1234567",
                    "run": "id/noon-close",
                    "instrument": "SPY",
                    "message": "a sale of 100 SPY may or may not stand; look for it at the broker",
                    "at": "2026-11-23T17:00:00.000000Z",
                }
            ]
        }
    )

    event: Literal["order-unresolved", "order-resolved", "contract-locked", "contract-unlocked"]
    severity: Severity
    account: str
    run: str = Field(description="The run key it belongs to.")
    instrument: str
    message: str = Field(description="One line for a person: what is in doubt, what would settle it.")
    at: Time


@dataclass(frozen=True, slots=True)
class Event:
    """A CloudEvent; ``labels`` are further message attributes, for subscription filters."""

    id: str
    type: str
    account: str
    at: datetime
    data: JsonObject
    labels: Mapping[str, str] = field(default_factory=dict)

    def attributes(self) -> dict[str, str]:
        """Return the message attributes of the CloudEvents binding for Pub/Sub (binary mode)."""
        return {
            "ce-specversion": "1.0",
            "ce-id": self.id,
            "ce-source": SOURCE_PREFIX + self.account,
            "ce-type": self.type,
            "ce-time": write_time(self.at),
            "content-type": "application/json",
            **self.labels,
        }

    def body(self) -> bytes:
        """Return the message's data: the event's data as JSON."""
        return compact(self.data).encode()


def result_event(result: Result, publication: int, data: JsonObject | None = None) -> Event:
    """Return the ``publication``-th telling of ``result``, counted from 1; ``data`` is its JSON if known."""
    labels = {
        "status": result.status.value,
        "mode": result.mode.value,
        "account": result.account,
        "dryRun": "true" if result.dry_run else "false",
    }
    if result.intent is not None:
        labels["intent"] = result.intent
    return Event(
        id=f"{result.id}#{publication}",
        type=RESULT_TYPE,
        account=result.account,
        at=result.finished_at,
        data=data or result.to_json(),
        labels=labels,
    )


def gateway_event(told: GatewayEvent, at: datetime) -> Event:
    """Return the event ``told``, whose id is the same however often it has to be published."""
    labels = {"event": told.event, **({"account": told.account} if told.account else {})}
    return Event(
        id=f"gateway/{told.event}/{write_time(told.since)}",
        type=GATEWAY_TYPE,
        account=told.account or UNKNOWN_ACCOUNT,
        at=at,
        data=told.to_json(),
        labels=labels,
    )


def alert_event(alert: Alert, told_by: str, n: int) -> Event:
    """Return the ``n``-th alert of the run ``told_by``; what it is about may be another run's."""
    return Event(
        id=f"{told_by}/alert/{n}",
        type=ALERT_TYPE,
        account=alert.account,
        at=alert.at,
        data=alert.to_json(),
        labels={"account": alert.account, "event": alert.event, "severity": alert.severity.value},
    )


def intent_event(
    key: str, account: str, at: datetime, body: JsonObject, *, first_published_at: datetime
) -> Event:
    """Return the message with which a run, whose own chain began then, starts its follow-up ``key``."""
    labels = {"account": account, FIRST_PUBLISHED: write_time(first_published_at)}
    return Event(id=key, type=INTENT_TYPE, account=account, at=at, data=body, labels=labels)
