"""What is written outside this process: frozen models, camelCase on the wire, unknown fields refused."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetPydanticSchema,
    JsonValue,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, to_json

JsonObject = dict[str, JsonValue]
"""A JSON object: what the store keeps and the topics carry."""


StoredJson = Annotated[
    JsonObject,
    GetPydanticSchema(lambda _, schema: schema(dict[str, Any])),
    PlainSerializer(lambda found: found, return_type=dict[str, Any]),
]
"""A JSON object inside a model, of our own making or read as JSON: taken and written as it is.

Of a ``JsonObject`` pydantic asks for each value in it which kind it is, which takes longer than the rest.
"""

RFC_3339 = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"
"""A time with its offset; also what the schemas say, as few validators look at a format by themselves."""


def _read_time(value: object) -> object:
    # Left to itself, pydantic takes "1795000000" for a time too, and a time without seconds.
    if isinstance(value, str) and re.fullmatch(RFC_3339, value):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value
    raise PydanticCustomError("datetime_rfc3339", "a time with its offset, such as 2026-11-23T14:30:00Z")


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_range", "a time between the years 1 and 9999 in UTC") from None


def write_time(at: datetime) -> str:
    """Return ``at`` as ``2026-11-23T14:30:00.000000Z``: one width, so that text sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def write_decimal(value: Decimal) -> str:
    """Return ``value`` without an exponent: ``Decimal("1E+2")`` is written ``100``."""
    return format(value, "f")


Time = Annotated[
    AwareDatetime,
    BeforeValidator(_read_time),
    AfterValidator(_in_utc),
    PlainSerializer(write_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": RFC_3339}),
]
"""An aware time, in UTC."""

Amount = Annotated[
    Decimal,
    PlainSerializer(write_decimal, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^-?[0-9]+([.][0-9]+)?$"}, mode="serialization"),
]
"""A decimal number, written as a string: floats lose cents."""


class Wire(BaseModel):
    """A frozen value that is read from or written to a topic, the store or a file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        json_schema_serialization_defaults_required=True,  # to_json writes every field
        defer_build=True,  # most of a hundred models are not needed before a message comes
    )

    def to_json(self) -> JsonObject:
        """Return the JSON object with the wire's names."""
        return self.model_dump(mode="json", by_alias=True)


def compact(value: Mapping[str, JsonValue]) -> str:
    """Return ``value`` as JSON without spaces; ValueError for what has none there, such as NaN."""
    with suppress(ValueError):
        text = to_json(value, inf_nan_mode="constants").decode()  # three times as fast
        if "NaN" not in text and "Infinity" not in text:  # as a number, or within a text
            return text
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def canonical(value: Mapping[str, JsonValue]) -> bytes:
    """Return the one spelling of ``value`` that equal objects share: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(value: Mapping[str, JsonValue]) -> str:
    """Return a SHA-256 in hex of ``value``; equal objects have equal digests."""
    return sha256(canonical(value)).hexdigest()
