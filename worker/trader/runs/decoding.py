"""From a push delivery to a typed request, or to a refusal that names the field at fault."""

import base64
import binascii
import difflib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from trader.domain.errors import Rejected
from trader.domain.events import FIRST_PUBLISHED
from trader.domain.expected import expected
from trader.domain.messages import MAX_BODY_BYTES, Command, FollowUp, IntentMessage
from trader.domain.run_key import RunKey, run_key
from trader.domain.status import IntentClass
from trader.domain.wire import JsonObject, Time, digest
from trader.intent import AnyIntent

COMMON = {field.alias or name: name for name, field in IntentMessage.model_fields.items()}
_TIME: TypeAdapter[datetime] = TypeAdapter(Time)

Model = TypeVar("Model", bound=BaseModel)


class PubsubMessage(BaseModel):
    """The message inside a push body, with the names that Pub/Sub gives its fields."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    message_id: Annotated[str, Field(alias="messageId", min_length=1, max_length=1024)]
    publish_time: Annotated[str, Field(alias="publishTime")]
    data: str = ""
    attributes: dict[str, str] | None = None


class Delivery(BaseModel):
    """One push of one message: Pub/Sub's wrapped push body, fields that aren't needed left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    message: PubsubMessage
    subscription: str = ""
    delivery_attempt: Annotated[int | None, Field(alias="deliveryAttempt", ge=1)] = None

    @property
    def attributes(self) -> Mapping[str, str]:
        """The message's attributes, none of them missing."""
        return self.message.attributes or {}


@dataclass(frozen=True, slots=True)
class Request:
    """A message understood: which run it asks for, and what that run shall do."""

    key: RunKey
    message: IntentMessage
    intent: AnyIntent
    command: Command
    first_published_at: datetime

    @property
    def kind(self) -> IntentClass:
        """The intent's class, as its command asks for it."""
        return self.intent.kind_of(self.command) if self.intent.kind_of else self.intent.kind

    @property
    def needs_account(self) -> bool:
        """Whether the run trades, so that no other may have the account meanwhile."""
        return self.kind is IntentClass.TRADING and not self.message.dry_run

    @property
    def fingerprint(self) -> str:
        """The same for each message that says the same, in whatever spelling, and whatever its intent knows.

        Defaults are left out: a field that a later release adds makes no other message of this one.
        """
        return self._fingerprint(self.command.model_dump(mode="json", by_alias=True, exclude_defaults=True))

    def has(self, fingerprint: str) -> bool:
        """Return whether ``fingerprint``, which a run was claimed with, is that of this message.

        A run that was claimed before defaults were left out has them in its own.
        """
        return fingerprint in (self.fingerprint, self._fingerprint(self.command.to_json()))

    def _fingerprint(self, command: JsonObject) -> str:
        return digest({"intent": self.intent.name, "command": command, "dryRun": self.message.dry_run})


def intent_name(delivery: Delivery) -> str | None:
    """Return the intent that a message names, as far as it can be read; for reporting a refusal."""
    try:
        name = _body(delivery.message.data).get("intent")
    except Rejected:
        return None
    return name[:64] if isinstance(name, str) else None


def is_dry_run(delivery: Delivery) -> bool:
    """Return whether a message asks for a dry run, as far as it can be read; for reporting a refusal."""
    try:
        return _body(delivery.message.data).get("dryRun") is True
    except Rejected:
        return False


def published_at(delivery: Delivery) -> datetime:
    """Return the publish time; raises Rejected when it isn't one."""
    return _time(delivery.message.publish_time, "publishTime", "this is not from Pub/Sub")


def first_published_at(delivery: Delivery) -> datetime:
    """Return when the wish was first published, as the messages of one chain pass it on; raises Rejected.

    Anybody can write an attribute: it makes a message older than it is, and never younger.
    """
    at = published_at(delivery)
    told = delivery.attributes.get(FIRST_PUBLISHED)
    return at if told is None else min(at, _time(told, FIRST_PUBLISHED, "leave it to the worker"))


def decode(delivery: Delivery, intents: Mapping[str, AnyIntent], account: str) -> Request:
    """Return what ``delivery`` asks of the worker of ``account``; raises Rejected with code and field."""
    at = published_at(delivery)
    body = _body(delivery.message.data)
    message, intent, command = understand(body, intents)
    for named in (message.account, delivery.attributes.get("account")):
        if named is not None and named != account:
            raise Rejected(
                "wrong-account",
                f"expected account {account}, found {named}; "
                "route a message with the attribute account, and name the same one in the body or none",
                field="account",
            )
    _check_follow_ups(message, intents)
    return Request(
        key=run_key(
            body_id=message.id,
            attributes=delivery.attributes,
            message_id=delivery.message.message_id,
            published_at=at,
            account=account,
        ),
        message=message,
        intent=intent,
        command=command,
        first_published_at=first_published_at(delivery),
    )


