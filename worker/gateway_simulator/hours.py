"""Trading hours of a contract: whether it is open, and the strings IB sends."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from gateway_simulator.calendars import (
    CALENDARS,
    Calendar,
    Segment,
    contiguous,
    next_segment,
    regular_segments,
    segment_at,
    segments,
)
from gateway_simulator.contracts import Contract


def trading_hours(contract: Contract, day_from: date, days: int) -> str:
    """IB's tradingHours, in the contract's time zone: `20261123:0400-20261123:2000;20261128:CLOSED`."""
    return _text(CALENDARS[contract.calendar], segments, day_from, days)


def liquid_hours(contract: Contract, day_from: date, days: int) -> str:
    """IB's liquidHours: the regular sessions alone."""
    return _text(CALENDARS[contract.calendar], regular_segments, day_from, days)


def is_open(contract: Contract, at: datetime, *, regular: bool = True) -> bool:
    """Whether it trades at that instant, in its regular hours or in any."""
    segment = segment_at(CALENDARS[contract.calendar], at)
    return segment is not None and (segment.regular or not regular)


def next_open(contract: Contract, at: datetime, *, regular: bool = True) -> datetime:
    """When its next session begins; `at` itself while one is on."""
    return max(at, _instant(next_segment(CALENDARS[contract.calendar], at, regular=regular).start))


def session_close(contract: Contract, at: datetime, *, regular: bool = True) -> datetime | None:
    """When the trading day that is on ends, lunch breaks skipped; None while the contract is closed."""
    if not is_open(contract, at, regular=regular):
        return None
    calendar = CALENDARS[contract.calendar]
    day = next_segment(calendar, at, regular=regular).day
    return _instant((regular_segments if regular else segments)(calendar, day)[-1].end)


def trading_day(contract: Contract, at: datetime) -> date:
    """The trading day that is on, or else the next: Monday for forex on a Sunday evening."""
    return next_segment(CALENDARS[contract.calendar], at, regular=False).day


Pick = Callable[[Calendar, date], tuple[Segment, ...]]


@lru_cache(maxsize=64)  # a chain has thousands of contracts with the same hours
def _text(calendar: Calendar, pick: Pick, day_from: date, days: int) -> str:
    return ";".join(_written(calendar, pick, day_from, days))


def _written(calendar: Calendar, pick: Pick, day_from: date, days: int) -> Iterator[str]:
    for ahead in range(days):
        day = day_from + timedelta(days=ahead)
        stretches = pick(calendar, day)
        for group in contiguous(stretches) if stretches else ():
            yield f"{_local(calendar, group[0].start)}-{_local(calendar, group[-1].end)}"
        # IB lists no Sunday for a market whose Monday begins on Sunday evening.
        if not stretches and not (calendar.overnight and day.weekday() == 6):
            yield f"{day:%Y%m%d}:CLOSED"


def _local(calendar: Calendar, second: int) -> str:
    return f"{_instant(second).astimezone(calendar.zone):%Y%m%d:%H%M}"


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
