"""Chains of futures: which months there are, when they end, how they roll."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_simulator.contracts import Catalogue, Contract, ContractQuery
from gateway_simulator.expiries import last_trade
from gateway_simulator.futures import products
from gateway_simulator.market_file import MarketFile, Symbol, catalogue
from tests.unit.gateway_simulator.conftest import MORNING

SYMBOLS = sorted({product.symbol for product in products()})
moments = st.datetimes(datetime(2024, 1, 1), datetime(2035, 12, 31)).map(  # noqa: DTZ001 - aware on the next line
    lambda at: at.replace(tzinfo=UTC, microsecond=0)
)
patient = settings(deadline=None, max_examples=60)


def at(moment: datetime) -> Catalogue:
    return catalogue(now=lambda: moment)


def chain(moment: datetime, symbol: str, **more: object) -> tuple[Contract, ...]:
    return at(moment).find(ContractQuery(symbol=symbol, sec_type="FUT", **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "month", "calendar", "last"),
    [
        ("third-friday", "2024-03", "CBOE", "2024-03-15"),
        ("third-friday", "2024-09", "CBOE", "2024-09-20"),
        ("third-friday", "2026-06", "CBOE", "2026-06-18"),  # Juneteenth is the third Friday
        ("thursday-before-third-friday", "2024-03", "CBOE", "2024-03-14"),
        ("before-the-25th", "2023-12", "NYMEX", "2023-11-20"),  # the 25th was a Saturday
        ("before-the-25th", "2024-01", "NYMEX", "2023-12-19"),  # Christmas was a Monday
        ("before-the-25th", "2024-02", "NYMEX", "2024-01-22"),
        ("thirty-days-before", "2023-12", "CBOE", "2023-12-20"),
        ("thirty-days-before", "2024-03", "CBOE", "2024-03-20"),
    ],
)
def test_the_last_trading_day_is_the_exchanges_own(rule: str, month: str, calendar: str, last: str) -> None:
    assert last_trade(rule, date.fromisoformat(f"{month}-01"), calendar) == date.fromisoformat(last)


def test_a_symbol_and_an_exchange_are_a_whole_chain_the_nearest_month_first() -> None:
    found = chain(MORNING, "ES", exchange="CME")
    assert [future.local_symbol for future in found] == ["ESZ6", "ESH7", "ESM7", "ESU7", "ESZ7"]
    assert {(str(f.multiplier), str(f.min_tick), f.currency, f.time_zone) for f in found} == {
        ("50", "0.25", "USD", "US/Central")
    }
    assert [future.contract_month for future in chain(MORNING, "CL")][:3] == ["202701", "202702", "202703"]


@pytest.mark.parametrize(
    "named",
    [
        {"last_trade_date": "202703"},
        {"last_trade_date": "20270319"},
        {"local_symbol": "ESH7"},
        {"last_trade_date": "202703", "multiplier": "50", "trading_class": "ES", "currency": "USD"},
    ],
)
def test_a_month_a_day_or_a_local_symbol_is_one_contract(named: dict[str, str]) -> None:
    [future] = chain(MORNING, "ES", **named)
    assert (future.local_symbol, future.last_trade_date) == ("ESH7", "20270319")


@pytest.mark.parametrize(
    "named",
    [
        {"exchange": "SMART"},
        {"exchange": "GLOBEX"},
        {"currency": "EUR"},
        {"last_trade_date": "202701"},  # not one of its months
        {"last_trade_date": "202009"},
        {"multiplier": "5"},
    ],
)
def test_what_no_month_fits_resolves_to_nothing(named: dict[str, str]) -> None:
    assert chain(MORNING, "ES", **named) == ()


@patient
@given(moments)
def test_at_any_time_as_many_months_are_listed_in_order_and_none_has_expired(moment: datetime) -> None:
    for product in products():
        found = [f for f in chain(moment, product.symbol) if f.trading_class == product.trading_class]
        assert len(found) == product.listed
        assert not any(future.has_expired(moment) for future in found)
        assert all(a.last_trade_date < b.last_trade_date for a, b in pairwise(found))
        assert len({future.local_symbol for future in found}) == len(found)


@patient
@given(moments)
def test_ids_are_distinct_and_lead_back_for_as_long_as_the_contract_lives(moment: datetime) -> None:
    found = [future for symbol in SYMBOLS for future in chain(moment, symbol)]
    assert len({future.con_id for future in found}) == len(found)
    for future in found:
        assert 0 < future.con_id < 2**31
        assert at(moment).get(future.con_id) == future
        assert future.expires_at is not None
        before, after = future.expires_at - timedelta(seconds=1), future.expires_at
        assert at(before).get(future.con_id) == future
        assert at(after).get(future.con_id) is None


@patient
@given(moments, st.sampled_from(SYMBOLS))
def test_the_continuous_future_is_a_listed_month_that_never_goes_back(moment: datetime, symbol: str) -> None:
    query = ContractQuery(symbol=symbol, sec_type="CONTFUT")
    [now] = at(moment).find(query)
    [later] = at(moment + timedelta(days=5)).find(query)
    assert now.con_id in {future.con_id for future in chain(moment, symbol)}
    assert (now.sec_type, now.order_types) == ("CONTFUT", "")
    assert now.last_trade_date <= later.last_trade_date
    assert at(moment).find(ContractQuery(con_id=now.con_id, sec_type="CONTFUT")) == (now,)
    assert at(moment).find(ContractQuery(con_id=now.con_id))[0].sec_type == "FUT"


def test_the_continuous_future_rolls_before_its_month_ends() -> None:
    query = ContractQuery(symbol="ES", sec_type="CONTFUT", exchange="CME")
    days = [datetime(2026, 12, day, 15, tzinfo=UTC) for day in (9, 11, 17)]
    assert [at(day).find(query)[0].local_symbol for day in days] == ["ESZ6", "ESH7", "ESH7"]
    assert chain(days[2], "ES")[0].local_symbol == "ESZ6"


def test_an_expired_month_is_found_only_when_it_is_asked_for() -> None:
    assert chain(MORNING, "ES", last_trade_date="202609") == ()
    [expired] = chain(MORNING, "ES", last_trade_date="202609", include_expired=True)
    assert expired.last_trade_date == "20260918"
    everything = chain(MORNING, "ES", include_expired=True)
    assert [f.local_symbol for f in everything[-6:]] == ["ESU6", "ESZ6", "ESH7", "ESM7", "ESU7", "ESZ7"]
    assert len({future.con_id for future in everything}) == len(everything)


def test_a_market_file_says_which_futures_and_indexes_exist() -> None:
    prices = MarketFile(others=False, symbols={"ES": Symbol(), "VIX": Symbol(exists=False)})
    here = catalogue(prices, lambda: MORNING)
    assert here.find(ContractQuery(symbol="ES", sec_type="FUT"))
    for kind in ("FUT", "CONTFUT", "IND"):
        assert here.find(ContractQuery(symbol="VIX", sec_type=kind)) == ()
    assert here.find(ContractQuery(symbol="NQ", sec_type="FUT")) == ()
