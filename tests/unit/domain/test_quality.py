"""The data gate: each way in which bars or a price can be bad has its code, and good ones pass."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.market import NEW_YORK, WEEK, bars, local
from trader.domain.hours import read_hours
from trader.domain.market import Bar, BarSize, Price, PriceKind
from trader.domain.quality import fit_bars, price_refusal
from trader.domain.refusal import Refusal

HOURS = read_hours(WEEK, NEW_YORK)
MORNING = bars(local("2026-11-23 09:30"), [450.0, 451.0, 452.0])  # the third ends at 11:00


def gate(given_: Sequence[Bar], now: datetime, size: BarSize = BarSize.MINUTES_30) -> tuple[Bar, ...] | str:
    """Return the bars that may be used, or the code of the refusal."""
    found = fit_bars(given_, size, hours=HOURS, now=now, jump_percent=Decimal(30))
    if isinstance(found, Refusal):
        assert ", found " in found.message
        return found.code
    return found


def _with(bar: Bar, field: str, value: float) -> Bar:
    prices = {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close, field: value}
    return Bar(bar.start, prices["open"], prices["high"], prices["low"], prices["close"], bar.volume)


def test_good_bars_pass_without_the_unfinished_one() -> None:
    assert gate(MORNING, local("2026-11-23 10:45")) == MORNING[:2]
    assert gate(MORNING, local("2026-11-23 11:00")) == MORNING


def test_no_bars_are_refused() -> None:
    assert gate((), local("2026-11-23 10:45")) == "no-bars"


def test_an_unfinished_bar_alone_is_no_bar() -> None:
    assert gate(MORNING[:1], local("2026-11-23 09:45")) == "no-bars"


@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf, 0.0, -1.0])
@pytest.mark.parametrize("field", ["open", "high", "low", "close"])
def test_a_price_that_is_none_is_refused(field: str, price: float) -> None:
    broken = (MORNING[0], _with(MORNING[1], field, price), MORNING[2])
    assert gate(broken, local("2026-11-23 11:00")) == "bad-bar"


def test_a_broken_price_in_the_bar_that_is_dropped_anyway_does_no_harm() -> None:
    broken = (*MORNING[:2], replace(MORNING[2], close=math.nan))
    assert gate(broken, local("2026-11-23 10:45")) == MORNING[:2]


def test_bars_in_another_order_are_refused() -> None:
    at = local("2026-11-23 11:00")
    assert gate(MORNING[::-1], at) == "bars-out-of-order"
    assert gate((*MORNING, MORNING[-1]), at) == "bars-out-of-order"


@pytest.mark.parametrize(
    ("now", "fresh"),
    [
        ("2026-11-23 11:30", True),  # the newest began at 10:30: an hour, twice its size
        ("2026-11-23 11:31", False),
        ("2026-11-23 15:59", False),
        ("2026-11-24 09:45", True),  # delayed data: the new session's first bar has not come yet
        ("2026-11-24 10:00", False),
    ],
)
def test_bars_must_be_of_now_while_the_market_is_open(now: str, fresh: bool) -> None:
    assert gate(MORNING, local(now)) == (MORNING if fresh else "bars-too-old")


@pytest.mark.parametrize(
    ("now", "newest", "fresh"),
    [
        ("2026-11-23 16:15", "2026-11-23 15:30", True),
        ("2026-11-23 16:15", "2026-11-23 15:00", True),  # nothing was traded in the last half hour
        ("2026-11-23 16:15", "2026-11-23 14:30", False),  # a farm is down: a close that isn't the last
        ("2026-11-24 09:29", "2026-11-23 15:30", True),
        ("2026-11-24 09:29", "2026-11-20 15:30", False),
        ("2026-11-26 12:00", "2026-11-25 15:30", True),  # the holiday
        ("2026-11-26 12:00", "2026-11-24 15:30", False),
        ("2026-11-27 13:15", "2026-11-27 12:30", True),  # the early close
        ("2026-11-27 13:15", "2026-11-25 15:30", False),
        ("2026-11-29 12:00", "2026-11-27 12:30", True),
    ],
)
def test_while_the_market_is_closed_bars_must_reach_the_last_close(
    now: str, newest: str, fresh: bool
) -> None:
    two = bars(local(newest) - timedelta(minutes=30), [450.0, 451.0])
    assert gate(two, local(now)) == (two if fresh else "bars-too-old")


@pytest.mark.parametrize(("now", "expected"), [("2026-11-24 16:15", "bars-too-old"), ("2026-11-24 09:00", 2)])
def test_after_the_close_the_day_before_is_not_taken_for_the_day(now: str, expected: int | str) -> None:
    days = bars(local("2026-11-22 00:00"), [450.0, 451.0], minutes=1440)
    found = gate(days, local(now), BarSize.DAY_1)
    assert (found if isinstance(found, str) else len(found)) == expected


@pytest.mark.parametrize(("first", "fresh"), [("2026-11-19 00:00", True), ("2026-11-10 00:00", False)])
def test_where_the_last_session_is_not_told_any_more_only_weeks_are_too_old(first: str, fresh: bool) -> None:
    days = bars(local(first), [450.0, 451.0], minutes=1440)
    hours = read_hours("20261121:CLOSED;20261122:CLOSED;20261123:0930-20261123:1600", NEW_YORK)
    found = fit_bars(
        days, BarSize.DAY_1, hours=hours, now=local("2026-11-22 12:00"), jump_percent=Decimal(30)
    )
    assert (found == days) is fresh


def test_the_last_day_before_easter_is_not_too_old_at_the_opening_after_it() -> None:
    hours = read_hours("20270330:0900-20270330:1730", "Europe/Berlin")
    days = bars(datetime(2027, 3, 24, tzinfo=UTC), [450.0, 451.0], minutes=1440)  # Wednesday, Thursday
    at = local("2027-03-30 09:01", "Europe/Berlin")
    assert fit_bars(days, BarSize.DAY_1, hours=hours, now=at, jump_percent=Decimal(30)) == days


@pytest.mark.parametrize("now", ["2026-11-23 15:55", "2026-11-23 16:05"])
def test_short_bars_of_delayed_data_are_as_fresh_as_they_can_be(now: str) -> None:
    told = local(now) - timedelta(minutes=15)
    three = bars(told - timedelta(minutes=12), [450.0, 451.0, 452.0], minutes=5)
    found = fit_bars(
        three,
        BarSize.MINUTES_5,
        hours=HOURS,
        now=local(now),
        jump_percent=Decimal(30),
        delay=timedelta(minutes=15),
    )
    assert found == three[:2]


def test_at_the_opening_bars_of_weeks_ago_are_still_too_old() -> None:
    old = bars(local("2026-11-16 15:00"), [450.0, 451.0])
    assert gate(old, local("2026-11-23 09:31")) == "bars-too-old"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-23 09:31", 2),  # Friday's bar on a Monday morning, before Monday's has come
        ("2026-11-23 10:30", "bars-too-old"),
    ],
)
def test_a_weekend_makes_no_daily_bar_too_old_at_the_opening(now: str, expected: int | str) -> None:
    days = bars(local("2026-11-19 00:00"), [450.0, 451.0], minutes=1440)
    found = gate(days, local(now), BarSize.DAY_1)
    assert (found if isinstance(found, str) else len(found)) == expected


def test_a_daily_bar_that_is_still_growing_is_dropped_and_proves_the_rest_fresh() -> None:
    days = bars(local("2026-11-20 00:00"), [450.0, 451.0, 452.0, 453.0], minutes=1440)
    weekdays = (days[0], days[3])  # Friday and Monday
    assert gate(weekdays, local("2026-11-23 12:00"), BarSize.DAY_1) == weekdays[:1]


@pytest.mark.parametrize(
    ("closes", "code"),
    [
        ([100.0, 130.0], None),
        ([100.0, 131.0], "bar-jump"),
        ([100.0, 70.0], None),
        ([100.0, 69.0], "bar-jump"),
        ([100.0, 150.0, 100.0], "bar-jump"),  # gone again, and still not to be believed
    ],
)
def test_a_jump_above_the_limit_is_refused(closes: list[float], code: str | None) -> None:
    jumping = bars(local("2026-11-23 09:30"), closes)
    assert gate(jumping, local("2026-11-23 11:00")) == (code or jumping)


@given(st.lists(st.floats(), max_size=6), st.integers(min_value=0, max_value=7 * 24 * 60 - 1))
def test_whatever_passes_is_finished_positive_and_finite(closes: list[float], minutes: int) -> None:
    now = local("2026-11-23 00:00") + timedelta(minutes=minutes)
    found = gate(bars(local("2026-11-23 09:30"), closes), now)
    if not isinstance(found, str):
        assert found
        assert all(0 < bar.close < math.inf for bar in found)
        assert all(bar.start + timedelta(minutes=30) <= now for bar in found)


OPEN_AT = local("2026-11-23 12:00")


def price(value: str = "450", kind: PriceKind = PriceKind.LAST, age_s: int = 0) -> Price:
    return Price(Decimal(value), kind, "USD", OPEN_AT - timedelta(seconds=age_s))


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        (price(), None),
        (price(kind=PriceKind.MIDPOINT), None),
        (price(age_s=120), None),
        (price(age_s=121), "price-too-old"),
        (price(kind=PriceKind.CLOSE), "price-too-old"),
        (price("0"), "bad-price"),
        (price("-1"), "bad-price"),
        (price("NaN"), "bad-price"),
        (price("Infinity"), "bad-price"),
    ],
)
def test_in_open_hours_a_price_must_be_above_zero_and_of_now(given_: Price, code: str | None) -> None:
    refusal = price_refusal(given_, session=HOURS.session_at(OPEN_AT), now=OPEN_AT, age_seconds=120)
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(
    ("given_", "code"),
    [(price(kind=PriceKind.CLOSE, age_s=3600), None), (price(age_s=3600), None), (price("NaN"), "bad-price")],
)
def test_while_the_market_is_closed_a_price_may_be_old_but_not_bad(given_: Price, code: str | None) -> None:
    refusal = price_refusal(given_, session=None, now=OPEN_AT, age_seconds=120)
    assert (refusal.code if refusal else None) == code
