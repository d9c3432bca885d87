from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_simulator import hours
from gateway_simulator.clock import Clock
from gateway_simulator.contracts import Catalogue, Contract
from gateway_simulator.durations import HistoryError
from gateway_simulator.market import Bar, Market
from gateway_simulator.market_file import MarketFile, Refusal, Symbol, catalogue
from tests.unit.gateway_simulator.conftest import MORNING, found

NAMES = ("AAPL", "ANY", "700@SEHK", "SAP", "EUR.USD", "USD.JPY", "EUR.JPY")
patient = settings(deadline=None, max_examples=60)
SMALLER = {"1 day": "30 mins", "1 hour": "5 mins", "30 mins": "1 min", "5 mins": "30 secs", "1 min": "5 secs"}
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001 - aware on the next line
    lambda at: at.replace(tzinfo=UTC, microsecond=0)
)


def show(contract: Contract) -> str:
    return "MIDPOINT" if contract.sec_type == "CASH" else "TRADES"


def market_at(at: datetime, seed: int = 0, prices: MarketFile | None = None) -> Market:
    return Market(Clock(at, speed=0), seed, prices)


def daily(market: Market, contract: Contract, duration: str, at: datetime = MORNING) -> tuple[Bar, ...]:
    return market.bars(contract, at, duration, "1 day", show(contract), regular_hours=True)


# Quotes


@patient
@given(moments, st.sampled_from(NAMES), st.integers(0, 3))
def test_a_quote_is_the_same_whenever_and_in_whatever_order_it_is_asked_for(
    at: datetime, name: str, seed: int
) -> None:
    contract = found(catalogue(), name)
    alone = market_at(at, seed).quote(contract)
    busy = market_at(at, seed)
    busy.quote(contract, at - timedelta(days=3))
    daily(busy, contract, "2 D", at)
    assert busy.quote(contract) == alone == busy.quote(contract)


@patient
@given(moments, st.sampled_from(NAMES))
def test_a_quote_has_two_sides_around_the_last_price_while_the_market_is_open(
    at: datetime, name: str
) -> None:
    contract = found(catalogue(), name)
    quote = market_at(at).quote(contract)
    assert quote.last is not None
    assert (quote.bid is not None) == (quote.ask is not None) == hours.is_open(contract, at, regular=False)
    if quote.bid is not None and quote.ask is not None:
        assert quote.bid <= quote.last <= quote.ask
        assert quote.bid < quote.ask <= quote.bid + 3 * contract.min_tick + quote.bid / 5000
        assert quote.bid % contract.min_tick == 0


def test_seeds_and_symbols_have_prices_of_their_own(listed: Catalogue) -> None:
    told = {
        market_at(MORNING, seed).quote(found(listed, name)).last
        for seed in (0, 1)
        for name in ("AAPL", "MSFT", "SPY", "ANY", "OTHER")
    }
    assert len(told) == 10


def test_a_quote_has_the_day_so_far_and_the_close_before(market: Market, aapl: Contract) -> None:
    quote = market.quote(aapl)
    yesterday, today = daily(market, aapl, "2 D")
    assert (quote.open, quote.high, quote.low, quote.last) == (today.open, today.high, today.low, today.close)
    assert quote.close == yesterday.close
    assert quote.volume >= today.volume > 0


def test_before_the_opening_there_is_no_open_yet(aapl: Contract) -> None:
    early = market_at(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))  # 07:00 in New York
    quote = early.quote(aapl)
    assert (quote.open, quote.high, quote.low) == (None, None, None)
    assert None not in (quote.bid, quote.ask, quote.last, quote.close)


@patient
@given(moments.map(lambda at: at.replace(hour=15)), st.sampled_from(("AAPL", "EUR.USD", "EUR.JPY")))
def test_the_last_bars_close_is_the_quote(at: datetime, name: str) -> None:
    contract = found(catalogue(), name)
    market = market_at(at)
    bars = market.bars(contract, at, "3600 S", "5 mins", show(contract), regular_hours=False)
    quote = market.quote(contract)
    assert abs(bars[-1].close - (quote.last or 0)) <= contract.min_tick


# Bars


def pieces(large: Bar, small: Sequence[Bar], end: datetime) -> list[Bar]:
    return [bar for bar in small if large.start <= bar.start < end]


