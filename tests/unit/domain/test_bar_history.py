"""Bars that are kept: added, never changed, and missed where they are missing."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.market import NEW_YORK, WEEK, bars, local
from trader.domain.bar_history import by_day, gaps, merge, usable
from trader.domain.hours import read_hours
from trader.domain.market import Bar, BarSize

HOURS = read_hours(WEEK, NEW_YORK)
HONG_KONG = read_hours("20261123:0930-20261123:1200;20261123:1300-20261123:1600", "Asia/Hong_Kong")
HALF_HOURS = BarSize.MINUTES_30


def day(first: str, count: int = 13) -> tuple[Bar, ...]:
    return bars(local(first), [100.0] * count)


def daily(*dates: str) -> tuple[Bar, ...]:
    starts = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in dates]
    return tuple(Bar(start, 1.0, 1.0, 1.0, 1.0, 1.0) for start in starts)


def test_bars_that_stand_are_skipped_and_new_ones_are_added_in_their_order() -> None:
    told = day("2026-11-23 09:30")
    first = merge((), told[:5])
    assert (first.written, first.skipped, first.differing) == (5, 0, 0)
    later = merge(first.bars, told[2:])
    assert (later.bars, later.written, later.skipped) == (told, 8, 3)
    assert merge(later.bars, told).written == 0


def test_a_bar_that_is_told_otherwise_is_counted_and_left_as_it_is() -> None:
    stood, told = bars(local("2026-11-23 09:30"), [100.0]), bars(local("2026-11-23 09:30"), [50.0])
    found = merge(stood, told)
    assert (found.bars, found.written, found.skipped, found.differing) == (stood, 0, 1, 1)


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_merging_twice_changes_nothing_the_second_time(stood: set[int], told: set[int]) -> None:
    series = day("2026-11-23 09:30", 41)
    first = merge([series[n] for n in sorted(stood)], [series[n] for n in sorted(told)])
    assert first.bars == tuple(series[n] for n in sorted(stood | told))
    again = merge(first.bars, [series[n] for n in sorted(told)])
    assert (again.bars, again.written) == (first.bars, 0)


def test_a_bar_belongs_to_the_exchanges_date() -> None:
    late = bars(local("2026-11-23 20:00"), [1.0])  # already the 24th in UTC
    assert set(by_day(late, HALF_HOURS, ZoneInfo(NEW_YORK))) == {date(2026, 11, 23)}
    assert set(by_day(daily("2026-11-23"), BarSize.DAY_1, ZoneInfo(NEW_YORK))) == {date(2026, 11, 23)}


def test_what_is_not_settled_or_no_number_is_not_kept() -> None:
    told = (*day("2026-11-23 09:30", 3), *bars(local("2026-11-23 11:00"), [float("nan"), 0.0]))
    assert usable(told, HALF_HOURS, HOURS, local("2026-11-23 10:44")) == told[:1]
    kept = usable(told, HALF_HOURS, HOURS, local("2026-11-23 10:45"))
    assert [bar.start for bar in kept] == [bar.start for bar in told[:2]]
    assert len(usable(told, HALF_HOURS, HOURS, local("2026-11-23 16:00"))) == 3


def test_a_whole_week_with_a_weekend_has_no_gap() -> None:
    week = (*day("2026-11-19 09:30"), *day("2026-11-20 09:30"), *day("2026-11-23 09:30"))
    assert gaps(week, HALF_HOURS, HOURS) == ()
    assert gaps(daily("2026-11-19", "2026-11-20", "2026-11-23"), BarSize.DAY_1, HOURS) == ()


def test_bars_that_are_missing_within_a_day_are_a_gap() -> None:
    series = day("2026-11-23 09:30")
    (gap,) = gaps((*series[:3], *series[5:]), HALF_HOURS, HOURS)
    assert (gap.after, gap.before, gap.bars) == (series[2].start, series[5].start, 2)


def test_a_weekday_without_bars_is_a_gap_of_one() -> None:
    (gap,) = gaps((*day("2026-11-23 09:30"), *day("2026-11-25 09:30")), HALF_HOURS, HOURS)
    assert gap.bars == 1
    (daily_gap,) = gaps(daily("2026-11-19", "2026-11-24"), BarSize.DAY_1, HOURS)
    assert daily_gap.bars == 2  # Friday and Monday


def test_a_lunch_break_is_no_gap() -> None:
    start = local("2026-11-23 09:30", "Asia/Hong_Kong")
    morning, afternoon = bars(start, [1.0] * 5), bars(start + timedelta(hours=3, minutes=30), [1.0] * 6)
    assert gaps((*morning, *afternoon), HALF_HOURS, HONG_KONG) == ()
    assert gaps((*morning[:-1], *afternoon), HALF_HOURS, HONG_KONG)[0].bars == 1


@pytest.mark.parametrize(("size", "seconds"), [("1 min", 60), ("8 hours", 28_800), ("1 day", 86_400)])
def test_a_bars_length_is_that_of_its_name(size: str, seconds: int) -> None:
    assert BarSize(size).seconds == seconds
