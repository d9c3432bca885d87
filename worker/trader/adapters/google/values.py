"""JSON in Firestore's own values and back, unchanged; names come back sorted, since Firestore keeps no order.

What Firestore has no form for (a list in a list, a field without a name, an integer of more than 64 bits,
what lies too deep) is kept as JSON in a bytes value, which JSON itself never needs.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from google.cloud.firestore_v1.types import Document as DocumentMessage
from pydantic import JsonValue

from trader.domain.wire import JsonObject

DEEPEST = 18
"""Firestore allows 20 levels of maps and arrays."""
OWN = ("_expiresAt", "_written")
"""The adapter's own fields, which no document may have."""

_RESERVED = re.compile(r"__.*__", re.DOTALL)


def encode(name: str, data: JsonObject, *, written: str, expires_at: datetime | None) -> Any:
    """Return the message of the document ``name``: each write has its mark, so that none changes nothing.

    Firestore leaves a document's version as it is when a write changes nothing.
    """
    message = DocumentMessage.pb(DocumentMessage())
    message.name = name
    for field, value in data.items():
        if field in OWN or not _can_be_a_name(field):
            raise ValueError(f"expected a field that the store can hold, found {field!r}; rename it")
        _put(message.fields[field], value, 1)
    message.fields["_written"].string_value = written
    if expires_at is not None:
        message.fields["_expiresAt"].timestamp_value.FromDatetime(expires_at)
    return message


def decode(fields: Mapping[str, Any]) -> JsonObject:
    """Return a document's data; ValueError for a value that JSON has no form for."""
    return {name: _take(fields[name]) for name in sorted(fields) if name not in OWN}


def _put(target: Any, value: JsonValue, depth: int) -> None:
    match value:
        case None:
            target.null_value = 0
        case bool():
            target.boolean_value = value
        case str():
            target.string_value = value
        case float():
            target.double_value = value
        case int() if -(2**63) <= value < 2**63:
            target.integer_value = value
        case list() if depth < DEEPEST and not any(isinstance(item, list) for item in value):
            target.array_value.SetInParent()
            for item in value:
                _put(target.array_value.values.add(), item, depth + 1)
        case dict() if depth < DEEPEST and all(map(_can_be_a_name, value)):
            target.map_value.SetInParent()
            for name, item in value.items():
                _put(target.map_value.fields[name], item, depth + 1)
        case _:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            target.bytes_value = text.encode()


def _can_be_a_name(name: str) -> bool:
    return 0 < len(name.encode()) <= 1500 and not _RESERVED.fullmatch(name)


_PLAIN: Mapping[str, Callable[[Any], JsonValue]] = {
    "null_value": lambda _: None,
    "boolean_value": bool,
    "string_value": str,
    "double_value": float,
    "integer_value": int,
    "bytes_value": json.loads,
    "array_value": lambda array: [_take(item) for item in array.values],
    "map_value": lambda found: {name: _take(found.fields[name]) for name in sorted(found.fields)},
}


def _take(value: Any) -> JsonValue:
    kind = value.WhichOneof("value_type")
    if kind not in _PLAIN:
        raise ValueError(f"found a {str(kind).removesuffix('_value')}, for which JSON has no form")
    return _PLAIN[kind](getattr(value, kind))