@patient
@given(moments, st.sampled_from(NAMES), st.sampled_from(list(SMALLER)), st.booleans())
def test_bars_of_a_larger_size_are_made_of_the_smaller_ones(
    at: datetime, name: str, size: str, regular: bool
) -> None:
    contract = found(catalogue(), name)
    market = market_at(at)
    reach = "2 D" if size == "1 day" else "7200 S"
    large = market.bars(contract, at, reach, size, show(contract), regular)
    small = market.bars(contract, at, reach, SMALLER[size], show(contract), regular)
    ends = [bar.start for bar in large[1:]] + [at]
    whole = list(zip(large, ends, strict=True))[1:]  # a request in seconds may begin within its first bar
    for bar, end in whole:
        parts = pieces(bar, small, end)
        assert bar.open == parts[0].open
        assert bar.close == parts[-1].close
        assert bar.high == max(part.high for part in parts)
        assert bar.low == min(part.low for part in parts)
        if bar.count >= 0:
            assert bar.volume == sum(part.volume for part in parts)


@patient
@given(moments, st.sampled_from(NAMES), st.sampled_from(["5 secs", "15 mins", "2 hours", "1 day", "1 week"]))
def test_a_bar_holds_its_own_prices(at: datetime, name: str, size: str) -> None:
    contract = found(catalogue(), name)
    reach = "600 S" if size == "5 secs" else "3 D"
    for bar in market_at(at).bars(contract, at, reach, size, show(contract), regular_hours=False):
        assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high


@patient
@given(moments, st.sampled_from(NAMES), st.booleans())
def test_there_is_no_bar_outside_sessions_and_none_in_the_future(
    at: datetime, name: str, regular: bool
) -> None:
    contract = found(catalogue(), name)
    bars = market_at(at).bars(contract, at, "3 D", "30 mins", show(contract), regular)
    assert all(hours.is_open(contract, bar.start, regular=regular) for bar in bars)
    assert bars[-1].start < at
    assert [bar.start for bar in bars] == sorted({bar.start for bar in bars})


@patient
@given(moments, st.sampled_from(NAMES), st.integers(1, 30))
def test_days_are_trading_days(at: datetime, name: str, count: int) -> None:
    contract = found(catalogue(), name)
    bars = daily(market_at(at), contract, f"{count} D", at)
    assert len(bars) == len({bar.day for bar in bars}) == count
    assert all(bar.day.weekday() < 5 for bar in bars)


def test_five_days_of_half_hours_end_with_the_unfinished_one(market: Market, aapl: Contract) -> None:
    bars = market.bars(aapl, MORNING, "5 D", "30 mins", "TRADES", regular_hours=True)
    assert len(bars) == 4 * 13 + 3
    assert bars[0].start == datetime(2026, 11, 17, 14, 30, tzinfo=UTC)
    assert bars[-1].start == datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
    later = market_at(MORNING + timedelta(minutes=5))
    finished = later.bars(aapl, MORNING, "5 D", "30 mins", "TRADES", regular_hours=True)
    assert finished == bars  # what counts is the end that was asked for
    grown = later.bars(aapl, later.quote(aapl).at, "5 D", "30 mins", "TRADES", regular_hours=True)
    assert grown[:-1] == bars[:-1]
    assert grown[-1].high >= bars[-1].high
    assert grown[-1].volume > bars[-1].volume


def test_regular_hours_begin_in_the_middle_of_an_hour(market: Market, aapl: Contract) -> None:
    def starts(regular: bool) -> list[str]:
        bars = market.bars(aapl, MORNING, "1 D", "1 hour", "TRADES", regular)
        return [f"{bar.start:%H:%M}" for bar in bars]

    assert starts(regular=True) == ["14:30", "15:00"]
    assert starts(regular=False) == [f"{hour:02}:00" for hour in range(9, 16)]


def test_seconds_count_trading_time_across_the_night(aapl: Contract) -> None:
    at = datetime(2026, 11, 23, 14, 31, tzinfo=UTC)  # a minute after the opening
    bars = market_at(at).bars(aapl, at, "1800 S", "1 min", "TRADES", regular_hours=True)
    assert len(bars) == 30
    assert bars[0].day == date(2026, 11, 20)
    assert bars[-1].start == datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def test_weeks_and_months_are_dated_by_their_last_day(market: Market, aapl: Contract) -> None:
    weeks = market.bars(aapl, MORNING, "1 M", "1 week", "TRADES", regular_hours=True)
    assert [bar.day for bar in weeks] == [
        date(2026, 10, 30), date(2026, 11, 6), date(2026, 11, 13), date(2026, 11, 20), date(2026, 11, 23)
    ]  # fmt: skip
    months = market.bars(aapl, MORNING, "3 M", "1 month", "TRADES", regular_hours=True)
    assert [bar.day for bar in months] == [
        date(2026, 8, 31), date(2026, 9, 30), date(2026, 10, 30), date(2026, 11, 23)
    ]  # fmt: skip
    days = daily(market, aapl, "4 M")
    september = [bar for bar in days if bar.day.month == 9]
    assert months[1].high == max(bar.high for bar in september)
    assert months[1].volume == sum(bar.volume for bar in september)


