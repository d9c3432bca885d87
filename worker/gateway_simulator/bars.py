"""Where the bars of a request begin and end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, islice, takewhile

from gateway_simulator.calendars import (
    Calendar,
    Segment,
    contiguous,
    days_back,
    regular_segments,
    segments,
)
from gateway_simulator.durations import BarSize, Duration, HistoryError

_DAY = timedelta(days=1)
_MOST_SMALL_BARS = 5000  # IB's own limit for bars below a minute differs by size; this is of its order


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a bar is: [start, end) in UTC seconds, of this trading day, within these stretches."""

    start: int
    end: int
    day: date
    segments: tuple[Segment, ...]


def slots(
    calendar: Calendar, end: datetime, duration: Duration, size: BarSize, *, regular: bool
) -> Sequence[Slot]:
    """The bars of a request in the order of time; the last may reach beyond its end."""
    pick = regular_segments if regular else segments
    first_day, first = _beginning(calendar, end, duration, regular=regular)
    first_day = _whole(first_day, size.span)
    back = takewhile(lambda day: day >= first_day, days_back(calendar, end, regular=regular))
    days = {day: pick(calendar, day) for day in reversed(list(back))}
    if size.span:
        grouped = groupby(days, key=lambda day: _whole(day, size.span))
        return [_joined([days[day] for day in group]) for _, group in grouped]
    found = [
        slot
        for day, stretches in days.items()
        for slot in _cut(calendar, day, stretches, size.seconds)
        if first < slot.end and slot.start < end.timestamp()
    ]
    if size.seconds < 60 and len(found) > _MOST_SMALL_BARS:
        raise HistoryError(162, "Historical Market Data Service error message:Time length exceed max.")
    return found


def _beginning(calendar: Calendar, end: datetime, duration: Duration, *, regular: bool) -> tuple[date, int]:
    """The first trading day of a request; for one in seconds, which count trading time, also the second."""
    if duration.unit == "D":
        return next(islice(days_back(calendar, end, regular=regular), duration.count - 1, None)), 0
    pick, left = regular_segments if regular else segments, duration.count
    if duration.unit != "S":
        first = duration.before(end.astimezone(calendar.zone).date()) + _DAY
        while not pick(calendar, first):
            first += _DAY
        return first, 0
    for day in days_back(calendar, end, regular=regular):
        for segment in reversed(pick(calendar, day)):
            stop = min(segment.end, int(end.timestamp()))
            if stop - segment.start >= left:
                return day, stop - left
            left -= max(0, stop - segment.start)
    raise AssertionError("days_back has no end")


def _whole(day: date, span: str) -> date:
    """The first day of the week or month that a day is in: their bars are always whole."""
    if span == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if span == "month" else day


def _joined(days: Sequence[tuple[Segment, ...]]) -> Slot:
    """The bar of a day, a week or a month; IB dates it by its last day."""
    stretches = tuple(segment for day in days for segment in day)
    return Slot(stretches[0].start, stretches[-1].end, stretches[-1].day, stretches)


def _cut(calendar: Calendar, day: date, stretches: tuple[Segment, ...], size: int) -> Iterator[Slot]:
    """A day's bars, aligned to its local midnight; the first begins with the session: 09:30, then 10:00."""
    midnight = int(datetime.combine(day, datetime.min.time(), calendar.zone).timestamp())
    for group in contiguous(stretches):
        opening, closing = group[0].start, group[-1].end
        for start in range(opening - (opening - midnight) % size, closing, size):
            yield Slot(max(start, opening), min(start + size, closing), day, group)
