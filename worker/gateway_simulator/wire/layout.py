"""A message is a frozen dataclass whose annotations say how each field goes on the wire, in order.

The same table encodes and decodes; it is compiled once for each server version. `Group`, `Maybe`, `Many` and
`Tagged` nest other tables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar, cast, get_args, get_type_hints

from gateway_simulator.wire import values
from gateway_simulator.wire.errors import ProtocolError
from gateway_simulator.wire.fields import ALWAYS, NEWEST, Kind, Presence, Read, Scalar, Source, Write


@dataclass(frozen=True, slots=True)
class Group:
    """Another table's fields, in place."""

    table: type

    def write(self, version: int) -> Write:
        return _compile(self.table, version).write

    def read(self, version: int) -> Read:
        return _compile(self.table, version).read


@dataclass(frozen=True, slots=True)
class Maybe:
    """A flag, then the table's fields if it is set."""

    table: type

    def write(self, version: int) -> Write:
        inner = _compile(self.table, version).write

        def write(value: object, out: list[str]) -> None:
            out.append("0" if value is None else "1")
            if value is not None:
                inner(value, out)

        return write

    def read(self, version: int) -> Read:
        inner = _compile(self.table, version).read
        return lambda source: inner(source) if values.read_flag(next(source)) else None


@dataclass(frozen=True, slots=True)
class Many:
    """A count, then so many of the items."""

    item: Kind

    def write(self, version: int) -> Write:
        inner = self.item.write(version)

        def write(items: tuple[object, ...], out: list[str]) -> None:
            out.append(str(len(items)))
            for item in items:
                inner(item, out)

        return write

    def read(self, version: int) -> Read:
        inner = self.item.read(version)

        def read(source: Source) -> tuple[object, ...]:
            return tuple([inner(source) for _ in range(values.read_int(next(source)))])

        return read


@dataclass(frozen=True, slots=True)
class Tagged:
    """A number that says which of several tables follows."""

    tables: Mapping[int, type]

    def write(self, version: int) -> Write:
        writers = {table: (str(tag), _compile(table, version).write) for tag, table in self.tables.items()}

        def write(value: object, out: list[str]) -> None:
            tag, inner = writers[type(value)]
            out.append(tag)
            inner(value, out)

        return write

    def read(self, version: int) -> Read:
        readers = {str(tag): _compile(table, version).read for tag, table in self.tables.items()}

        def read(source: Source) -> object:
            tag = next(source)
            if tag not in readers:
                raise ProtocolError(f"expected one of {', '.join(readers)}, found {tag!r}")
            return readers[tag](source)

        return read


class Message:
    """A table with a code of its own; some carry a constant revision after it, up to a server version."""

    __slots__ = ()
    code: ClassVar[int]
    revision: ClassVar[int | None] = None
    revision_until: ClassVar[int] = NEWEST


M = TypeVar("M", bound=Message)


def encode(message: Message, version: int) -> list[str]:
    """The fields of a message, its code first."""
    table = _compile(type(message), version)
    out = list(table.header)
    table.write(message, out)
    return out


def decode(cls: type[M], wire: list[str], version: int) -> M:
    """The message in these fields (its code first); more fields than are known are ignored, as IB does."""
    table = _compile(cls, version)
    source = iter(wire)
    try:
        for _ in table.header:
            next(source)
        return cast("M", table.read(source))
    except StopIteration:
        raise ProtocolError(f"{cls.__name__} ends after {len(wire)} fields, which is too early") from None


@dataclass(frozen=True, slots=True)
class Step:
    """One field of a compiled table."""

    name: str
    when: Callable[[Any], object] | None
    scalar: Scalar | None
    """Most fields are one; they are read and written here, without another call."""
    write: Write
    read: Read


@dataclass(frozen=True, slots=True)
class Table:
    """A dataclass's fields, compiled for one server version; a message's starts with its code."""

    cls: type
    header: tuple[str, ...]
    steps: tuple[Step, ...]
    values: Callable[[object], tuple[Any, ...]]

    def write(self, value: object, out: list[str]) -> None:
        for step, item in zip(self.steps, self.values(value), strict=True):
            if step.when is None or step.when(value):
                if step.scalar is not None:
                    out.append(step.scalar.text(item))
                else:
                    step.write(item, out)

    def read(self, source: Source) -> object:
        so_far = SimpleNamespace()
        found = so_far.__dict__
        for step in self.steps:
            if step.when is None or step.when(so_far):
                scalar = step.scalar
                found[step.name] = step.read(source) if scalar is None else scalar.value(next(source))
        return self.cls(**found)


_compiled: dict[tuple[type, int], Table] = {}


def _compile(cls: type, version: int) -> Table:
    table = _compiled.get((cls, version))
    if table is None:
        table = _compiled[cls, version] = _new_table(cls, version)
    return table


def _new_table(cls: type, version: int) -> Table:
    hints = get_type_hints(cls, include_extras=True)
    steps = []
    for item in fields(cls):
        presence: Presence = item.metadata.get("presence", ALWAYS)
        if presence.since <= version <= presence.until:
            kind: Kind = get_args(hints[item.name])[1]
            scalar = kind if isinstance(kind, Scalar) else None
            steps.append(Step(item.name, presence.when, scalar, kind.write(version), kind.read(version)))
    header = _header(cls, version) if issubclass(cls, Message) else ()
    return Table(cls, header, tuple(steps), _getter([step.name for step in steps]))


def _getter(names: list[str]) -> Callable[[object], tuple[Any, ...]]:
    """All the attributes as one tuple, in one call."""
    if not names:
        return lambda _: ()
    if len(names) == 1:
        one = attrgetter(names[0])
        return lambda value: (one(value),)
    return attrgetter(*names)


def _header(cls: type[Message], version: int) -> tuple[str, ...]:
    if cls.revision is None or version > cls.revision_until:
        return (str(cls.code),)
    return (str(cls.code), str(cls.revision))
