"""Every file of the folder ``schemas``: what goes over the topics and into the configuration."""

from collections.abc import Mapping

from trader.domain.configuration import Configuration
from trader.domain.configuration_sample import sample
from trader.domain.events import Alert, GatewayEvent
from trader.domain.messages import FollowUp, IntentMessage, Result
from trader.domain.schedules import OWN_FIELDS, Schedules
from trader.domain.wire import JsonObject
from trader.intent import AnyIntent
from trader.schemas.asyncapi import asyncapi
from trader.schemas.json_schema import Schema, schema_of, text_of

OF_THE_CHAIN = ("id", "account", "then")
"""The common fields that an item of ``then`` doesn't have: they are its chain's."""

CHAIN: JsonObject = {
    "intent": "summary",
    "id": "2026-11-23-close",
    "dryRun": True,
    "expiresAt": "2026-11-23T21:15:00Z",
    "then": [{"intent": "set-trading-state", "state": "halted", "reason": "end of day", "when": "always"}],
}

SCHEDULES: JsonObject = {
    "schedules": [
        {
            "name": "test-signal",
            "cron": "15 16 * * 1-5",
            "timeZone": "America/New_York",
            "exchange": "XNYS",
            "enabled": True,
            "description": "Proves the whole path every day, after the close.",
            "message": {"intent": "testsignalgenerator", "dryRun": True},
        }
    ]
}


def schema_files(intents: Mapping[str, AnyIntent]) -> dict[str, str]:
    """Return each file's text by its path in the folder."""
    schemas = {
        "intent-message": _any_message(intents),
        "follow-up": _follow_up(intents),
        "result": _result(intents),
        "gateway-event": schema_of(GatewayEvent, "serialization", title="Event: the gateway's connection"),
        "alert-event": schema_of(Alert, "serialization", title="Event: an alert for a person"),
        "configuration": _configuration(),
        "schedules": _schedules(),
    }
    for name, intent in intents.items():
        schemas[f"intents/{name}.message"] = _message(intent)
        schemas[f"intents/{name}.command"] = _command(intent)
        outcome = schema_of(intent.outcome, "serialization", title=f"Outcome of {name}")
        schemas[f"intents/{name}.outcome"] = outcome
    files = {f"{name}.schema.json": schema for name, schema in schemas.items()}
    return {path: text_of(path, schema) for path, schema in files.items()} | {"asyncapi.yaml": asyncapi()}


def _any_message(intents: Mapping[str, AnyIntent]) -> Schema:
    return {
        "title": "Intent message",
        "description": "The body of a message on the topic `intents`. Which fields it may have depends on "
        "its intent. Times are RFC 3339 with an offset; no field may stand twice.",
        **_one_of(intents, "intents/{}.message.schema.json"),
        "examples": [*(intent.example for intent in intents.values()), CHAIN],
    }


def _follow_up(intents: Mapping[str, AnyIntent]) -> Schema:
    example = next(iter(intents.values())).example
    return {
        "title": "Item of then",
        "description": "An intent that runs after another. Its id, account and then are its chain's, and its "
        "dryRun, where it has one, is its parent's.",
        **_one_of(intents, "intents/{}.message.schema.json#/$defs/followUp"),
        "examples": [example, {**example, "when": "always"}],
    }


def _one_of(intents: Mapping[str, AnyIntent], path: str) -> Schema:
    return {
        "type": "object",
        "properties": {"intent": {"enum": list(intents)}},
        "required": ["intent"],
        "allOf": [_of_intent(name, {"$ref": path.format(name)}) for name in intents],
    }


def _of_intent(name: str, then: Schema) -> Schema:
    return {"if": {"properties": {"intent": {"const": name}}, "required": ["intent"]}, "then": then}


def _message(intent: AnyIntent) -> Schema:
    command = schema_of(intent.command)
    common = schema_of(IntentMessage)["properties"]
    common["then"]["items"] = {"$ref": "../follow-up.schema.json"}
    # The command's field stands where both have one: it may narrow a common field, such as the reason.
    fields = {**common, **command.get("properties", {}), "intent": {"const": intent.name}}
    within = {name: field for name, field in fields.items() if name not in OF_THE_CHAIN}
    closed = {
        "type": "object",
        "required": ["intent", *command.get("required", [])],
        "additionalProperties": False,
        **({"anyOf": command["anyOf"]} if "anyOf" in command else {}),
    }
    return {
        "title": f"Intent message: {intent.name}",
        "description": intent.description,
        **closed,
        "properties": fields,
        "if": {"properties": {"dryRun": {"const": True}}, "required": ["dryRun"]},
        "then": _follow_ups_dry(True),
        "else": _follow_ups_dry(False),
        "$defs": {
            **command.get("$defs", {}),
            "followUp": {**closed, "properties": {**within, **schema_of(FollowUp)["properties"]}},
        },
        "examples": [intent.example],
    }


def _follow_ups_dry(dry: bool) -> Schema:
    return {"properties": {"then": {"items": {"properties": {"dryRun": {"const": dry}}}}}}


def _command(intent: AnyIntent) -> Schema:
    schema = schema_of(intent.command, title=f"Command of {intent.name}")
    own = schema.get("properties", {})
    return {**schema, "examples": [{name: value for name, value in intent.example.items() if name in own}]}


def _result(intents: Mapping[str, AnyIntent]) -> Schema:
    def outcome_of(name: str) -> Schema:
        typed = {"anyOf": [{"$ref": f"intents/{name}.outcome.schema.json"}, {"type": "null"}]}
        return _of_intent(name, {"properties": {"outcome": typed}})

    schema = schema_of(Result, "serialization", title="Result of an intent")
    return {**schema, "allOf": [outcome_of(name) for name in intents]}


def _configuration() -> Schema:
    schema = schema_of(Configuration, title="Configuration of an account")
    more = " Some rules span several keys; `trader config check` knows them all."
    return {**schema, "description": schema["description"] + more, "examples": [sample("DU1234567")]}


def _schedules() -> Schema:
    schema = schema_of(Schedules, title="Schedules of intents")
    message = schema["$defs"]["Schedule"]["properties"]["message"]
    del schema["$defs"]["JsonValue"]  # of the message, which has a schema of its own
    schema["$defs"]["Schedule"]["properties"]["message"] = {
        "description": message["description"],
        "allOf": [{"$ref": "intent-message.schema.json"}],
        "properties": dict.fromkeys(OWN_FIELDS, False),
    }
    more = " No two jobs have one name; time zones and exchanges must exist: `trader schedules` knows."
    return {**schema, "description": schema["description"] + more, "examples": [SCHEDULES]}
