"""Whether a subscription gives up when the worker expects it to, and what it gives up is kept."""

from collections.abc import Iterator

from trader.doctor.facts import DeadLetters, Unknown
from trader.doctor.report import Line, danger, ok, unchecked
from trader.settings import DELIVERY_ATTEMPTS


def check_dead_letters(name: str, found: DeadLetters | None) -> Iterator[Line]:
    """Hold what becomes of messages that nobody acknowledges against what `trader replay` needs."""
    if found is None or not found.is_there:
        yield danger(
            "dead-letter-missing",
            f"a dead-letter policy of {name}, with a topic that is there",
            "none" if found is None else f"{found.topic}, which is gone",
            "give it one: what is never acknowledged is else lost without a word after the topic's retention",
        )
        return
    lines = [*_attempts(name, found), *_readers(found), *_permissions(name, found)]
    yield from lines or [ok("dead-letters", f"{found.topic}, after {found.attempts} deliveries")]


def _attempts(name: str, found: DeadLetters) -> Iterator[Line]:
    if found.attempts != DELIVERY_ATTEMPTS:
        yield danger(
            "delivery-attempts",
            f"{name} to give up after {DELIVERY_ATTEMPTS} deliveries, the last of which ends the run",
            str(found.attempts),
            f"gcloud pubsub subscriptions update {name} --max-delivery-attempts={DELIVERY_ATTEMPTS}",
        )


def _readers(found: DeadLetters) -> Iterator[Line]:
    if isinstance(found.is_read, Unknown):
        yield unchecked("dead-letters-unread", found.is_read.reason)
    elif not found.is_read:
        yield danger(
            "dead-letters-unread",
            f"a subscription of {found.topic}",
            "none",
            "make one: without it a dead letter is thrown away, and `trader replay` finds nothing",
        )


def _permissions(name: str, found: DeadLetters) -> Iterator[Line]:
    granted = found.permissions
    if isinstance(granted, Unknown):
        yield unchecked("dead-letter-permissions", granted.reason)
        return
    lacking = [
        what
        for is_granted, what in (
            (granted.may_publish, f"publisher on {found.topic}"),
            (granted.may_acknowledge, f"subscriber on {name}"),
        )
        if not is_granted
    ]
    if lacking:
        yield danger(
            "dead-letter-permissions",
            f"Pub/Sub's service agent to be {' and '.join(lacking)}",
            "no such grant there (one for the whole project isn't seen here)",
            "grant it: else messages come again for ever, and are lost at the end of their retention",
        )
