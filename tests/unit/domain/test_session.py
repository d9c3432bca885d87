"""Which order may go now, which bars are finished, which date it is."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.market import NEW_YORK, WEEK, bars, contract, local
from trader.domain.errors import Rejected
from trader.domain.hours import read_hours
from trader.domain.market import BarSize
from trader.domain.orders import OrderType, TimeInForce
from trader.domain.session import finished, goes_until, may_go, session_date

MKT, LMT, MOC = OrderType.MKT, OrderType.LMT, OrderType.MOC
DAY, GTC = TimeInForce.DAY, TimeInForce.GTC


def goes(order_type: OrderType, tif: TimeInForce, at: str) -> bool:
    refusal = may_go(order_type, tif, None, contract(), local(at))
    assert refusal is None or refusal.code == "market-closed"
    return refusal is None


@pytest.mark.parametrize("order", [(MKT, DAY), (LMT, DAY), (MKT, GTC)])
@pytest.mark.parametrize(
    ("at", "open_"),
    [
        ("2026-11-23 09:29", False),
        ("2026-11-23 09:30", True),
        ("2026-11-23 15:59", True),
        ("2026-11-23 16:00", False),
        ("2026-11-26 12:00", False),  # the holiday
        ("2026-11-27 12:59", True),
        ("2026-11-27 13:00", False),  # the early close
    ],
)
def test_an_order_for_the_day_needs_the_open_market(
    order: tuple[OrderType, TimeInForce], at: str, open_: bool
) -> None:
    assert goes(*order, at) is open_


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        ("2026-11-23 04:00", True),  # before the opening, for the close of that day
        ("2026-11-23 15:49", True),
        ("2026-11-23 15:50", False),
        ("2026-11-23 17:00", False),
        ("2026-11-26 12:00", False),
        ("2026-11-27 12:49", True),
        ("2026-11-27 12:50", False),
    ],
)
def test_an_order_at_the_close_needs_a_session_today_before_its_cut_off(at: str, taken: bool) -> None:
    assert goes(MOC, DAY, at) is taken


@pytest.mark.parametrize("at", ["2026-11-23 03:00", "2026-11-23 12:00", "2026-11-26 12:00"])
def test_a_limit_order_that_lasts_may_be_placed_any_time(at: str) -> None:
    assert goes(LMT, GTC, at)


@pytest.mark.parametrize("order_type", [MKT, LMT, MOC])
def test_an_order_that_starts_later_may_be_placed_any_time(order_type: OrderType) -> None:
    at = local("2026-11-23 20:00")
    assert may_go(order_type, DAY, at + timedelta(hours=14), contract(), at) is None
    assert may_go(order_type, DAY, at, contract(), at) is not None  # a start that has passed defers nothing


@given(
    order=st.sampled_from([(MKT, DAY), (LMT, DAY), (MKT, GTC), (LMT, GTC), (MOC, DAY)]),
    minute=st.integers(0, 5 * 24 * 60),
    later=st.integers(0, 24 * 60),
)
def test_an_order_that_may_go_now_may_until_its_market_closes_to_it_and_not_then(
    order: tuple[OrderType, TimeInForce], minute: int, later: int
) -> None:
    at = local("2026-11-23 00:00") + timedelta(minutes=minute)
    assume(may_go(*order, None, contract(), at) is None)
    until = goes_until(*order, None, contract(), at)
    assert (until is None) == (order == (LMT, GTC))
    if until is not None:
        before = min(at + timedelta(minutes=later), until - timedelta(seconds=1))
        assert may_go(*order, None, contract(), before) is None
        assert may_go(*order, None, contract(), until) is not None


@pytest.mark.parametrize(
    ("order_type", "at", "found", "opens"),
    [
        (MKT, "2026-11-25 16:15", "found it closed", "it opens next at 2026-11-27 09:30 US/Eastern"),
        (MKT, "2026-11-27 16:15", "found it closed", "no later opening is known"),
        (
            MOC,
            "2026-11-23 15:55",
            "found it past 2026-11-23 15:50 US/Eastern",
            "it opens next at 2026-11-24 09:30 US/Eastern",
        ),
        (MOC, "2026-11-26 12:00", "found no session", "it opens next at 2026-11-27 09:30 US/Eastern"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_when_the_market_opens_next(
    order_type: OrderType, at: str, found: str, opens: str
) -> None:
    refusal = may_go(order_type, DAY, None, contract(), local(at))
    assert refusal is not None
    assert refusal.message.startswith("expected SPY ")
    assert refusal.message.endswith(f", {found}; {opens}")


@pytest.mark.parametrize(
    ("hours", "code"),
    [("09:30-16:00", "hours-unreadable"), ("20261120:0930-20261120:1600", "hours-out-of-date")],
)
@pytest.mark.parametrize("order_type", [MKT, MOC])
def test_hours_that_cannot_be_relied_on_are_an_error_and_not_a_closed_market(
    hours: str, code: str, order_type: OrderType
) -> None:
    with pytest.raises(Rejected) as caught:
        may_go(order_type, DAY, None, contract(hours), local("2026-11-23 12:00"))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 11, 24, 4, 59, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 24, 5, 0, tzinfo=UTC), date(2026, 11, 24)),
        (datetime(2026, 7, 24, 3, 59, tzinfo=UTC), date(2026, 7, 23)),
        (datetime(2026, 7, 24, 4, 0, tzinfo=UTC), date(2026, 7, 24)),
    ],
)
def test_the_session_date_is_the_exchanges_and_not_utcs(at: datetime, expected: date) -> None:
    assert session_date(at, NEW_YORK) == expected


@pytest.mark.parametrize(
    ("now", "count"),
    [
        ("2026-11-23 09:59:59", 0),
        ("2026-11-23 10:00:00", 1),
        ("2026-11-23 11:15:00", 3),
        ("2026-11-23 16:15:00", 4),
    ],
)
def test_a_bar_is_finished_when_its_time_is_over(now: str, count: int) -> None:
    four = bars(local("2026-11-23 09:30"), [450.0] * 4)
    hours = read_hours(WEEK, NEW_YORK)
    assert finished(four, BarSize.MINUTES_30, hours, local(now)) == four[:count]


@pytest.mark.parametrize("midnight", [local("2026-11-27 00:00"), datetime(2026, 11, 27, tzinfo=UTC)])
def test_a_days_bar_is_finished_when_its_session_closes(midnight: datetime) -> None:
    day = bars(midnight, [450.0])
    hours = read_hours(WEEK, NEW_YORK)
    assert finished(day, BarSize.DAY_1, hours, local("2026-11-27 12:59")) == ()
    assert finished(day, BarSize.DAY_1, hours, local("2026-11-27 13:00")) == day


def test_bars_from_before_the_known_hours_are_finished_by_their_length() -> None:
    week_ago = bars(local("2026-11-16 09:30"), [450.0] * 3)
    hours = read_hours(WEEK, NEW_YORK)
    assert finished(week_ago, BarSize.MINUTES_30, hours, local("2026-11-23 09:30")) == week_ago


SYDNEY = "Australia/Sydney"
IN_SYDNEY = "20261123:1000-20261123:1600;20261124:1000-20261124:1600"
FOREX_WEEK = "20261122:1715-20261123:1700;20261123:1715-20261124:1700;20261124:1715-20261125:1700"
NEVER_SHUT = "20261123:0000-20261124:0000;20261124:0000-20261125:0000"


@pytest.mark.parametrize(
    ("hours", "time_zone", "closes"),
    [
        (IN_SYDNEY, SYDNEY, "2026-11-23 16:00"),  # the next session opens on the same date of UTC
        (IN_SYDNEY.partition(";")[2], SYDNEY, "2026-11-24 00:00"),  # asked on the morning after
        (FOREX_WEEK, NEW_YORK, "2026-11-23 17:00"),
        (FOREX_WEEK.partition(";")[2], NEW_YORK, "2026-11-23 17:15"),  # asked in the next day's session
        (NEVER_SHUT, NEW_YORK, "2026-11-24 00:00"),  # when it is long another date of UTC
        (WEEK, NEW_YORK, "2026-11-23 16:00"),
    ],
)
def test_a_days_bar_ends_with_the_session_of_its_date_wherever_the_exchange_is(
    hours: str, time_zone: str, closes: str
) -> None:
    day, told = bars(datetime(2026, 11, 23, tzinfo=UTC), [450.0]), read_hours(hours, time_zone)
    at = local(closes, time_zone)
    assert finished(day, BarSize.DAY_1, told, at - timedelta(minutes=1)) == ()
    assert finished(day, BarSize.DAY_1, told, at) == day
