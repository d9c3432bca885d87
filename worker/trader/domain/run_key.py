"""The identity of a run: what makes two messages the same wish."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from pydantic import TypeAdapter, ValidationError

from trader.domain.errors import Rejected
from trader.domain.schedule import nearest_tick
from trader.domain.wire import Time, write_time

SOURCE_PREFIX = "//ib-intents/"
"""The CloudEvents source of this system's own events; the account follows."""

_CHAINED = re.compile(
    r"^(?P<root>(?:id|schedule|message)/.+)/(?P<kind>then|more)/(?P<n>[1-9]\d{0,3})$", re.DOTALL
)
_REPLAYED = re.compile(r"^(?P<key>(?:id|schedule|message)/.+)/replay/(?P<letter>[^/]+)$", re.DOTALL)
_LONGEST = 256
_TIME: TypeAdapter[datetime] = TypeAdapter(Time)
_SCHEDULE = ("schedule", "cron", "timeZone")


@dataclass(frozen=True, slots=True)
class RunKey:
    """A run's identity within its account, and the time that its age counts from."""

    text: str
    requested_at: datetime

    @property
    def document(self) -> str:
        """The id of the run's document: a hash, because the text may hold a slash."""
        return document_id(self.text)

    def follow_up(self, n: int) -> str:
        """Return the key of the ``n``-th intent of ``then``, counted along the whole chain from 1.

        A continuation goes on with its parent's chain: it is the last of the parent's runs that starts it.
        """
        chained = _CHAINED.match(self.text)
        if chained and chained["kind"] == "more":
            return RunKey(chained["root"], self.requested_at).follow_up(n)
        if chained:
            return f"{chained['root']}/then/{int(chained['n']) + n}"
        return f"{self.text}/then/{n}"

    def continuation(self) -> str:
        """Return the key of the run that does what this one has left undone, counted from 1."""
        chained = _CHAINED.match(self.text)
        if chained and chained["kind"] == "more":
            return f"{chained['root']}/more/{int(chained['n']) + 1}"
        return f"{self.text}/more/1"

    def again(self, replays: int) -> "RunKey":
        """Return the key that what follows this run is counted from, once it was replayed so often."""
        return replace(self, text=turn(self.text, replays))

    def replay(self, letter: str) -> str:
        """Return the id of the event that asks for this very run once more, because of a dead letter."""
        return f"{self.text}/replay/{letter}"


def turn(key: str, replays: int) -> str:
    """Return what names the doing of the run ``key`` that is under way: after a replay it is another one.

    What a run writes once, and what follows it, has its name from here: a second doing would else meet the
    documents of the first, and its follow-ups would be told again instead of being done.
    """
    return f"{key}/again/{replays}" if replays else key


def document_id(key: str) -> str:
    """Return the id of the document of the run ``key``."""
    return sha256(key.encode()).hexdigest()[:40]


def message_key(message_id: str, attributes: Mapping[str, str]) -> str:
    """Return the key that a message has of itself, whatever its body says.

    A CloudEvent's identity is its source and its id together; another message's is the topic's id for it.
    """
    ce_id, source = attributes.get("ce-id"), attributes.get("ce-source")
    if ce_id is None:
        return _bounded("message", message_id)
    return _bounded("message", f"{source}/{ce_id}" if source else ce_id)


def tick_key(job: str, tick: datetime) -> str:
    """Return the key of the run that the schedule ``job`` asks for at ``tick``."""
    return f"{_bounded('schedule', job)}/{write_time(tick)}"


def run_key(
    *,
    body_id: str | None,
    attributes: Mapping[str, str],
    message_id: str,
    published_at: datetime,
    account: str,
) -> RunKey:
    """Return the key of the run that a message asks for.

    1. the body's ``id``; 2. the tick of the schedule that published it; 3. the message's own id;
    4. for a message that this system published to itself (the next of ``then``, a continuation, a replay),
    the key that it was given. A follow-up's age counts from its parent's end, however often and late that is
    told. Raises Rejected for a schedule's attributes that can't be read.
    """
    ce_id = attributes.get("ce-id", "")
    if attributes.get("ce-source") == SOURCE_PREFIX + account:
        if replayed := _REPLAYED.match(ce_id):
            return RunKey(replayed["key"], published_at)
        if _CHAINED.match(ce_id):
            return RunKey(ce_id, min(published_at, _told_at(attributes, published_at)))
    if body_id is not None:
        return RunKey(f"id/{body_id}", published_at)
    tick = _tick(attributes, published_at)
    if tick is not None:
        return RunKey(tick_key(attributes["schedule"], tick), tick)
    return RunKey(message_key(message_id, attributes), published_at)


def _told_at(attributes: Mapping[str, str], published_at: datetime) -> datetime:
    """Return the time of a CloudEvent; that of its publication where it has none that can be read."""
    try:
        return _TIME.validate_python(attributes.get("ce-time"))
    except ValidationError:
        return published_at


def _tick(attributes: Mapping[str, str], published_at: datetime) -> datetime | None:
    given = [name for name in _SCHEDULE if attributes.get(name)]
    if not given:
        return None
    for name in _SCHEDULE:
        if name not in given:
            raise Rejected(
                "missing-attribute",
                f"expected the attributes schedule, cron and timeZone together, found {' and '.join(given)}; "
                f"add {name}",
                field=name,
            )
    return nearest_tick(attributes["cron"], attributes["timeZone"], published_at)


def _bounded(kind: str, text: str) -> str:
    # A key travels as a message attribute, and those are limited.
    if len(text.encode(errors="replace")) <= _LONGEST:
        return f"{kind}/{text}"
    return f"{kind}/sha256-{sha256(text.encode(errors='replace')).hexdigest()}"
