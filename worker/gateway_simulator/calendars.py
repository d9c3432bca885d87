"""Exchange calendars: which hours of which days a market trades."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count, pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from holidays import HolidayBase

_DAY = timedelta(days=1)
# No market here stays shut longer; a search that goes on past it has no answer.
_LONGEST_PAUSE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Hours:
    """A stretch of a trading day, in local time; one that ends before it starts begins the evening before.

    Midnight as the end is the one that the day ends with.
    """

    start: time
    end: time
    regular: bool = True

    @property
    def overnight(self) -> bool:
        """Whether it begins on the evening before."""
        return time() < self.end <= self.start


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """A market's week. All times are whole five minutes, which the price walks rely on."""

    name: str
    zone: ZoneInfo
    hours: tuple[Hours, ...]
    early: tuple[Hours, ...] = ()  # the hours of a half day
    holidays: str = ""  # the market's code in the `holidays` library
    closed_on: tuple[tuple[int, int], ...] = ()  # (month, day) of each year
    never_closes: bool = False

    @property
    def overnight(self) -> bool:
        """Whether a trading day begins on the evening before."""
        return self.hours[0].overnight

    @property
    def gapless(self) -> bool:
        """Whether a trading day begins where the one before ended."""
        return self.overnight or self.never_closes


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one trading day, as UTC seconds since 1970: [start, end)."""

    day: date
    start: int
    end: int
    regular: bool


def _calendar(name: str, zone: str, *hours: Hours, early: tuple[Hours, ...] = (), holidays: str) -> Calendar:
    return Calendar(name, ZoneInfo(zone), hours, early, holidays)


_US_EARLY = (
    Hours(time(4), time(9, 30), regular=False),
    Hours(time(9, 30), time(13)),
    Hours(time(13), time(17), regular=False),
)
_HK_MORNING = Hours(time(9, 30), time(12))

CALENDARS = {
    calendar.name: calendar
    for calendar in (
        _calendar(
            "US",
            "America/New_York",
            Hours(time(4), time(9, 30), regular=False),
            Hours(time(9, 30), time(16)),
            Hours(time(16), time(20), regular=False),
            early=_US_EARLY,
            holidays="XNYS",
        ),
        _calendar(
            "SEHK",
            "Asia/Hong_Kong",
            _HK_MORNING,
            Hours(time(13), time(16)),
            early=(_HK_MORNING,),
            holidays="XHKG",
        ),
        _calendar(
            "LSE",
            "Europe/London",
            Hours(time(8), time(16, 30)),
            early=(Hours(time(8), time(12, 30)),),
            holidays="XLON",
        ),
        _calendar("IBIS", "Europe/Berlin", Hours(time(9), time(17, 30)), holidays="XETR"),
        # Options end with their stocks; those on indexes, and the indexes themselves, keep Chicago's time.
        _calendar(
            "USOPT",
            "America/New_York",
            Hours(time(9, 30), time(16)),
            early=(Hours(time(9, 30), time(13)),),
            holidays="XNYS",
        ),
        _calendar(
            "CBOEOPT",
            "America/Chicago",
            Hours(time(8, 30), time(15, 15)),
            early=(Hours(time(8, 30), time(12, 15)),),
            holidays="XNYS",
        ),
        _calendar(
            "CBOE",
            "America/Chicago",
            Hours(time(8, 30), time(15)),
            early=(Hours(time(8, 30), time(12)),),
            holidays="XNYS",
        ),
        # Futures trade from evening to afternoon with a break of an hour, on most holidays until noon.
        _calendar(
            "CME",
            "America/Chicago",
            Hours(time(17), time(8, 30), regular=False),
            Hours(time(8, 30), time(16)),
            early=(Hours(time(17), time(8, 30), regular=False), Hours(time(8, 30), time(12))),
            holidays="XCME",
        ),
        _calendar(
            "CFE",
            "America/Chicago",
            Hours(time(17), time(8, 30), regular=False),
            Hours(time(8, 30), time(15)),
            Hours(time(15), time(16), regular=False),
            early=(Hours(time(17), time(8, 30), regular=False), Hours(time(8, 30), time(12))),
            holidays="XCME",
        ),
        _calendar(
            "NYMEX",
            "America/New_York",
            Hours(time(18), time(9, 30), regular=False),
            Hours(time(9, 30), time(17)),
            early=(Hours(time(18), time(9, 30), regular=False), Hours(time(9, 30), time(13))),
            holidays="XCME",
        ),
        Calendar(
            "FOREX",
            ZoneInfo("America/New_York"),
            (Hours(time(17, 15), time(17)),),
            closed_on=((1, 1), (12, 25)),
        ),
    )
}


def always(name: str) -> str:
    """The name of the calendar of a market that keeps its clock, but never closes."""
    return f"{name} always"


CALENDARS |= {
    always(name): Calendar(always(name), calendar.zone, (Hours(time(), time()),), never_closes=True)
    for name, calendar in CALENDARS.items()
}


@lru_cache(maxsize=16384)
def segments(calendar: Calendar, day: date) -> tuple[Segment, ...]:
    """The stretches of that trading day, in order; empty when the market is shut."""
    if calendar.never_closes:
        return tuple(_segment(calendar, day, hours) for hours in calendar.hours)
    if day.weekday() >= 5 or (day.month, day.day) in calendar.closed_on or day in _days(calendar, "public"):
        return ()
    early = bool(calendar.early) and day in _days(calendar, "half_day")
    return tuple(_segment(calendar, day, hours) for hours in (calendar.early if early else calendar.hours))


def regular_segments(calendar: Calendar, day: date) -> tuple[Segment, ...]:
    """The stretches of that trading day's regular hours."""
    return tuple(segment for segment in segments(calendar, day) if segment.regular)


