"""Builders of push deliveries."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any

from trader.domain.wire import write_time
from trader.runs.decoding import Delivery

_ids = count(1)


def push_body(
    body: Mapping[str, Any] | bytes | str,
    *,
    attributes: Mapping[str, str] | None = None,
    message_id: str | None = None,
    published_at: datetime,
    attempt: int | None = 1,
) -> dict[str, Any]:
    """Return a wrapped push body; ``body`` as text is taken as the data field, base64 or not."""
    data = body if isinstance(body, str) else base64.b64encode(_bytes(body)).decode()
    message = {
        "data": data,
        "attributes": dict(attributes or {}),
        "messageId": message_id or f"{next(_ids):016d}",
        "publishTime": write_time(published_at),
    }
    envelope: dict[str, Any] = {"message": message, "subscription": "projects/local/subscriptions/worker"}
    return envelope if attempt is None else {**envelope, "deliveryAttempt": attempt}


def delivery(body: Mapping[str, Any] | bytes | str, **given: Any) -> Delivery:
    """Return the delivery of ``body``; the keywords are those of push_body."""
    return Delivery.model_validate(push_body(body, **given))


def _bytes(body: Mapping[str, Any] | bytes) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()
