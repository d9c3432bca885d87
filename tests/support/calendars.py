"""Calendars that say what a test has written down."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from trader.domain.hours import Hours, Session

NEW_YORK = ZoneInfo("America/New_York")


class NoCalendars:
    """The Calendars port that no test here asks."""

    async def hours(self, exchange: str, first: date, last: date) -> Hours:
        raise AssertionError(exchange)


class WrittenCalendars:
    """The Calendars port of one exchange in New York, whatever its name."""

    def __init__(self, *holidays: date, early: Mapping[date, time] | None = None) -> None:
        self._holidays = holidays
        self._early = early or {}

    async def hours(self, exchange: str, first: date, last: date) -> Hours:
        return weekdays(first, last, *self._holidays, early=self._early)


def weekdays(first: date, last: date, *holidays: date, early: Mapping[date, time] | None = None) -> Hours:
    """Return an exchange in New York that opens Mondays to Fridays, but for ``holidays``."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    sessions = [
        Session(at(day, time(9, 30)), at(day, (early or {}).get(day, time(16))))
        for day in days
        if day.weekday() < 5 and day not in holidays
    ]
    return Hours(tuple(sessions), known_until=last, zone=NEW_YORK)


def at(day: date, wall: time) -> datetime:
    """Return when the clocks of New York show ``wall`` on ``day``."""
    return datetime.combine(day, wall, NEW_YORK).astimezone(UTC)
