"""The ticks of a cron expression: those that a run key knows, and no other."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.domain.errors import Rejected
from trader.domain.schedule import nearest_tick
from trader.domain.ticks import ticks_between, ticks_from

NEW_YORK = "America/New_York"
MINUTE = timedelta(minutes=1)
ZONES = st.sampled_from(
    [
        NEW_YORK,
        "UTC",
        "Europe/London",
        "Australia/Lord_Howe",
        "Asia/Hong_Kong",
        "America/St_Johns",
        "Asia/Gaza",
    ]
)
# Near the changes of the clock as often as far from them.
STARTS = st.sampled_from(
    [
        datetime(2026, 3, 8, 5, tzinfo=UTC),
        datetime(2026, 11, 1, 4, tzinfo=UTC),
        datetime(2026, 3, 29, 0, tzinfo=UTC),
        datetime(2026, 10, 25, 0, tzinfo=UTC),
        datetime(2026, 4, 4, 13, tzinfo=UTC),
        datetime(2026, 10, 3, 13, tzinfo=UTC),
    ]
) | st.integers(0, 4 * 366 * 86400).map(lambda s: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
PART = st.sampled_from(["*", "0", "30", "*/15", "5,45", "10-12"])
HOUR = st.sampled_from(["*", "1", "2", "3", "1-2", "*/3", "0,23"])
WEEKDAY = st.sampled_from(["*", "1-5", "0", "sun"])


@given(PART, HOUR, WEEKDAY, ZONES, STARTS, st.integers(1, 100))
@settings(max_examples=100, deadline=None)
def test_they_are_the_minutes_that_a_run_key_takes_for_a_tick(
    minute: str, hour: str, weekday: str, zone: str, start: datetime, minutes: int
) -> None:
    cron, end = f"{minute} {hour} * * {weekday}", start + minutes * MINUTE
    first = start if start == start.replace(second=0, microsecond=0) else start + MINUTE
    first = first.replace(second=0, microsecond=0)
    all_minutes = [first + n * MINUTE for n in range(minutes + 1)]
    known = [at for at in all_minutes if at < end and nearest_tick(cron, zone, at) == at]
    assert list(ticks_between(cron, zone, start, end)) == known


@given(PART, HOUR, ZONES, STARTS)
@settings(max_examples=50, deadline=None)
def test_they_come_in_order_each_once_and_none_before_the_start(
    minute: str, hour: str, zone: str, start: datetime
) -> None:
    ticks = list(islice(ticks_from(f"{minute} {hour} * * *", zone, start), 200))
    assert ticks == sorted(set(ticks))
    assert ticks[0] >= start


def test_a_wall_clock_time_is_kept_across_both_changes_of_the_clock() -> None:
    spring = ticks_from("15 16 * * 1-5", NEW_YORK, datetime(2026, 3, 6, 12, tzinfo=UTC))
    assert [f"{at:%d %H:%M}" for at in islice(spring, 2)] == ["06 21:15", "09 20:15"]
    autumn = ticks_from("15 16 * * 1-5", NEW_YORK, datetime(2026, 10, 30, 12, tzinfo=UTC))
    assert [f"{at:%d %H:%M}" for at in islice(autumn, 2)] == ["30 20:15", "02 21:15"]


def test_the_hour_that_comes_twice_has_all_its_ticks_before_it_comes_again() -> None:
    ticks = ticks_from("0,30 1-2 * * *", NEW_YORK, datetime(2026, 11, 1, 5, tzinfo=UTC))
    assert [f"{at:%H:%M}" for at in islice(ticks, 6)] == [
        "05:00",
        "05:30",
        "06:00",
        "06:30",
        "07:00",
        "07:30",
    ]


def test_a_start_in_the_hour_that_comes_again_loses_none() -> None:
    start = datetime(2026, 11, 1, 5, 50, tzinfo=UTC)  # 01:50, ten minutes before it is 01:00 again
    assert next(ticks_from("15 1 * * *", NEW_YORK, start)) == datetime(2026, 11, 1, 6, 15, tzinfo=UTC)


def test_a_day_that_comes_every_four_years_is_found() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    assert next(ticks_from("0 12 29 2 *", "UTC", start)) == datetime(2028, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone"), [("every day", "UTC"), ("0 0 30 2 *", "UTC"), ("* * * * *", "Nowhere")]
)
def test_what_cannot_be_read_is_refused_at_once(cron: str, zone: str) -> None:
    with pytest.raises(Rejected):
        ticks_from(cron, zone, datetime(2026, 1, 1, tzinfo=UTC))
