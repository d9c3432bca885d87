"""The AsyncAPI description of the topics: who puts which message on which of them, with what attributes."""

from typing import Any, get_args

import yaml

from trader.domain.events import (
    ALERT_TYPE,
    FIRST_PUBLISHED,
    GATEWAY_TYPE,
    INTENT_TYPE,
    RESULT_TYPE,
    GatewayEventName,
)
from trader.domain.run_key import SOURCE_PREFIX
from trader.domain.status import Mode, Severity, Status
from trader.domain.wire import RFC_3339
from trader.ports import Topic
from trader.schemas.json_schema import GENERATED

DEAD_LETTERS = "intents-dead-letter"

Description = dict[str, Any]


def asyncapi() -> str:
    """Return the description as YAML; it refers to the JSON Schemas beside it."""
    description = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ib-intents",
            "version": "1.0.0",
            "description": "The worker of one IB account, seen from its topics. Every message is a Pub/Sub "
            "message: JSON in its data, and attributes (here: headers) beside it. Events follow the "
            "CloudEvents binding for Pub/Sub in binary mode: the event's attributes are message attributes "
            "with the prefix ce-.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages()},
    }
    written = yaml.dump(description, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return f"# {GENERATED}\n{written}"


def _channels() -> Description:
    return {
        "intents": _channel(
            Topic.INTENTS,
            "Intents: from a schedule, a person, or the worker itself (the next of `then`, or what a run "
            "had no time for). A push "
            "subscription for each account delivers them to its worker, at least once.",
            "intent",
        ),
        "results": _channel(
            Topic.RESULTS,
            "What became of intents, one identity a run, told at least once; and events of the gateway's "
            "connection and alerts.",
            *("result", "gatewayEvent", "alert"),
        ),
        "deadLetters": _channel(
            DEAD_LETTERS,
            "Intents that were given up after the last delivery attempt, as they were published.",
            "intent",
        ),
    }


def _channel(address: str, description: str, *messages: str) -> Description:
    refer = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {"address": str(address), "description": description, "messages": refer}


def _operations() -> Description:
    return {
        "receiveIntent": {
            **_operation("receive", "intents", "Carry an intent out, once.", "intent"),
            "reply": {
                "channel": {"$ref": "#/channels/results"},
                "messages": [{"$ref": "#/channels/results/messages/result"}],
            },
        },
        "sendFollowUp": _operation(
            "send", "intents", "Start the next intent of `then`, or what a run had no time for.", "intent"
        ),
        "sendEvents": _operation(
            "send",
            "results",
            "Tell how an intent ended, and what a person must know beside that.",
            *("result", "gatewayEvent", "alert"),
        ),
        "forwardDeadLetter": _operation(
            "send",
            "deadLetters",
            "Done by the subscription after its last attempt, not by the worker.",
            "intent",
        ),
    }


def _operation(action: str, channel: str, summary: str, *messages: str) -> Description:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _messages() -> Description:
    of_intent = {
        "account": {"type": "string", "description": "Routes the message to the worker of this account."},
        "schedule": {"type": "string", "description": "The job that publishes it; needs cron and timeZone."},
        "cron": {"type": "string", "description": "The job's schedule: its nearest tick is the run."},
        "timeZone": {"type": "string", "description": "The job's time zone, such as America/New_York."},
        "traceparent": {"type": "string", "description": "W3C trace context."},
        FIRST_PUBLISHED: {
            "type": "string",
            "format": "date-time",
            "pattern": RFC_3339,
            "description": "When the wish was first published, of a follow-up or a replay: a looser trading "
            "state counts from then. The worker's own; it never makes a message younger than it is.",
        },
    }
    identity = {
        "ce-source": {"type": "string", "description": "Of a CloudEvent it is, with the ce-id, its identity."}
    }
    of_result = {
        "status": {"enum": [status.value for status in Status]},
        "mode": {"enum": [mode.value for mode in Mode]},
        "account": {"type": "string"},
        "dryRun": {"enum": ["true", "false"]},
    }
    of_gateway = {"event": {"enum": list(get_args(GatewayEventName))}}
    of_alert = {
        "account": {"type": "string"},
        "event": {"type": "string"},
        "severity": {"enum": [severity.value for severity in Severity]},
    }
    intent = {"type": "string", "description": "Missing where the message named none."}
    account = {"type": "string", "description": "Missing while no gateway has said yet whose it is."}
    return {
        "intent": _message(
            "Intent",
            "Published with gcloud it has the attributes that were typed, or none; one of `trader publish` "
            "and the worker's own are CloudEvents.",
            "intent-message",
            {"type": "object", "properties": {**_cloud_event(INTENT_TYPE), **identity, **of_intent}},
        ),
        "result": _message(
            "Result",
            "Its ce-id is the run key, `#`, and how often the result has been told, from 1.",
            "result",
            {
                **_event_headers(RESULT_TYPE, of_result),
                "properties": {**_cloud_event(RESULT_TYPE), **of_result, "intent": intent},
            },
        ),
        "gatewayEvent": _message(
            "Gateway event",
            "The connection to the gateway changed: once an incident, not once an attempt to connect.",
            "gateway-event",
            {
                **_event_headers(GATEWAY_TYPE, of_gateway),
                "properties": {**_cloud_event(GATEWAY_TYPE), **of_gateway, "account": account},
            },
        ),
        "alert": _message(
            "Alert",
            "An order is in doubt, or no longer.",
            "alert-event",
            {
                **_event_headers(ALERT_TYPE),
                "properties": {**_cloud_event(ALERT_TYPE), **of_alert},
            },
        ),
    }


def _message(title: str, description: str, schema: str, headers: Description) -> Description:
    return {
        "title": title,
        "description": description,
        "headers": headers,
        "payload": {"$ref": f"./{schema}.schema.json"},
    }


def _event_headers(event_type: str, labels: Description | None = None) -> Description:
    properties = {**_cloud_event(event_type), **(labels or {})}
    return {"type": "object", "required": list(properties), "properties": properties}


def _cloud_event(event_type: str) -> Description:
    return {
        "ce-specversion": {"const": "1.0"},
        "ce-id": {"type": "string"},
        "ce-source": {"type": "string", "pattern": f"^{SOURCE_PREFIX}"},
        "ce-type": {"const": event_type},
        "ce-time": {"type": "string", "format": "date-time", "pattern": RFC_3339},
        "content-type": {"const": "application/json"},
    }


class _Dumper(yaml.SafeDumper):
    """Writes each value where it is used: an anchor is hard to read."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True
