from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway_simulator import hours
from gateway_simulator.contracts import Catalogue, Contract
from gateway_simulator.market_file import MarketFile, catalogue
from tests.unit.gateway_simulator.conftest import derivative, found


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_hours_are_written_as_ib_does_with_thanksgiving_and_the_early_close_after_it(aapl: Contract) -> None:
    week = date(2026, 11, 25)
    assert hours.trading_hours(aapl, week, 6) == (
        "20261125:0400-20261125:2000;20261126:CLOSED;20261127:0400-20261127:1700;"
        "20261128:CLOSED;20261129:CLOSED;20261130:0400-20261130:2000"
    )
    assert hours.liquid_hours(aapl, week, 3) == (
        "20261125:0930-20261125:1600;20261126:CLOSED;20261127:0930-20261127:1300"
    )


@pytest.mark.parametrize(
    ("day", "closes"),
    [
        ("2025-07-03", "13:00"),  # the day before Independence Day
        ("2026-11-27", "13:00"),  # the day after Thanksgiving
        ("2026-12-24", "13:00"),
        ("2026-07-02", "16:00"),  # the holiday itself is observed on the 3rd
        ("2027-11-26", "13:00"),
    ],
)
def test_new_york_closes_early_on_half_days(aapl: Contract, day: str, closes: str) -> None:
    close = hours.session_close(aapl, utc(f"{day}T15:00:00+00:00"))
    assert close is not None
    assert f"{close.astimezone(ZoneInfo('America/New_York')):%H:%M}" == closes
    assert hours.liquid_hours(aapl, date.fromisoformat(day), 1).endswith(closes.replace(":", ""))


@pytest.mark.parametrize("day", ["2026-01-01", "2026-04-03", "2026-06-19", "2026-07-03", "2026-12-25"])
def test_new_york_is_shut_on_its_holidays(aapl: Contract, day: str) -> None:
    assert hours.trading_hours(aapl, date.fromisoformat(day), 1).endswith("CLOSED")


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        ("2026-03-06", "14:30"),  # winter time, the Friday before the change
        ("2026-03-09", "13:30"),  # summer time, the Monday after
        ("2026-10-30", "13:30"),
        ("2026-11-02", "14:30"),
    ],
)
def test_both_changes_of_the_clock_move_the_opening_in_utc(aapl: Contract, day: str, opens: str) -> None:
    assert hours.next_open(aapl, utc(f"{day}T09:00:00+00:00")) == utc(f"{day}T{opens}:00+00:00")


def test_a_session_is_on_from_its_first_second_to_before_its_last(aapl: Contract) -> None:
    opening, closing = utc("2026-11-23T09:30:00-05:00"), utc("2026-11-23T16:00:00-05:00")
    assert hours.is_open(aapl, opening)
    assert not hours.is_open(aapl, closing)
    assert hours.is_open(aapl, closing, regular=False)
    assert not hours.is_open(aapl, utc("2026-11-23T04:00:00-05:00"))
    assert hours.session_close(aapl, opening) == closing
    assert hours.session_close(aapl, closing) is None
    assert hours.session_close(aapl, closing, regular=False) == utc("2026-11-23T20:00:00-05:00")


def test_the_next_open_skips_weekends_and_holidays(aapl: Contract) -> None:
    assert hours.next_open(aapl, utc("2026-11-25T17:00:00-05:00")) == utc("2026-11-27T09:30:00-05:00")
    assert hours.next_open(aapl, utc("2026-11-27T14:00:00-05:00")) == utc("2026-11-30T09:30:00-05:00")
    now = utc("2026-11-23T10:00:00-05:00")
    assert hours.next_open(aapl, now) == now


def test_forex_trades_from_sunday_evening_to_friday_evening(eurusd: Contract) -> None:
    assert hours.trading_hours(eurusd, date(2026, 11, 20), 4) == (
        "20261119:1715-20261120:1700;20261121:CLOSED;20261122:1715-20261123:1700"
    )
    assert hours.liquid_hours(eurusd, date(2026, 11, 20), 4) == hours.trading_hours(
        eurusd, date(2026, 11, 20), 4
    )
    assert not hours.is_open(eurusd, utc("2026-11-20T17:00:00-05:00"))
    assert not hours.is_open(eurusd, utc("2026-11-22T17:14:59-05:00"))
    assert hours.is_open(eurusd, utc("2026-11-22T17:15:00-05:00"))
    assert hours.is_open(eurusd, utc("2026-11-23T03:00:00-05:00"))
    assert not hours.is_open(eurusd, utc("2026-11-23T17:05:00-05:00"))


