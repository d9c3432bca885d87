"""An intent message as the command line puts it together, and checks it as the worker would."""

import base64
import json
from collections.abc import Mapping, Sequence
from uuid import uuid4

from pydantic import JsonValue

from trader.domain.events import INTENT_TYPE
from trader.domain.wire import JsonObject, write_time
from trader.entrypoints.cli.errors import WrongUse
from trader.ports import OutgoingMessage, Topic

SOURCE = "trader"
"""The CloudEvents source of what a person publishes with this command."""


def body_of(intent: str, given: Mapping[str, JsonValue], fields: Sequence[str]) -> JsonObject:
    """Return the message of ``intent`` with the ``fields`` KEY=JSON and what of ``given`` is not None."""
    body: JsonObject = {"intent": intent}
    for text in fields:
        name, equals, said = text.partition("=")
        if not equals or not name:
            raise WrongUse(f"expected --set KEY=JSON such as symbol=SPY, found {text!r}")
        _put(body, name, _json_or_text(said))
    for name, value in given.items():
        if value is not None:
            _put(body, name, value)
    return body


def _put(body: JsonObject, name: str, value: JsonValue) -> None:
    if name in body:
        raise WrongUse(f"expected the field {name} once, found it twice; leave one out")
    body[name] = value


def _json_or_text(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def json_of(option: str, text: str) -> JsonValue:
    """Return the JSON that was given with ``option``; raises WrongUse."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongUse(
            f"expected JSON after {option}, found {text[:60]!r} ({error}); check the quotes"
        ) from None
    return value


def checked(body: JsonObject) -> str | None:
    """Return the run key of a message that the worker will understand, None if that is the message's own.

    Raises Rejected, as the worker would.
    """
    from trader.adapters.clock import SystemClock
    from trader.discovery import find_intents
    from trader.runs.decoding import Delivery, decode

    named = body.get("account")
    now = write_time(SystemClock().now())
    message = {"messageId": "0", "publishTime": now, "data": base64.b64encode(encoded(body)).decode()}
    delivery = Delivery.model_validate({"message": message})
    request = decode(delivery, find_intents(), named if isinstance(named, str) else "unnamed")
    return request.key.text if request.message.id else None


def identified(body: JsonObject) -> OutgoingMessage:
    """Return the message of ``body`` with an identity of its own; raises WrongUse.

    A publication whose reply was lost is made again, and the topic gives each copy an id: by this one, both
    are one run.
    """
    attributes = {
        "ce-specversion": "1.0",
        "ce-id": uuid4().hex,
        "ce-source": SOURCE,
        "ce-type": INTENT_TYPE,
        "content-type": "application/json",
    }
    return OutgoingMessage(Topic.INTENTS, encoded(body), attributes)


def encoded(body: JsonObject) -> bytes:
    """Return ``body`` as a message's data; raises WrongUse for what no UTF-8 can write."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise WrongUse(
            "expected text in UTF-8, found bytes that are not; check the terminal's encoding"
        ) from None
