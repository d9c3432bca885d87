"""What a message says, and how one that can't be followed is refused."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ConfigDict

from tests.support.deliveries import delivery
from trader.domain.errors import Rejected
from trader.domain.messages import Command, Outcome
from trader.domain.status import IntentClass
from trader.domain.wire import digest, write_time
from trader.intent import AnyIntent, Completed, Intent, Run
from trader.ports import Ports
from trader.runs.decoding import Request, decode, intent_name, is_dry_run

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


class Paint(Command):
    """A command with fields of every kind that matters here."""

    model_config = ConfigDict(json_schema_extra={})

    colour: str
    coats: int = 1
    reason: str | None = None


async def paint(_: Paint, __: Run, ___: Ports) -> Completed:
    """Never called here."""
    return Completed(Outcome())


INTENTS: Mapping[str, AnyIntent] = {
    name: Intent(name, IntentClass.CONTROL, Paint, Outcome, paint, {"intent": name, "colour": "red"})
    for name in ("paint", "summary", "close-all")
}


def understood(body: Mapping[str, Any] | bytes | str, attributes: Mapping[str, str] | None = None) -> Request:
    return decode(delivery(body, attributes=attributes, published_at=NOW, message_id="7"), INTENTS, "DU1")


def refusal(body: Mapping[str, Any] | bytes | str, attributes: Mapping[str, str] | None = None) -> Rejected:
    with pytest.raises(Rejected) as caught:
        understood(body, attributes)
    return caught.value


RED = {"intent": "paint", "colour": "red"}


def test_a_flat_message_becomes_a_typed_command() -> None:
    request = understood({**RED, "coats": 2, "dryRun": True})
    assert request.command == Paint(colour="red", coats=2)
    assert request.message.dry_run
    assert request.key.text == "message/7"


def test_a_command_may_ask_for_a_common_field_too() -> None:
    command = understood({**RED, "reason": "spring"}).command
    assert isinstance(command, Paint)
    assert command.reason == "spring"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ("no base64!", "bad-base64", "data"),
        ("", "bad-json", "data"),
        (b"", "bad-json", "data"),
        (b"{'intent': 'paint'}", "bad-json", "data"),
        (b"[]", "bad-json", "data"),
        (b"\xff\xfe", "bad-json", "data"),
        (b'{"intent": NaN}', "bad-json", "data"),
        (b'{"intent": "paint", "colour": "\\ud800"}', "bad-json", "data"),
        (b"[" * 100_000, "bad-json", "data"),
        (b'{"intent": "paint", "coats": ' + b"9" * 5000 + b"}", "bad-json", "data"),
        (b'{"dryRun": true, "dryRun": false}', "duplicate-field", "dryRun"),
        (b" " * (256 * 1024 + 1), "too-large", "data"),
        ({}, "missing-field", "intent"),
        ({"intent": 5}, "bad-field", "intent"),
        ({"intent": "pant", "colour": "red"}, "unknown-intent", "intent"),
        ({"intent": "paint"}, "missing-field", "colour"),
        ({**RED, "colur": "blue"}, "unknown-field", "colur"),
        ({**RED, "dryrun": True}, "unknown-field", "dryrun"),
        ({**RED, "dry_run": True}, "unknown-field", "dry_run"),
        ({**RED, "dryRun": "yes"}, "bad-field", "dryRun"),
        ({**RED, "dryRun": 1}, "bad-field", "dryRun"),
        ({**RED, "coats": "2"}, "bad-field", "coats"),
        ({**RED, "coats": 2.5}, "bad-field", "coats"),
        ({**RED, "id": "a/b"}, "bad-field", "id"),
        ({**RED, "id": ""}, "bad-field", "id"),
        ({**RED, "id": "x" * 65}, "bad-field", "id"),
        ({**RED, "expiresAt": "tomorrow"}, "bad-date", "expiresAt"),
        ({**RED, "expiresAt": "2026-11-23T14:30:00"}, "bad-date", "expiresAt"),
        ({**RED, "expiresAt": 1795000000}, "bad-date", "expiresAt"),
        ({**RED, "expiresAt": "1795000000"}, "bad-date", "expiresAt"),
        ({**RED, "expiresAt": "2026-11-23T14:30Z"}, "bad-date", "expiresAt"),
        ({**RED, "expiresAt": "2026-11-31T14:30:00Z"}, "bad-date", "expiresAt"),
        ({**RED, "expiresAt": "0001-01-01T00:00:00+10:00"}, "bad-date", "expiresAt"),
        ({**RED, "account": "DU2"}, "wrong-account", "account"),
        ({**RED, "then": {}}, "bad-field", "then"),
        ({**RED, "then": [{"intent": "summry"}]}, "unknown-intent", "then.0.intent"),
        ({**RED, "then": [RED, {**RED, "when": "never"}]}, "bad-field", "then.1.when"),
        ({**RED, "then": [{**RED, "dryRun": True}]}, "bad-follow-up", "then.0.dryRun"),
        ({**RED, "then": [{**RED, "account": "DU1"}]}, "bad-follow-up", "then.0.account"),
        ({**RED, "then": [{**RED, "id": "x"}]}, "bad-follow-up", "then.0.id"),
        ({**RED, "then": [{**RED, "then": []}]}, "bad-follow-up", "then.0.then"),
    ],
)
def test_a_message_that_cannot_be_followed_is_refused_by_the_field_at_fault(
    body: Mapping[str, Any] | bytes | str, code: str, field: str
) -> None:
    error = refusal(body)
    assert (error.code, error.field) == (code, field)
    assert "\n" not in error.message
    assert len(error.message) < 400


@pytest.mark.parametrize(
    "around", ['{"intent": %s}', '{"intent": "paint", "reason": %s}', '{"intent": "paint", "then": [%s]}']
)
@pytest.mark.parametrize("opens", ["[", '{"a":'])
def test_what_is_nested_so_deeply_that_it_can_just_be_read_is_refused_as_everything_else_is(
    around: str, opens: str
) -> None:
    """There is a depth which is read and can't be written again, wherever it lies on this interpreter."""
    closes = "]" if opens == "[" else "}"
    for depth in range(900, 1000):
        refusal((around % (opens * depth + "1" + closes * depth)).encode())


