"""The broker's trading hours: read as they are written, or refused."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.market import NEW_YORK, WEEK, local
from trader.domain.errors import Rejected
from trader.domain.hours import Hours, read_hours

FOREX = "20261122:1715-20261123:1700;20261123:1715-20261124:1700"
HONG_KONG = "20261123:0930-20261123:1200;20261123:1300-20261123:1600"


def spans(hours: Hours) -> list[tuple[str, str]]:
    return [(f"{s.opens_at:%m-%d %H:%M}", f"{s.closes_at:%m-%d %H:%M}") for s in hours.sessions]


def test_sessions_are_instants_in_utc() -> None:
    assert spans(read_hours(WEEK, NEW_YORK)) == [
        ("11-23 14:30", "11-23 21:00"),
        ("11-24 14:30", "11-24 21:00"),
        ("11-25 14:30", "11-25 21:00"),
        ("11-27 14:30", "11-27 18:00"),
    ]


@pytest.mark.parametrize(
    ("at", "early"),
    [
        ("2026-11-23 10:00", False),
        ("2026-11-26 10:00", False),
        ("2026-11-27 10:00", True),
        ("2026-11-27 20:00", True),
    ],
)
def test_an_early_close_is_one_before_most_days_and_a_holiday_is_none(at: str, early: bool) -> None:
    assert read_hours(WEEK, NEW_YORK).closes_early(local(at)) is early


def test_where_a_day_has_two_sessions_its_close_is_the_later_ones() -> None:
    hours = read_hours(HONG_KONG, "Asia/Hong_Kong")
    assert not hours.closes_early(local("2026-11-23 10:00", "Asia/Hong_Kong"))


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("20260306:0930-20260306:1600", "US/Eastern", ("03-06 14:30", "03-06 21:00")),  # winter
        ("20260309:0930-20260309:1600", "US/Eastern", ("03-09 13:30", "03-09 20:00")),  # after the change
        ("20261030:0930-20261030:1600", "US/Eastern", ("10-30 13:30", "10-30 20:00")),
        ("20261102:0930-20261102:1600", "US/Eastern", ("11-02 14:30", "11-02 21:00")),
        ("20260308:1715-20260309:1700", "US/Eastern", ("03-08 21:15", "03-09 21:00")),
        ("20261030:1715-20261101:1700", "US/Eastern", ("10-30 21:15", "11-01 22:00")),  # across the change
        ("20261123:0900-20261123:1730", "MET", ("11-23 08:00", "11-23 16:30")),
        ("20261123:0900-20261123:1500", "Japan", ("11-23 00:00", "11-23 06:00")),
        ("20261123:1715-20261124:0000", "US/Eastern", ("11-23 22:15", "11-24 05:00")),
    ],
)
def test_each_day_has_the_clock_of_its_own_date(text: str, zone: str, expected: tuple[str, str]) -> None:
    assert spans(read_hours(text, zone)) == [expected]


def test_a_day_with_a_lunch_break_reads_the_same_in_both_spellings() -> None:
    older = read_hours("20261123:0930-1200,1300-1600", "Hongkong")
    assert older == read_hours(HONG_KONG, "Hongkong")
    assert len(older.sessions) == 2


def test_sessions_are_put_in_order() -> None:
    first, second = FOREX.split(";")
    assert read_hours(f"{second};{first};", NEW_YORK) == read_hours(FOREX, NEW_YORK)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-22 17:14", None),
        ("2026-11-22 17:15", "2026-11-22 17:15"),
        ("2026-11-23 00:00", "2026-11-22 17:15"),
        ("2026-11-23 16:59", "2026-11-22 17:15"),
        ("2026-11-23 17:00", None),
        ("2026-11-23 17:15", "2026-11-23 17:15"),
    ],
)
def test_a_session_goes_on_overnight_and_its_end_is_outside(at: str, opens: str | None) -> None:
    session = read_hours(FOREX, NEW_YORK).session_at(local(at))
    assert (session.opens_at if session else None) == (local(opens) if opens else None)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-23 09:29", "2026-11-23 09:30"),
        ("2026-11-23 09:30", "2026-11-24 09:30"),
        ("2026-11-25 17:00", "2026-11-27 09:30"),
        ("2026-11-27 13:00", None),
    ],
)
def test_the_next_opening_is_told_as_far_as_it_is_known(at: str, opens: str | None) -> None:
    assert read_hours(WEEK, NEW_YORK).next_opening(local(at)) == (local(opens) if opens else None)


@pytest.mark.parametrize(
    ("at", "closes"),
    [
        ("2026-11-23 04:00", "2026-11-23 16:00"),
        ("2026-11-23 20:00", "2026-11-23 16:00"),
        ("2026-11-26 12:00", None),
        ("2026-11-27 12:00", "2026-11-27 13:00"),
    ],
)
def test_the_close_of_today_is_by_the_exchanges_own_date(at: str, closes: str | None) -> None:
    assert read_hours(WEEK, NEW_YORK).close_today(local(at)) == (local(closes) if closes else None)


def test_a_day_in_two_halves_closes_with_the_second() -> None:
    hours = read_hours(HONG_KONG, "Hongkong")
    at = local("2026-11-23 10:00", "Hongkong")
    assert hours.close_today(at) == local("2026-11-23 16:00", "Hongkong")
    assert hours.session_at(local("2026-11-23 12:30", "Hongkong")) is None


def test_hours_that_end_before_the_instant_asked_for_are_not_taken_for_a_closed_market() -> None:
    hours = read_hours(WEEK, NEW_YORK)
    assert hours.known_until == date(2026, 11, 29)
    assert hours.session_at(local("2026-11-29 23:59")) is None
    for ask in (hours.session_at, hours.close_today):
        with pytest.raises(Rejected, match="hours-out-of-date") as caught:
            ask(local("2026-11-30 00:00"))
        assert "found them up to 2026-11-29; ask for the contract again" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "CLOSED",
        "20261123",
        "20261123:closed",
        "20261123:0930",
        "20261123:0930-1600-1700",
        "20261123:0930-20261123:2400",
        "20261123:0960-20261123:1600",
        "20261323:0930-20261323:1600",
        "20261123:1600-20261123:0930",
        "20261123:0930-20261123:0930",
        "20261123:1715-1700",  # overnight in the older spelling: of which day is not said
        "20261123:0930-20261123:1600;;20261124:CLOSED",
        "20261123:0930-20261123:1600 20261124:CLOSED",
        "２０２６１１２３:CLOSED",  # noqa: RUF001 (digits, but not the broker's)
        "00010101:0000-00010101:0001",
    ],
)
def test_hours_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(Rejected, match="hours-unreadable") as caught:
        read_hours(text, "Europe/Helsinki")
    assert ", found " in caught.value.message


@pytest.mark.parametrize("zone", ["", "EST (Eastern Standard Time)", "America", "../UTC"])
def test_a_time_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(Rejected, match="hours-unreadable"):
        read_hours(WEEK, zone)


@given(st.text(alphabet="0123459:-,;CLOSED", max_size=60) | st.from_regex(r"\A\d{8}:\d{4}-\d{8}:\d{4}\Z"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        sessions = read_hours(text, NEW_YORK).sessions
    except Rejected:
        return
    assert all(session.opens_at < session.closes_at for session in sessions)
    assert all(earlier.opens_at <= later.opens_at for earlier, later in pairwise(sessions))
