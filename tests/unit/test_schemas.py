"""The schemas say what the code does: current, valid, exemplified, and as strict as the decoder."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from tests.support.deliveries import delivery
from tests.support.schemas import FORMATS, problems, schemas
from trader.discovery import find_intents
from trader.domain.configuration import Configuration
from trader.domain.configuration_sample import sample
from trader.domain.errors import Rejected
from trader.domain.events import (
    Alert,
    GatewayEvent,
    GatewayEventName,
    gateway_event,
    intent_event,
    result_event,
)
from trader.domain.gateway import GatewayState
from trader.domain.messages import Result
from trader.domain.status import Mode, Severity, Status
from trader.domain.wire import JsonObject
from trader.runs.decoding import decode
from trader.schemas.json_schema import BASE
from trader.schemas.schemas import schema_files

FOLDER = Path(__file__).parents[2] / "schemas"
INTENTS = find_intents()
FILES = schema_files(INTENTS)
NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def refused(body: Mapping[str, Any]) -> bool:
    """Return whether the decoder of account DU1 refuses ``body`` for what it is."""
    try:
        decode(delivery(body, published_at=NOW, message_id="7"), INTENTS, "DU1")
    except Rejected as refusal:
        return refusal.code != "wrong-account"  # no schema knows whose worker reads the message
    return False


@pytest.mark.parametrize("path", FILES)
def test_each_file_is_current(path: str) -> None:
    assert (FOLDER / path).read_text(encoding="utf-8") == FILES[path], "run `trader schemas`"


def test_the_folder_holds_nothing_else() -> None:
    found = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert found == set(FILES)


@pytest.mark.parametrize("name", schemas())
def test_each_schema_is_a_schema_by_the_name_of_its_file(name: str) -> None:
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"{BASE}{name}.schema.json"
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("name", schemas())
def test_each_schema_has_examples_and_they_validate(name: str) -> None:
    examples = schemas()[name]["examples"]
    assert examples
    for example in examples:
        assert problems(name, example) == []


def test_the_worker_understands_each_example_of_a_message() -> None:
    examples = schemas()["intent-message"]["examples"]
    assert {example["intent"] for example in examples} == set(INTENTS)
    for example in examples:
        assert not refused(example)


@pytest.mark.parametrize(
    ("name", "model"), [("result", Result), ("gateway-event", GatewayEvent), ("alert-event", Alert)]
)
def test_an_example_of_an_event_is_what_the_worker_writes(name: str, model: Any) -> None:
    for example in schemas()[name]["examples"]:
        assert model.model_validate(example).to_json() == example


RED: JsonObject = {"intent": "set-trading-state", "state": "halted", "reason": "noon"}
CHAIN: JsonObject = {"intent": "summary", "then": [RED]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"intent": None},
        {"intent": "summry"},
        {"intent": "summary", "colour": "red"},
        {"intent": "summary", "dryrun": True},
        {"intent": "summary", "dry_run": True},
        {"intent": "summary", "dryRun": "true"},
        {"intent": "summary", "dryRun": None},
        {"intent": "summary", "id": ""},
        {"intent": "summary", "id": "a/b"},
        {"intent": "summary", "id": "x" * 65},
        {"intent": "summary", "account": "D"},
        {"intent": "summary", "expiresAt": "tomorrow"},
        {"intent": "summary", "expiresAt": "2026-11-23T14:30:00"},
        {"intent": "summary", "expiresAt": "2026-11-31T14:30:00Z"},
        {"intent": "summary", "expiresAt": "1795000000"},
        {"intent": "summary", "expiresAt": 1795000000},
        {"intent": "summary", "reason": ""},
        {"intent": "summary", "reason": "x" * 501},
        {"intent": "summary", "state": "halted"},
        {"intent": "set-trading-state", "state": "halted"},
        {**RED, "state": "hold"},
        {**RED, "reason": None},
        {"intent": "testsignalgenerator", "symbol": "spy"},
        {"intent": "reconcile", "repair": True},
        {"intent": "reconcile", "repair": True, "reason": None},
        {"intent": "reconcile", "repair": True, "reason": ""},
        {"intent": "reconcile", "reason": "x" * 501},
        {"intent": "trade-reconciliation", "since": "today"},
        {"intent": "summary", "then": [{"intent": "reconcile", "repair": True}]},
        {"intent": "summary", "then": {}},
        {"intent": "summary", "then": None},
        {"intent": "summary", "then": [{}]},
        {"intent": "summary", "then": [{"intent": "summary", "colour": "red"}]},
        {"intent": "summary", "then": [{**RED, "when": "never"}]},
        {"intent": "summary", "then": [{**RED, "id": "x"}]},
        {"intent": "summary", "then": [{**RED, "then": []}]},
        {"intent": "summary", "then": [{**RED, "account": "DU1"}]},
        {"intent": "summary", "then": [{**RED, "dryRun": True}]},
        {"intent": "summary", "dryRun": True, "then": [{**RED, "dryRun": False}]},
        {"intent": "summary", "then": [RED] * 21},
        {"intent": "summary", "when": "always"},
    ],
)
def test_what_the_decoder_refuses_the_schema_refuses(body: dict[str, Any]) -> None:
    assert refused(body)
    assert problems("intent-message", body)
    if body.get("intent") in INTENTS:
        assert problems(f"intents/{body['intent']}.message", body)


@pytest.mark.parametrize(
    "body",
    [
        {"intent": "summary", "id": None, "expiresAt": None, "account": None, "reason": None},
        {"intent": "summary", "account": "DU1", "then": [{"intent": "summary", "when": "always"}]},
        {"intent": "summary", "expiresAt": "2026-11-23T14:30:00.123456789-05:00"},
        {**CHAIN, "dryRun": True, "then": [{**RED, "dryRun": True}, {**RED, "expiresAt": None}]},
        {**CHAIN, "dryRun": False, "then": [{**RED, "dryRun": False}]},
        {"intent": "reconcile", "repair": False, "reason": None},
        {"intent": "reconcile", "repair": True, "reason": "looked it up"},
    ],
)
def test_what_the_decoder_understands_the_schema_accepts(body: dict[str, Any]) -> None:
    assert not refused(body)
    assert problems("intent-message", body) == []
    assert problems(f"intents/{body['intent']}.message", body) == []


Bodies = st.SearchStrategy[dict[str, Any]]
TIMES = st.sampled_from(["2026-11-23T14:30:00Z", "2026-11-23", "2026-13-01T00:00:00Z", "14:30"])
ODD: st.SearchStrategy[Any] = st.sampled_from([None, True, False, 0, 1.5, "", "x", "halted", [], {}])


def likely_bodies(**optional: st.SearchStrategy[Any]) -> Bodies:
    """Return messages that have all they need, and perhaps what is ``optional``."""
    may_have = {"dryRun": st.booleans(), "expiresAt": TIMES | st.none(), **optional}
    return st.one_of(
        [
            st.fixed_dictionaries(
                {f: st.just(v) for f, v in intent.example.items() if f not in may_have}, optional=may_have
            )
            for intent in INTENTS.values()
        ]
    )


def odd_bodies(**optional: st.SearchStrategy[Any]) -> Bodies:
    """Return messages of which any field may be missing, misplaced or of another kind."""
    fields = {
        "id": st.text("aZ09._-/ ", max_size=3),
        "dryRun": st.booleans(),
        "expiresAt": TIMES,
        "reason": st.sampled_from(["noon", "", "x" * 501]),
        "state": st.sampled_from(["active", "reduce-only", "halted", "off"]),
        "symbol": st.sampled_from(["SPY", "spy", "BRK B"]),
        "repair": st.booleans(),
        "since": TIMES,
        "when": st.sampled_from(["always", "succeeded", "never"]),
        "colour": st.just("red"),
        **optional,
    }
    names = st.sampled_from([*INTENTS, "summry"])
    return st.fixed_dictionaries({"intent": names}, optional={name: f | ODD for name, f in fields.items()})


def bodies() -> Bodies:
    """Return messages, right and wrong; an account inside `then` could only be compared by the decoder."""
    when, ids = st.sampled_from(["always", "never"]), st.sampled_from(["noon", "a/b"])
    then = st.lists(likely_bodies(when=when) | likely_bodies() | odd_bodies(), max_size=3)
    account = st.sampled_from(["DU1", "D"])
    return likely_bodies(id=ids, then=then) | odd_bodies(account=account, then=then)


@given(bodies())
@settings(max_examples=300, deadline=None)
def test_schema_and_decoder_agree_on_any_message(body: dict[str, Any]) -> None:
    assert bool(problems("intent-message", body)) == refused(body), problems("intent-message", body)


def test_a_result_is_as_its_schema_says_and_so_are_its_attributes() -> None:
    result = Result(
        id="id/noon",
        intent="set-trading-state",
        status=Status.SUCCEEDED,
        severity=Severity.INFO,
        dry_run=False,
        mode=Mode.PAPER,
        account="DU1",
        outcome={"before": "active", "after": "halted"},
        requested_at=NOW,
        started_at=NOW,
        finished_at=NOW,
        attempt=1,
    )
    assert problems("result", result.to_json()) == []
    assert problems("result", {**result.to_json(), "outcome": {"before": "active"}})
    accepts(asyncapi()["components"]["messages"]["result"]["headers"], result_event(result, 1).attributes())
    follow_up = intent_event("id/noon/then/1", "DU1", NOW, RED, first_published_at=NOW)
    accepts(asyncapi()["components"]["messages"]["intent"]["headers"], follow_up.attributes())


@pytest.mark.parametrize("account", ["DU1", None])
@pytest.mark.parametrize("name", get_args(GatewayEventName))
def test_an_event_of_the_gateway_is_as_its_schema_says_and_so_are_its_attributes(
    name: GatewayEventName, account: str | None
) -> None:
    state = GatewayState.DEGRADED
    told = GatewayEvent(event=name, state=state, code="c", since=NOW, reason="why", account=account)
    assert problems("gateway-event", told.to_json()) == []
    attributes = gateway_event(told, NOW).attributes()
    accepts(asyncapi()["components"]["messages"]["gatewayEvent"]["headers"], attributes)
    assert attributes["event"] == name
    assert attributes.get("account") == account


def accepts(schema: dict[str, Any], value: object) -> None:
    Draft202012Validator(schema, format_checker=FORMATS).validate(value)


@pytest.mark.parametrize(
    "change",
    [
        {"limts": {}},
        {"account": "D"},
        {"limits": {}},
        {"limits": {"orderNotional": 0}},
        {"limits": {"orderNotional": "a lot"}},
        {"exposure": {"overall": 1.1}},
        {"exposure": {"strategies": {"A B": 0.5}}},
        {"marketDataType": 5},
        {"restartWindow": {"start": "25:00"}},
        {"order": {"type": "STP"}},
    ],
)
def test_a_configuration_that_the_model_refuses_its_schema_refuses(change: JsonObject) -> None:
    changed = {**sample("DU1"), **change}
    with pytest.raises(ValueError, match="validation error"):
        Configuration.model_validate_json(TypeAdapter(dict[str, Any]).dump_json(changed), strict=True)
    assert problems("configuration", changed)


def test_a_configuration_as_it_is_shown_is_one_by_its_schema() -> None:
    assert problems("configuration", Configuration.model_validate(sample("DU1")).to_json()) == []


def asyncapi() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILES["asyncapi.yaml"])
    return found


def test_the_topics_are_described_by_their_names() -> None:
    described = asyncapi()
    assert re.fullmatch(r"3\.\d+\.\d+", described["asyncapi"])
    channels = described["channels"].values()
    assert {channel["address"] for channel in channels} == {"intents", "results", "intents-dead-letter"}
    used = {operation["channel"]["$ref"].rpartition("/")[2] for operation in described["operations"].values()}
    assert used == set(described["channels"])
    assert {operation["action"] for operation in described["operations"].values()} == {"send", "receive"}
    for channel in channels:
        assert channel["messages"]


def test_each_reference_of_the_topics_description_leads_somewhere() -> None:
    described = asyncapi()
    for reference in references(described):
        if reference.startswith("./"):
            assert reference.removeprefix("./") in FILES
            continue
        found: Any = described
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def references(value: Any) -> Iterator[str]:
    """Yield each ``$ref`` in ``value``."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Test signal"},
        {"name": None},
        {"cron": "0 0 L * *"},
        {"cron": "* * * * * *"},
        {"enabled": "yes"},
        {"exchange": "New York"},
        {"accounts": ["D"]},
        {"graceMinutes": 0},
        {"description": ""},
        {"colour": "red"},
        {"message": {"intent": "sumary"}},
        {"message": {"intent": "summary", "symbol": "SPY"}},
        {"message": {"intent": "summary", "id": "x"}},
        {"message": {"intent": "summary", "account": "DU1"}},
        {"message": {"intent": "summary", "expiresAt": "2026-11-23T21:15:00Z"}},
    ],
)
def test_a_schedule_that_the_command_line_refuses_its_schema_refuses(change: JsonObject) -> None:
    (job,) = schemas()["schedules"]["examples"][0]["schedules"]
    assert problems("schedules", {"schedules": [{**job, **change}]})
    assert (
        problems("schedules", {"schedules": [{**job, "message": {"intent": "summary", "reason": "x"}}]}) == []
    )
