"""Holds the schedules against the results in the store: it catches silence, which no error reports."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field, ValidationError

from trader.domain.due import Due, Finding, Link, RunEnd, due_between, findings
from trader.domain.errors import Failed
from trader.domain.hours import Hours
from trader.domain.run_key import document_id
from trader.domain.schedules import Applied
from trader.domain.wire import Time, Wire
from trader.ports import Calendars, Store
from trader.stored.schedules import applied_schedules

_DAY = timedelta(days=1)


class Expectations(Wire):
    """What was due in a window of time, and what of it isn't as it should be."""

    since: Time
    until: Time
    expected: int = Field(description="Ticks whose results became due within the window.")
    off: int = Field(description="Ticks that nobody misses, such as those on an exchange's holidays.")
    findings: tuple[Finding, ...]


async def expectations(
    store: Store, calendars: Calendars, account: str, since: datetime, until: datetime
) -> Expectations:
    """Return what became due for ``account`` after ``since`` and up to ``until``, and what is wrong with it.

    Raises Rejected ``schedules-missing`` and ``unknown-exchange``.
    """
    applied = await applied_schedules(store)
    hours = await _hours(applied, account, calendars, since, until)
    due = due_between(applied, account, hours, since, until)
    found = [finding for one in due for finding in findings(one, await _chain(store, account, one))]
    expected = sum(one.expected for one in due)
    return Expectations(
        since=since, until=until, expected=expected, off=len(due) - expected, findings=tuple(found)
    )


async def _hours(
    applied: Applied, account: str, calendars: Calendars, since: datetime, until: datetime
) -> dict[str, Hours]:
    schedules = [period.schedule for period in applied.periods if period.schedule.is_for(account)]
    # Two days before: a grace is up to one long, and the exchange's date may be another than ours.
    first, last = (since - 2 * _DAY).date(), (until + _DAY).date()
    exchanges = sorted({schedule.exchange for schedule in schedules if schedule.exchange})
    return {exchange: await calendars.hours(exchange, first, last) for exchange in exchanges}


async def _chain(store: Store, account: str, due: Due) -> Sequence[Link]:
    """Return the runs of a tick: its own, and each that the one before has started."""
    chain: list[Link] = []
    key: str | None = due.key
    while key is not None:
        link = await _link(store, account, key)
        chain.append(link)
        key = link.end.follow_up.key if link.end and link.end.follow_up else None
    return chain


async def _link(store: Store, account: str, key: str) -> Link:
    path = f"accounts/{account}/runs/{document_id(key)}"
    try:
        document = await store.get(path)
        return Link(key, RunEnd.model_validate(document.data) if document else None)
    except (Failed, ValidationError):
        return Link(key, None, f"expected a run document at {path}, found it damaged; see it by hand")