def test_an_early_close_makes_a_short_day(aapl: Contract) -> None:
    at = datetime(2026, 11, 28, tzinfo=UTC)
    bars = market_at(at).bars(aapl, at, "1 D", "30 mins", "TRADES", regular_hours=True)
    assert {bar.day for bar in bars} == {date(2026, 11, 27)}
    assert len(bars) == 7


def test_there_is_no_bar_during_lunch(tencent: Contract) -> None:
    at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    bars = market_at(at).bars(tencent, at, "1 D", "1 hour", "TRADES", regular_hours=True)
    assert [f"{bar.start:%H:%M}" for bar in bars] == ["01:30", "02:00", "03:00", "05:00", "06:00", "07:00"]


def test_bid_mid_and_ask_bars_lie_in_order_and_count_nothing(market: Market, aapl: Contract) -> None:
    sides = [
        market.bars(aapl, MORNING, "1 D", "30 mins", show, regular_hours=True)
        for show in ("BID", "MIDPOINT", "ASK")
    ]
    for bid, mid, ask in zip(*sides, strict=True):
        assert bid.high < mid.high < ask.high
        assert bid.low < mid.low < ask.low
        assert (bid.volume, mid.wap, ask.count) == (-1, -1, -1)


def test_a_year_of_closes_moves_about_as_much_as_its_volatility_says() -> None:
    prices = MarketFile(
        symbols={"TAME": Symbol(price=50, volatility=0.1), "WILD": Symbol(price=50, volatility=0.8)}
    )
    market, listed = market_at(MORNING, prices=prices), catalogue(prices)

    def volatility(name: str) -> float:
        closes = [float(bar.close) for bar in daily(market, found(listed, name), "2 Y")]
        moves = [after / before - 1 for before, after in pairwise(closes)]
        return float((sum(move * move for move in moves) / len(moves) * 252) ** 0.5)

    assert 0.08 < volatility("TAME") < 0.12
    assert 0.64 < volatility("WILD") < 0.96


@patient
@given(moments, st.sampled_from(NAMES))
def test_a_market_that_never_closes_has_two_sides_and_an_unbroken_row_of_bars_at_any_moment(
    at: datetime, name: str
) -> None:
    prices = MarketFile(hours="always")
    contract, market = found(catalogue(prices), name), market_at(at, prices=prices)
    quote = market.quote(contract)
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < quote.ask
    bars = market.bars(contract, at, "2 D", "30 mins", show(contract), regular_hours=True)
    assert all(after.start - before.start == timedelta(minutes=30) for before, after in pairwise(bars))
    assert timedelta(0) <= at - bars[-1].start <= timedelta(minutes=30)
    assert all(after.open == before.close for before, after in pairwise(bars))


# What IB refuses


@pytest.mark.parametrize(
    ("name", "asked", "code", "text"),
    [
        ("AAPL", ("5 D", "1 day", "FOO"), 321, "What to show value of FOO rejected."),
        ("AAPL", ("5 X", "1 day", "TRADES"), 321, "duration format"),
        ("AAPL", ("5 D", "3 days", "TRADES"), 321, "bar size setting is invalid"),
        ("EUR.USD", ("5 D", "1 day", "TRADES"), 162, "No historical market data for EUR/CASH@IDEALPRO Last"),
        ("AAPL", ("5 D", "1 secs", "TRADES"), 162, "Time length exceed max."),
    ],
)
def test_what_ib_refuses_is_refused_with_its_code_and_words(
    market: Market, listed: Catalogue, name: str, asked: tuple[str, str, str], code: int, text: str
) -> None:
    with pytest.raises(HistoryError, match=text) as refusal:
        market.bars(found(listed, name), MORNING, *asked, regular_hours=True)
    assert refusal.value.code == code


# Permissions


def test_data_that_was_not_bought_is_delayed_or_refused(listed: Catalogue) -> None:
    own = Refusal(code=10090, message="Part of requested market data is not subscribed.")
    prices = MarketFile(
        symbols={
            "AAPL": Symbol(data="delayed"),
            "MSFT": Symbol(data="none"),
            "IBM": Symbol(data="delayed", refusal=own),
        }
    )
    market = market_at(MORNING, prices=prices)
    aapl, msft, ibm, spy = (found(listed, name) for name in ("AAPL", "MSFT", "IBM", "SPY"))
    assert (market.permission(spy).level, market.permission(spy).code) == ("live", 0)
    assert (market.permission(aapl).level, market.permission(aapl).code) == ("delayed", 10089)
    assert (market.permission(msft).level, market.permission(msft).code) == ("none", 354)
    assert (market.permission(ibm).code, market.permission(ibm).message) == (own.code, own.message)
    late = market.bars(aapl, MORNING, "1 D", "5 mins", "TRADES", regular_hours=True)
    assert late[-1].start == datetime(2026, 11, 23, 15, 15, tzinfo=UTC)
    with pytest.raises(HistoryError, match="No market data permissions for NASDAQ STK"):
        market.bars(msft, MORNING, "1 D", "5 mins", "TRADES", regular_hours=True)