def days_back(calendar: Calendar, until: datetime, *, regular: bool) -> Iterator[date]:
    """Trading days that have begun before `until`, the latest first, without end."""
    pick = regular_segments if regular else segments
    day = until.astimezone(calendar.zone).date() + _DAY
    for _ in count():
        found = pick(calendar, day)
        if found and found[0].start < until.timestamp():
            yield day
        day -= _DAY


def segment_at(calendar: Calendar, at: datetime) -> Segment | None:
    """The stretch that is on at that instant."""
    day, second = at.astimezone(calendar.zone).date(), at.timestamp()
    for candidate in (day, day + _DAY):
        for segment in segments(calendar, candidate):
            if segment.start <= second < segment.end:
                return segment
    return None


def next_segment(calendar: Calendar, at: datetime, *, regular: bool) -> Segment:
    """The first stretch that ends after `at`: the one that is on, or the next."""
    pick = regular_segments if regular else segments
    first, second = at.astimezone(calendar.zone).date(), at.timestamp()
    for ahead in range(_LONGEST_PAUSE_DAYS):
        for segment in pick(calendar, first + ahead * _DAY):
            if second < segment.end:
                return segment
    raise LookupError(f"{calendar.name} does not trade within {_LONGEST_PAUSE_DAYS} days of {at}")


def contiguous(stretches: tuple[Segment, ...]) -> Iterator[tuple[Segment, ...]]:
    """Stretches grouped by what follows without a pause: a US day whole, a Hong Kong one in halves."""
    breaks = [i + 1 for i, (a, b) in enumerate(pairwise(stretches)) if a.end != b.start]
    for start, end in pairwise([0, *breaks, len(stretches)]):
        yield stretches[start:end]


def _segment(calendar: Calendar, day: date, hours: Hours) -> Segment:
    first = day - _DAY if hours.overnight else day
    last = day if hours.end > time() else day + _DAY
    return Segment(
        day,
        int(datetime.combine(first, hours.start, calendar.zone).astimezone(UTC).timestamp()),
        int(datetime.combine(last, hours.end, calendar.zone).astimezone(UTC).timestamp()),
        hours.regular,
    )


def _days(calendar: Calendar, category: str) -> "HolidayBase | tuple[()]":
    return _holidays(calendar.holidays, category) if calendar.holidays else ()


@lru_cache(maxsize=32)
def _holidays(market: str, category: str) -> "HolidayBase":
    import holidays  # a tenth of a second that only those who trade stocks need

    return holidays.financial_holidays(market, categories=(category,))
