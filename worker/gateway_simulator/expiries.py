"""When contracts are traded for the last time: the rules of exchanges, by the names that the tables use."""

from calendar import FRIDAY, monthcalendar
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType

from gateway_simulator.calendars import CALENDARS, Calendar, segments

_DAY = timedelta(days=1)
MONTHS = "FGHJKMNQUVXZ"
"""The letters of the months, January first."""


def months_from(first: date) -> Iterator[date]:
    """The first days of that month and of those after it, without end."""
    month = first.replace(day=1)
    while True:
        yield month
        month = (month + 32 * _DAY).replace(day=1)


@lru_cache(maxsize=4096)
def last_trade(rule: str, month: date, calendar: str) -> date:
    """The last day on which the contract of a month (its first day) is traded."""
    return RULES[rule](month, CALENDARS[calendar])


@lru_cache(maxsize=4096)
def last_of_week(friday: date, calendar: str) -> date:
    """A Friday, or the trading day before it if that is a holiday."""
    return _back(friday, CALENDARS[calendar])


def _third_friday(month: date, calendar: Calendar) -> date:
    """Index futures (CME rules 35802 and 35902) and stock options."""
    return _back(_friday(month), calendar)


def _thursday_before(month: date, calendar: Calendar) -> date:
    """Options that are settled at the opening of the third Friday, such as the monthly ones on SPX (Cboe)."""
    return _back(_third_friday(month, calendar) - _DAY, calendar)


def _before_the_25th(month: date, calendar: Calendar) -> date:
    """Crude oil: three business days before the 25th of the month before (NYMEX chapter 200)."""
    day = _back((month - _DAY).replace(day=25), calendar)
    for _ in range(3):
        day = _back(day - _DAY, calendar)
    return day


def _thirty_days_before(month: date, calendar: Calendar) -> date:
    """VIX futures: thirty days before the third Friday of the month after (CFE rule 1202)."""
    after = (month + 32 * _DAY).replace(day=1)
    return _back(_third_friday(after, calendar) - 30 * _DAY, calendar)


RULES: Mapping[str, Callable[[date, Calendar], date]] = MappingProxyType(
    {
        "third-friday": _third_friday,
        "weekly": _third_friday,  # of the weeks between, see `last_of_week`
        "thursday-before-third-friday": _thursday_before,
        "before-the-25th": _before_the_25th,
        "thirty-days-before": _thirty_days_before,
    }
)


def _friday(month: date) -> date:
    """The third Friday."""
    fridays = [week[FRIDAY] for week in monthcalendar(month.year, month.month) if week[FRIDAY]]
    return month.replace(day=fridays[2])


def _back(day: date, calendar: Calendar) -> date:
    """That day, or the trading day before it."""
    while not segments(calendar, day):
        day -= _DAY
    return day