# Pinned prices


def test_a_pinned_price_is_bid_ask_and_last_until_it_is_free_again(market: Market, aapl: Contract) -> None:
    before = market.quote(aapl)
    market.set_price("AAPL", Decimal("101.255"))
    quote = market.quote(aapl)
    assert quote.bid == quote.ask == quote.last == Decimal("101.255")
    market.set_price("AAPL", None)
    assert market.quote(aapl).last == before.last


def test_bars_follow_a_pinned_price_from_then_on(clock: Clock, market: Market, aapl: Contract) -> None:
    market.set_price("AAPL", Decimal(500))
    clock.set(MORNING + timedelta(minutes=30))
    bars = market.bars(aapl, clock.now(), "1 D", "10 mins", "TRADES", regular_hours=True)
    assert [bar.close for bar in bars[-4:]] == [500] * 4
    pinned_within, *after = bars[-4:]
    assert pinned_within.high == 500 > pinned_within.low
    assert {bar.low for bar in after} == {500}


def test_a_price_of_nan_is_no_price_and_no_bar(clock: Clock, market: Market, aapl: Contract) -> None:
    market.set_price("AAPL", Decimal("nan"))
    quote = market.quote(aapl)
    assert (quote.bid, quote.ask) == (None, None)
    clock.set(MORNING + timedelta(hours=1))
    bars = market.bars(aapl, clock.now(), "1 D", "10 mins", "TRADES", regular_hours=True)
    assert bars[-1].start == datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


def test_a_price_of_zero_is_shown(market: Market, aapl: Contract) -> None:
    market.set_price("AAPL", Decimal(0))
    quote = market.quote(aapl)
    assert quote.bid == quote.ask == quote.last == 0


def test_a_market_file_can_fix_a_price_or_take_it_away(listed: Catalogue) -> None:
    prices = MarketFile(symbols={"AAPL": Symbol(fixed=Decimal("12.5")), "MSFT": Symbol(fixed=Decimal("nan"))})
    market = market_at(MORNING, prices=prices)
    bars = daily(market, found(listed, "AAPL"), "5 D")
    assert {bar.high for bar in bars} == {bar.low for bar in bars} == {Decimal("12.5")}
    assert market.quote(found(listed, "AAPL")).close == Decimal("12.5")
    nothing = market.quote(found(listed, "MSFT"))
    assert {nothing.bid, nothing.ask, nothing.last, nothing.open, nothing.close} == {None}
    with pytest.raises(HistoryError, match="HMDS query returned no data: MSFT@SMART TRADES"):
        daily(market, found(listed, "MSFT"), "5 D")


# Currencies


@patient
@given(
    moments,
    st.sampled_from(["EUR", "GBP", "USD", "JPY", "HKD", "CHF"]),
    st.sampled_from(["EUR", "USD", "HKD"]),
)
def test_rates_agree_across_currencies_at_any_hour(at: datetime, source: str, target: str) -> None:
    market = market_at(at)
    there, back = market.rate(source, target), market.rate(target, source)
    through = market.rate(source, "GBP") * market.rate("GBP", target)
    assert abs(there * back - 1) < Decimal("1e-7")
    assert abs(through / there - 1) < Decimal("1e-7")
    assert market.rate(source, source) == 1


@patient
@given(moments.filter(lambda at: at.weekday() < 4))
def test_a_pair_is_quoted_at_the_rate(at: datetime) -> None:
    market, listed = market_at(at), catalogue()
    for pair in ("EUR.USD", "USD.JPY", "EUR.JPY", "USD.HKD"):
        contract = found(listed, pair)
        quote = market.quote(contract)
        if quote.bid is not None and quote.ask is not None:
            assert quote.bid < market.rate(contract.symbol, contract.currency) < quote.ask


@pytest.mark.parametrize("name", ["EURUSD", "EUR.USD", "eur.usd"])
def test_a_pinned_pair_is_the_rate_in_both_directions(market: Market, eurusd: Contract, name: str) -> None:
    market.set_price(name, Decimal("1.25"))
    assert market.quote(eurusd).last == Decimal("1.25")
    assert (market.rate("EUR", "USD"), market.rate("USD", "EUR")) == (Decimal("1.25"), Decimal("0.8"))


def test_a_market_file_sets_what_currencies_are_worth() -> None:
    market = market_at(MORNING, prices=MarketFile(currencies={"EUR": 2.0}))
    assert Decimal("1.7") < market.rate("EUR", "USD") < Decimal("2.3")
