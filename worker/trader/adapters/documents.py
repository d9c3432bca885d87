"""What every store holds documents to: paths, size, and the fields that queries may ask for."""

import json
from collections.abc import Sequence

from pydantic import JsonValue

from trader.domain.errors import Failed, TooLarge
from trader.domain.wire import JsonObject, compact
from trader.ports import Create, Delete, Update, Write

INDEXED_FIELDS = ("state", "order", "day")
"""The top-level fields that a query may ask for.

A new one also needs a higher version of SQLite's schema, and its line in ``infra/firestore.indexes.json``.
"""

MAX_DOCUMENT_BYTES = 1024 * 1024 - 1024
"""Firestore's limit less room for what its adapter adds; held to everywhere, so that it shows on a laptop."""


def split(path: str) -> tuple[str, str]:
    """Return the collection and the id of a document's path; ValueError for a path that is none."""
    segments = path.split("/")
    if len(segments) % 2 or not all(segments):
        raise ValueError(f"expected collection and id in turn, none of them empty, found {path!r}")
    return "/".join(segments[:-1]), segments[-1]


def check_batch(writes: Sequence[Write]) -> list[str | None]:
    """Return what is to be written of each as JSON, None for what is deleted.

    Raises ValueError for a path that is none or stands twice and for data that is no JSON, Failed
    ``document-too-large``.
    """
    if len({split(write.path) for write in writes}) < len(writes):
        raise ValueError("expected each document once in a batch, found one twice; write its last state")
    return [None if isinstance(write, Delete) else _checked(write) for write in writes]


def _checked(write: Create | Update) -> str:
    text = compact(write.data)
    # Nothing counts for more than 16 times its JSON (an empty object: 32), which most are far below.
    if 16 * (len(write.path) + 1 + len(text)) >= MAX_DOCUMENT_BYTES:
        size = size_of(write.path, write.data)
        if size > MAX_DOCUMENT_BYTES:
            raise too_large(write.path, str(size))
    return text


def too_large(path: str, found: str) -> TooLarge:
    """Return the error of a document that is larger than ``MAX_DOCUMENT_BYTES``."""
    said = f"{path}: expected at most {MAX_DOCUMENT_BYTES} bytes, found {found}; split what it holds"
    return TooLarge(path, said)


def damaged(path: str, found: str) -> Failed:
    """Return the error of a document that someone has damaged."""
    return Failed("document-damaged", f"{path}: expected a JSON object, {found}; mend or delete it by hand")


def check_indexed(name: str) -> None:
    """Raise ValueError unless a query may ask for the field ``name``."""
    if name not in INDEXED_FIELDS:
        raise ValueError(
            f"expected a field with an index ({', '.join(INDEXED_FIELDS)}), found {name!r}; "
            "declare it in the store"
        )


def size_of(path: str, data: JsonObject) -> int:
    """Return a document's size in bytes as Firestore counts it.

    Source: its page "Storage size calculations".
    """
    return sum(_text(segment) for segment in path.split("/")) + 16 + _size(data)


def _size(value: JsonValue) -> int:
    match value:
        case None | bool():
            return 1
        case str():
            return _text(value)
        case int() | float():
            return 8 if not isinstance(value, int) or -(2**63) <= value < 2**63 else len(json.dumps(value))
        case list():
            return sum(_size(item) for item in value)
        case _:
            return 32 + sum(_text(name) + _size(item) for name, item in value.items())


def _text(text: str) -> int:
    return len(text.encode()) + 1
