"""Bars that are kept: which of those told are new, on which day they belong, and which are missing."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from pydantic import Field

from trader.domain.hours import Hours
from trader.domain.market import Bar, BarSize
from trader.domain.session import finished
from trader.domain.wire import Time, Wire

SATURDAY = 5

SETTLING = timedelta(minutes=15)
"""How long after its end a bar may still grow: trades are told late, and delayed data is by as much."""


class Gap(Wire):
    """Bars that are missing between others."""

    after: Time = Field(description="The start of the bar before.")
    before: Time = Field(description="The start of the bar after.")
    bars: int = Field(description="How many are missing; of whole days 1 each, holidays among them.")


@dataclass(frozen=True, slots=True)
class Merge:
    """One day's bars, those that stood and those that are new."""

    bars: tuple[Bar, ...]
    written: int
    skipped: int
    differing: int  # of the skipped: told with other prices than those that stand, and left as they are


def usable(bars: Sequence[Bar], size: BarSize, hours: Hours, now: datetime) -> tuple[Bar, ...]:
    """Return the bars that are settled and have prices; what isn't a number is as good as missing.

    What is kept is never changed, so that half a bar would be one for good.
    """
    return tuple(bar for bar in finished(bars, size, hours, now - SETTLING) if _has_prices(bar))


def by_day(bars: Sequence[Bar], size: BarSize, zone: ZoneInfo) -> Mapping[date, tuple[Bar, ...]]:
    """Return ``bars`` by the exchange's date; a daily bar has its date already."""
    days: defaultdict[date, list[Bar]] = defaultdict(list)
    for bar in bars:
        days[_day(bar, size, zone)].append(bar)
    return {day: tuple(found) for day, found in days.items()}


def merge(stored: Sequence[Bar], told: Sequence[Bar]) -> Merge:
    """Return the day with what is new in ``told``; a bar that stands is never changed."""
    standing = {bar.start: bar for bar in stored}
    new = {bar.start: bar for bar in told if bar.start not in standing}
    differing = sum(bar.start in standing and standing[bar.start] != bar for bar in told)
    together = tuple(bar for _, bar in sorted((standing | new).items()))
    return Merge(together, written=len(new), skipped=len(told) - len(new), differing=differing)


def gaps(bars: Sequence[Bar], size: BarSize, hours: Hours) -> tuple[Gap, ...]:
    """Return where bars are missing: weekdays without any, and within a day what the market's hours expect.

    The broker tells the hours of days to come, not of days past. So a holiday is a gap too, and a day is
    judged between its own first and last bar, at the times of day when the market trades.
    """
    found = _gaps_in_days if size is BarSize.DAY_1 else _gaps_within_days
    return tuple(found(sorted(bars, key=lambda bar: bar.start), size, hours))


def _gaps_in_days(bars: Sequence[Bar], size: BarSize, hours: Hours) -> Iterator[Gap]:
    for earlier, later in pairwise(bars):
        missing = _weekdays_between(_day(earlier, size, hours.zone), _day(later, size, hours.zone))
        if missing:
            yield Gap(after=earlier.start, before=later.start, bars=missing)


def _gaps_within_days(bars: Sequence[Bar], size: BarSize, hours: Hours) -> Iterator[Gap]:
    spans = {_times(session.opens_at, session.closes_at, hours.zone) for session in hours.sessions}
    step = timedelta(seconds=size.seconds)
    for earlier, later in pairwise(bars):
        days = _day(earlier, size, hours.zone), _day(later, size, hours.zone)
        if days[0] == days[1]:
            starts = _starts_between(earlier.start, later.start, step)
            missing = sum(_in_session(start, spans, hours.zone) for start in starts)
        else:
            missing = _weekdays_between(*days)
        if missing:
            yield Gap(after=earlier.start, before=later.start, bars=missing)


def _starts_between(earlier: datetime, later: datetime, step: timedelta) -> Iterator[datetime]:
    start = earlier + step
    while start < later:
        yield start
        start += step


def _times(opens_at: datetime, closes_at: datetime, zone: ZoneInfo) -> tuple[time, time]:
    return opens_at.astimezone(zone).time(), closes_at.astimezone(zone).time()


def _in_session(start: datetime, spans: Collection[tuple[time, time]], zone: ZoneInfo) -> bool:
    at = start.astimezone(zone).time()
    return any(
        opens <= at < closes if opens < closes else at >= opens or at < closes for opens, closes in spans
    )


def _weekdays_between(earlier: date, later: date) -> int:
    days = (earlier + timedelta(days=n) for n in range(1, (later - earlier).days))
    return sum(day.weekday() < SATURDAY for day in days)


def _day(bar: Bar, size: BarSize, zone: ZoneInfo) -> date:
    return bar.start.date() if size is BarSize.DAY_1 else bar.start.astimezone(zone).date()


def _has_prices(bar: Bar) -> bool:
    return all(math.isfinite(price) and price > 0 for price in (bar.open, bar.high, bar.low, bar.close))
