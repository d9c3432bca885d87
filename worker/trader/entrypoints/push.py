"""Whatever shape a delivery comes in, the function behind sees the CloudEvent that Eventarc would send."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trader.runs.decoding import Delivery

PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
LARGEST_REQUEST = 16 * 1024 * 1024
"""Above Pub/Sub's own limit of 10 MB, in base64: what is larger was not sent by it."""

_METADATA = "x-goog-pubsub-"
# HTTP has no capitals in a header's name, attributes do.
_SPELLING = {"timezone": "timeZone"}
_ROUTING = ("account", "schedule", "cron", "timezone", "traceparent")


class NotAnEnvelope(Exception):
    """A request that no topic would send: one line for a person."""


class PushEnvelope:
    """ASGI middleware: turns each shape of delivery into one, and answers 204 where the function says 200.

    The shapes: a wrapped push body, an Eventarc CloudEvent (binary or structured), and an unwrapped push,
    whose headers carry the message's attributes. Anything else is 400 with a problem description.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await _problem(405, "expected POST; intents are pushed here by a topic")(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            await _problem(413, f"expected at most {LARGEST_REQUEST} bytes")(scope, receive, send)
            return
        try:
            wrapped, event = unwrap(Headers(scope=scope), body)
            delivery = Delivery.model_validate(wrapped)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            await _problem(400, f"expected a Pub/Sub push envelope; {where}: {first['msg']}")(
                scope, receive, send
            )
            return
        except NotAnEnvelope as error:
            await _problem(400, str(error))(scope, receive, send)
            return
        headers = MutableHeaders(
            {
                "ce-specversion": "1.0",
                "ce-type": PUBLISHED,
                "ce-source": _source(delivery.subscription),
                "ce-id": _printable(delivery.message.message_id),
                "content-type": "application/json",
                "content-length": str(len(event)),
            }
        )
        await self._app({**scope, "headers": headers.raw}, _body(event), _no_content(send))


def unwrap(headers: Headers, body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the wrapped push body that a request holds or amounts to, and its JSON; raises NotAnEnvelope."""
    if headers.get("content-type", "").startswith("application/cloudevents+json"):
        event = _object(body)
        if event.get("type") == PUBLISHED and isinstance(event.get("data"), dict):
            return _written(event["data"])
        raise NotAnEnvelope(f"expected a CloudEvent of type {PUBLISHED}, found {str(event.get('type'))[:64]}")
    is_event = "ce-id" in headers or f"{_METADATA}message-id" in headers
    if is_event and headers.get("ce-type") != PUBLISHED:
        return _written(_from_headers(headers, body))
    return _object(body), body


def _written(wrapped: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    return wrapped, json.dumps(wrapped).encode()


def _from_headers(headers: Headers, body: bytes) -> dict[str, Any]:
    attributes = {
        _SPELLING.get(name, name): value
        for name, value in headers.items()
        if name.startswith("ce-") or name in _ROUTING
    }
    attempt = headers.get(f"{_METADATA}delivery-attempt", "")
    return {
        "message": {
            "messageId": headers.get(f"{_METADATA}message-id") or headers.get("ce-id"),
            "publishTime": headers.get(f"{_METADATA}publish-time") or headers.get("ce-time"),
            "attributes": attributes,
            "data": base64.b64encode(body).decode(),
        },
        "subscription": headers.get(f"{_METADATA}subscription-name", ""),
        **({"deliveryAttempt": int(attempt)} if re.fullmatch("[0-9]{1,9}", attempt) else {}),
    }


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.decode())
        if b"\\u" in body:  # it may name half a character, which parses, but can't be written again
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NotAnEnvelope("expected a Pub/Sub push envelope in JSON, found no JSON") from None
    if not isinstance(found, dict):
        raise NotAnEnvelope(f"expected a Pub/Sub push envelope, found a JSON {type(found).__name__}")
    return found


def _source(subscription: str) -> str:
    parts = subscription.split("/")
    project = parts[1] if len(parts) == 4 else "local"
    return _printable(f"//pubsub.googleapis.com/projects/{project}/topics/intents")


def _printable(text: str) -> str:
    return text.encode("ascii", "replace").decode().translate(dict.fromkeys(range(32), "?"))


async def _read(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_REQUEST:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _body(event: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": event, "more_body": False}

    return receive


def _no_content(send: Send) -> Send:
    # The framework answers 200 and "OK" whatever the function returns; the contract says 204.
    acknowledged = False

    async def answer(message: Mapping[str, Any]) -> None:
        nonlocal acknowledged
        if message["type"] == "http.response.start" and message["status"] == 200:
            acknowledged = True
            message = {"type": "http.response.start", "status": 204, "headers": []}
        elif message["type"] == "http.response.body" and acknowledged:
            message = {"type": "http.response.body", "body": b""}
        await send(dict(message))

    return answer


def _problem(status: int, detail: str) -> JSONResponse:
    titles = {400: "Not a push envelope", 405: "Method not allowed", 413: "Too large"}
    return JSONResponse(
        {"type": "about:blank", "title": titles[status], "status": status, "detail": detail},
        status_code=status,
        media_type="application/problem+json",
    )