def understand(
    body: JsonObject, intents: Mapping[str, AnyIntent]
) -> tuple[IntentMessage, AnyIntent, Command]:
    """Return a body's common fields, its intent and its command; raises Rejected with code and field."""
    name = body.get("intent")
    if not isinstance(name, str):
        code, found = ("bad-field", _shown(name)) if "intent" in body else ("missing-field", "none")
        raise Rejected(code, f"expected an intent such as {_some(intents)}, found {found}", field="intent")
    intent = intents.get(name)
    if intent is None:
        raise Rejected("unknown-intent", _unknown("intent", name, intents), field="intent")
    own = {field.alias or key for key, field in intent.command.model_fields.items()}
    for field_name in body:
        if field_name not in COMMON and field_name not in own:
            known = [*own, *COMMON]
            raise Rejected("unknown-field", _unknown("field", field_name, known), field=field_name[:64])
    message = _validate(IntentMessage, {k: v for k, v in body.items() if k in COMMON})
    command = _validate(intent.command, {k: v for k, v in body.items() if k in own})
    return message, intent, command


def follow_up_body(item: JsonObject) -> tuple[FollowUp, JsonObject]:
    """Return an item of ``then`` as its own terms and the intent message that it holds."""
    terms = _validate(FollowUp, {"when": item["when"]} if "when" in item else {})
    return terms, {name: value for name, value in item.items() if name != "when"}


def _time(text: str, field: str, what_now: str) -> datetime:
    try:
        return _TIME.validate_python(text)
    except ValidationError:
        raise Rejected(
            "bad-date", f"expected an RFC 3339 time, found {text[:64]!r}; {what_now}", field=field
        ) from None


def _check_follow_ups(message: IntentMessage, intents: Mapping[str, AnyIntent]) -> None:
    for n, item in enumerate(message.then):
        at = f"then.{n}"
        try:
            _, body = follow_up_body(item)
            child, _, _ = understand(body, intents)
        except Rejected as error:
            raise Rejected(error.code, error.message, field=f"{at}.{error.field}") from None
        for name in ("id", "then"):
            if name in body:
                raise Rejected(
                    "bad-follow-up",
                    f"expected no {name} inside then: the chain has its own; remove it",
                    field=f"{at}.{name}",
                )
        if "dryRun" in body and child.dry_run != message.dry_run:
            raise Rejected("bad-follow-up", "expected the parent's dryRun; remove it", field=f"{at}.dryRun")
        if child.account is not None and child.account != message.account:
            raise Rejected("bad-follow-up", "expected the parent's account; remove it", field=f"{at}.account")


def _body(data: str) -> JsonObject:
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Rejected("bad-base64", "expected the message's data in base64", field="data") from None
    if len(raw) > MAX_BODY_BYTES:
        raise Rejected(
            "too-large",
            f"expected at most {MAX_BODY_BYTES} bytes of JSON, found {len(raw)}; send less",
            field="data",
        )
    try:
        body = json.loads(raw.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        if b"\\u" in raw:  # it may name half a character, which parses, but can't be written again
            json.dumps(body, ensure_ascii=False).encode()
    except Rejected:
        raise
    except (ValueError, RecursionError):
        raise Rejected(
            "bad-json", f"expected a JSON object, found {raw[:40]!r}; check the quotes", field="data"
        ) from None
    if not isinstance(body, dict):
        raise Rejected("bad-json", f"expected a JSON object, found {type(body).__name__}", field="data")
    return body


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # json.loads keeps the last of two, silently: whether "dryRun" was meant is then anyone's guess.
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Rejected(
            "duplicate-field", f"expected each field once, found {twice!r} twice", field=twice[:64]
        )
    return found


def _no_constant(name: str) -> NoReturn:
    raise Rejected("bad-json", f"expected JSON, found {name}, which is no JSON number", field="data")


def _validate(model: type[Model], values: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate_json(json.dumps(values), strict=True)
    except RecursionError:  # what could just be read may be too deep to be written again
        raise _too_deep() from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":  # what was just written: only its depth can be wrong
            raise _too_deep() from None
        where = ".".join(str(part) for part in first["loc"]) or None
        if first["type"] == "missing":
            raise Rejected(
                "missing-field", f"expected the field {where}, found none; add it", field=where
            ) from None
        if first["type"] == "extra_forbidden":
            raise Rejected("unknown-field", f"expected no field {where}; remove it", field=where) from None
        code = "bad-date" if first["type"].startswith(("datetime", "timezone", "date")) else "bad-field"
        found = _shown(first["input"])
        raise Rejected(code, f"{where}: expected {expected(first)}, found {found}", field=where) from None


def _too_deep() -> Rejected:
    return Rejected("bad-json", "expected flat JSON, found it nested too deeply", field="data")


def _shown(value: Any) -> str:
    try:
        return json.dumps(value, default=str)[:64]
    except RecursionError:
        return "something nested too deeply"


def _some(names: Mapping[str, Any]) -> str:
    return ", ".join(sorted(names)[:3])


def _unknown(what: str, name: str, known: Any) -> str:
    near = difflib.get_close_matches(name[:64], list(known), n=1, cutoff=0.5)
    known_names = ", ".join(sorted(known))
    hint = f"did you mean {near[0]}?" if near else f"known are {known_names}"
    return f"unknown {what} {name[:64]!r}; {hint}"
