"""What is written outside this process: frozen models, camelCase on the wire, unknown fields refused."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, PlainSerializer
from pydantic.alias_generators import to_camel

JsonObject = dict[str, JsonValue]
"""A JSON object: what the store keeps and the topics carry."""


def write_time(at: datetime) -> str:
    """Return ``at`` as ``2026-11-23T14:30:00.000000Z``: one width, so that text sorts as time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def write_decimal(value: Decimal) -> str:
    """Return ``value`` without an exponent: ``Decimal("1E+2")`` is written ``100``."""
    return format(value, "f")


Time = Annotated[AwareDatetime, PlainSerializer(write_time, return_type=str)]
"""An aware time, written in UTC."""

Amount = Annotated[Decimal, PlainSerializer(write_decimal, return_type=str)]
"""A decimal number, written as a string: floats lose cents."""


class Wire(BaseModel):
    """A frozen value that is read from or written to a topic, the store or a file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    def to_json(self) -> JsonObject:
        """Return the JSON object with the wire's names."""
        return self.model_dump(mode="json", by_alias=True)


def canonical(value: Mapping[str, JsonValue]) -> bytes:
    """Return the one spelling of ``value`` that equal objects share: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(value: Mapping[str, JsonValue]) -> str:
    """Return a SHA-256 in hex of ``value``; equal objects have equal digests."""
    return sha256(canonical(value)).hexdigest()