def test_a_forex_day_is_the_one_that_it_ends_on(eurusd: Contract) -> None:
    assert hours.trading_day(eurusd, utc("2026-11-22T18:00:00-05:00")) == date(2026, 11, 23)
    assert hours.session_close(eurusd, utc("2026-11-22T18:00:00-05:00")) == utc("2026-11-23T17:00:00-05:00")


def test_forex_rests_on_christmas_and_new_year(eurusd: Contract) -> None:
    assert hours.trading_hours(eurusd, date(2026, 12, 25), 1) == "20261225:CLOSED"
    assert hours.trading_hours(eurusd, date(2027, 1, 1), 1) == "20270101:CLOSED"


def test_hong_kong_pauses_for_lunch_and_ends_at_noon_on_half_days(tencent: Contract) -> None:
    assert hours.trading_hours(tencent, date(2026, 12, 23), 3) == (
        "20261223:0930-20261223:1200;20261223:1300-20261223:1600;20261224:0930-20261224:1200;20261225:CLOSED"
    )
    morning = utc("2026-12-23T10:00:00+08:00")
    assert hours.session_close(tencent, morning) == utc("2026-12-23T16:00:00+08:00")
    assert not hours.is_open(tencent, utc("2026-12-23T12:30:00+08:00"))
    assert hours.next_open(tencent, utc("2026-12-23T12:30:00+08:00")) == utc("2026-12-23T13:00:00+08:00")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SAP", "20261223:0900-20261223:1730;20261224:CLOSED"),
        ("VOD", "20261223:0800-20261223:1630;20261224:0800-20261224:1230"),
    ],
)
def test_europe_keeps_its_own_hours(listed: Catalogue, name: str, expected: str) -> None:
    assert hours.trading_hours(found(listed, name), date(2026, 12, 23), 2) == expected


@pytest.mark.parametrize("name", ["AAPL", "EUR.USD", "700@SEHK"])
@pytest.mark.parametrize("day", ["2026-11-22", "2026-11-26", "2026-12-25", "2026-03-08", "2026-11-01"])
def test_a_market_that_never_closes_trades_on_any_day_from_midnight_to_midnight(name: str, day: str) -> None:
    contract = found(catalogue(MarketFile(hours="always")), name)
    zone, on = ZoneInfo(contract.time_zone), date.fromisoformat(day)
    written = f"{on:%Y%m%d}:0000-{on + timedelta(days=1):%Y%m%d}:0000"
    assert hours.trading_hours(contract, on, 1) == hours.liquid_hours(contract, on, 1) == written
    midnight = datetime.combine(on, time(), zone)
    for at in (midnight - timedelta(seconds=1), midnight, midnight + timedelta(hours=15)):
        assert hours.is_open(contract, at)
        assert hours.next_open(contract, at) == at
        assert hours.trading_day(contract, at) == at.astimezone(zone).date()
    assert hours.session_close(contract, midnight) == datetime.combine(on + timedelta(days=1), time(), zone)


@pytest.mark.parametrize(
    ("kind", "name", "trading", "liquid"),
    [
        ("FUT", "ESZ6", "20261122:1700-20261123:1600", "20261123:0830-20261123:1600"),
        ("FUT", "CLF7", "20261122:1800-20261123:1700", "20261123:0930-20261123:1700"),
        ("IND", "SPX", "20261123:0830-20261123:1500", "20261123:0830-20261123:1500"),
        ("OPT", "SPY   261218C00600000", "20261123:0930-20261123:1600", "20261123:0930-20261123:1600"),
        ("OPT", "SPXW  261218C06000000", "20261123:0830-20261123:1515", "20261123:0830-20261123:1515"),
    ],
)
def test_futures_options_and_indexes_have_the_hours_of_their_exchanges(
    kind: str, name: str, trading: str, liquid: str
) -> None:
    contract = derivative(kind, name)
    assert hours.trading_hours(contract, date(2026, 11, 23), 1) == trading
    assert hours.liquid_hours(contract, date(2026, 11, 23), 1) == liquid


def test_futures_trade_from_evening_to_afternoon_with_a_break_and_end_early_on_half_days() -> None:
    es = derivative("FUT", "ESZ6")
    assert hours.is_open(es, utc("2026-11-22T23:00:00+00:00"), regular=False)  # Sunday, 17:00 in Chicago
    assert not hours.is_open(es, utc("2026-11-22T22:59:59+00:00"), regular=False)
    assert not hours.is_open(es, utc("2026-11-23T22:30:00+00:00"), regular=False)  # the daily break
    assert not hours.is_open(es, utc("2026-11-24T04:00:00+00:00"))  # at night only for who wants it
    assert hours.trading_hours(es, date(2026, 11, 26), 2) == ("20261126:CLOSED;20261126:1700-20261127:1200")
