from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway_simulator.clock import Clock
from gateway_simulator.contracts import Contract
from gateway_simulator.market import Bar, HistoryError, Market
from gateway_simulator.market_file import load_market

HEADER = "symbol,start,open,high,low,close,volume\n"
HALF_HOURS = HEADER + (
    "AAPL,2026-11-23T14:30:00+00:00,100,103,99.5,101,1000\n"
    "AAPL,2026-11-23T15:00:00Z,101,101.5,98,98.5,2000\n"
    "AAPL,2026-11-23T10:30:00-05:00,98.5,99,98.4,98.6,500\n"
)
DAYS = HEADER + "AAPL,2026-11-19,100,105,99,104,5000\nAAPL,2026-11-20,104,110,103,109,7000\n"


def market(folder: Path, bars: str, at: datetime) -> Market:
    (folder / "bars.csv").write_text(bars)
    (folder / "market.yaml").write_text("replay: bars.csv\n")
    return Market(Clock(at, speed=0), prices=load_market(folder / "market.yaml"))


def told(bar: Bar) -> str:
    return f"{bar.open} {bar.high} {bar.low} {bar.close} {bar.volume}"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_bars_of_the_files_size_are_the_files_own(tmp_path: Path, aapl: Contract) -> None:
    at = utc("2026-11-23T16:00:00Z")
    bars = market(tmp_path, HALF_HOURS, at).bars(aapl, at, "1 D", "30 mins", "TRADES", regular_hours=True)
    assert [told(bar) for bar in bars] == [
        "100.00 103.00 99.50 101.00 1000",
        "101.00 101.50 98.00 98.50 2000",
        "98.50 99.00 98.40 98.60 500",
    ]


def test_a_start_without_a_zone_is_in_the_exchanges_own(tmp_path: Path, tencent: Contract) -> None:
    at = utc("2026-11-23T02:00:00Z")
    replayed = market(tmp_path, HEADER + "700,2026-11-23 09:30,400,405,395,401,1000\n", at)
    (bar,) = replayed.bars(tencent, at, "1 D", "1 hour", "TRADES", regular_hours=True)
    assert bar.start == utc("2026-11-23T01:30:00Z")


def test_larger_and_smaller_bars_are_built_from_them(tmp_path: Path, aapl: Contract) -> None:
    at = utc("2026-11-23T16:00:00Z")
    replayed = market(tmp_path, HALF_HOURS, at)
    (day,) = replayed.bars(aapl, at, "1 D", "1 day", "TRADES", regular_hours=True)
    assert told(day) == "100.00 103.00 98.00 98.60 3500"
    minutes = replayed.bars(aapl, at, "1 D", "1 min", "TRADES", regular_hours=True)
    first = [bar for bar in minutes if bar.start < utc("2026-11-23T15:00:00Z")]
    assert len(first) == 30
    assert first[0].open == 100
    assert first[-1].close == 101
    assert max(bar.high for bar in first) == 103
    assert min(bar.low for bar in first) == Decimal("99.5")
    assert sum(bar.volume for bar in first) == 1000


def test_a_quote_moves_from_one_bars_open_to_its_close(tmp_path: Path, aapl: Contract) -> None:
    start = utc("2026-11-23T15:00:00Z")
    replayed = market(tmp_path, HALF_HOURS, start)
    assert replayed.quote(aapl).last == 101
    inside = replayed.quote(aapl, start + timedelta(minutes=10))
    assert inside.last is not None
    assert 98 <= inside.last <= Decimal("101.5")


def test_days_fill_the_regular_session(tmp_path: Path, aapl: Contract) -> None:
    at = utc("2026-11-20T22:00:00Z")
    replayed = market(tmp_path, DAYS, at)
    days = replayed.bars(aapl, at, "2 D", "1 day", "TRADES", regular_hours=True)
    assert [told(bar) for bar in days] == [
        "100.00 105.00 99.00 104.00 5000",
        "104.00 110.00 103.00 109.00 7000",
    ]
    hours = replayed.bars(aapl, at, "1 D", "1 hour", "TRADES", regular_hours=True)
    assert hours[0].open == 104
    assert hours[-1].close == 109
    assert max(bar.high for bar in hours) == 110
    assert replayed.quote(aapl).close == 104


def test_where_the_file_ends_there_is_no_data(tmp_path: Path, aapl: Contract) -> None:
    at = utc("2027-03-01T16:00:00Z")
    replayed = market(tmp_path, DAYS, at)
    assert replayed.quote(aapl).last is None
    with pytest.raises(HistoryError, match="HMDS query returned no data: AAPL@SMART TRADES"):
        replayed.bars(aapl, at, "5 D", "1 day", "TRADES", regular_hours=True)


def test_symbols_that_are_not_in_the_file_still_walk(tmp_path: Path, tencent: Contract) -> None:
    at = utc("2026-11-20T22:00:00Z")
    assert market(tmp_path, DAYS, at).quote(tencent).last is not None


@pytest.mark.parametrize(
    ("bars", "problem"),
    [
        ("a,b\n", "expected the columns symbol,start,open,high,low,close,volume, found ['a', 'b']"),
        (
            HEADER + "AAPL,yesterday,1,1,1,1,1\n",
            "line 2: start: expected an ISO date or time, found 'yesterday'",
        ),
        (HEADER + "AAPL,2026-11-19,x,1,1,1,1\n", "line 2: open: expected a number, found 'x'"),
        (HEADER + "AAPL,2026-11-19,5,4,3,3,1\n", "line 2: expected 0 < low <= open, close <= high"),
        (HEADER + "AAPL,2026-11-19,5\n", "line 2: "),
        (
            DAYS + "AAPL,2026-11-20,104,110,103,109,7000\n",
            "in order and of one kind, found 2026-11-20 after 2026-11-20",
        ),
    ],
)
def test_a_mistake_in_the_bars_is_told_in_one_line(tmp_path: Path, bars: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"replay: bars\.csv") as mistake:
        market(tmp_path, bars, utc("2026-11-20T22:00:00Z"))
    assert problem in str(mistake.value)
    assert "\n" not in str(mistake.value)
