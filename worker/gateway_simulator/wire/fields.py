"""The single fields of messages, and when they are on the wire.

`only()` marks a field that is there from or until a server version, or only when an earlier field of the
message has a certain value.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Protocol, TypeVar

from gateway_simulator.wire import values

OLDEST, NEWEST = 157, 178
"""The server versions that are spoken here."""

T = TypeVar("T")
Source = Iterator[str]
Write = Callable[[Any, list[str]], None]
Read = Callable[[Source], Any]


class Kind(Protocol):
    """How a value is appended to a message's fields, and taken from them."""

    def write(self, version: int) -> Write: ...
    def read(self, version: int) -> Read: ...


@dataclass(frozen=True, slots=True)
class Scalar:
    """One wire field."""

    text: Callable[[Any], str]
    value: Callable[[str], Any]

    def write(self, version: int) -> Write:  # noqa: ARG002 - the same in each version
        text = self.text
        return lambda value, out: out.append(text(value))

    def read(self, version: int) -> Read:  # noqa: ARG002
        value = self.value
        return lambda source: value(next(source))


TEXT = Scalar(str, str)
NUMBER = Scalar(values.write_number, values.read_number)

Text = Annotated[str, TEXT]
Escaped = Annotated[str, Scalar(values.write_escaped, values.read_escaped)]
Int = Annotated[int, Scalar(str, values.read_int)]
OptionalInt = Annotated[int | None, Scalar(values.write_optional_int, values.read_optional_int)]
Number = Annotated[Decimal, NUMBER]
OptionalNumber = Annotated[Decimal | None, Scalar(values.write_optional_number, values.read_optional_number)]
UnsetNumber = Annotated[Decimal | None, Scalar(values.write_unset_number, values.read_optional_number)]
Flag = Annotated[bool, Scalar(values.write_flag, values.read_flag)]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Presence:
    """When a field is on the wire."""

    since: int = OLDEST
    until: int = NEWEST
    when: Callable[[Any], object] | None = None
    """Asked about the message (while it is read: about the fields before this one)."""


ALWAYS = Presence()


def only(
    default: T, *, since: int = OLDEST, until: int = NEWEST, when: Callable[[Any], object] | None = None
) -> T:
    """A dataclass field that is on the wire only then; elsewhere it keeps its default."""
    return field(default=default, metadata={"presence": Presence(since, until, when)})