@pytest.mark.parametrize("around", ['{"intent": "paint", "reason": %s}', '{"intent": "paint", "then": [%s]}'])
def test_what_is_nested_too_deeply_is_told_as_that_and_not_as_what_the_validator_says(around: str) -> None:
    error = refusal((around % ("[" * 300 + "]" * 300)).encode())
    assert (error.code, error.field) == ("bad-json", "data")
    assert error.message == "expected flat JSON, found it nested too deeply"


def test_a_field_that_comes_twice_among_very_many_is_found_without_holding_the_worker_up() -> None:
    """Looked for name by name, among all that came before, it took a minute: longer than a lease lasts."""
    names = [f"n{n}" for n in range(20_000)]
    body = ",".join(f'"{name}":1' for name in [*names, names[-1]])
    error = refusal(("{" + body + "}").encode())
    assert (error.code, error.field) == ("duplicate-field", names[-1])


def test_a_time_counts_in_utc_whatever_its_offset() -> None:
    expires_at = understood({**RED, "expiresAt": "2026-11-23T09:30:00.5-05:00"}).message.expires_at
    assert expires_at is not None
    assert expires_at.isoformat() == "2026-11-23T14:30:00.500000+00:00"


def test_a_misspelt_intent_is_told_the_nearest() -> None:
    assert "did you mean close-all?" in refusal({"intent": "closeall"}).message


def test_a_misspelt_field_is_told_the_nearest() -> None:
    assert "did you mean colour?" in refusal({**RED, "color": "blue"}).message


def test_a_publish_time_that_is_none_is_refused() -> None:
    odd = delivery(RED, published_at=NOW)
    odd = odd.model_copy(update={"message": odd.message.model_copy(update={"publish_time": "noon"})})
    with pytest.raises(Rejected) as caught:
        decode(odd, INTENTS, "DU1")
    assert (caught.value.code, caught.value.field) == ("bad-date", "publishTime")


def test_the_fingerprint_tells_wishes_apart_and_not_spellings() -> None:
    same = [understood(json.dumps(RED, indent=1).encode()), understood({**RED, "coats": 1}), understood(RED)]
    others = [
        understood({**RED, "coats": 2}),
        understood({**RED, "dryRun": True}),
        understood({**RED, "intent": "summary"}),
    ]
    assert len({request.fingerprint for request in same}) == 1
    assert len({request.fingerprint for request in [same[0], *others]}) == 4


def test_a_run_claimed_before_defaults_were_left_out_is_known_by_its_fingerprint() -> None:
    older = digest(
        {"intent": "paint", "command": Paint(colour="red").model_dump(mode="json"), "dryRun": False}
    )
    assert understood(RED).has(older)
    assert understood(RED).has(understood(RED).fingerprint)
    for other in ({**RED, "coats": 2}, {**RED, "dryRun": True}, {**RED, "intent": "summary"}):
        assert not understood(other).has(older)


def test_a_refusal_still_knows_what_was_wanted_where_that_can_be_read() -> None:
    told = delivery({"intent": "pant", "dryRun": True}, published_at=NOW)
    assert (intent_name(told), is_dry_run(told)) == ("pant", True)
    garbled = delivery(b"{", published_at=NOW)
    assert (intent_name(garbled), is_dry_run(garbled)) == (None, False)


@pytest.mark.parametrize(("told_s", "counts_s"), [(-60, -60), (0, 0), (60, 0)])
def test_an_attribute_makes_a_message_older_and_never_younger(told_s: int, counts_s: int) -> None:
    told = write_time(NOW + timedelta(seconds=told_s))
    request = understood(RED, {"ce-firstpublished": told})
    assert request.first_published_at == NOW + timedelta(seconds=counts_s)
    assert request.key.requested_at == NOW, "its age counts from its own publication"


def test_a_first_publication_that_is_no_time_is_refused_by_name() -> None:
    found = refusal(RED, {"ce-firstpublished": "this morning"})
    assert (found.code, found.field) == ("bad-date", "ce-firstpublished")
