from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_simulator.contracts import Catalogue, ContractQuery
from gateway_simulator.forex import least_order
from gateway_simulator.market_file import MarketFile, Symbol, catalogue
from tests.unit.gateway_simulator.conftest import found


def stock(symbol: str, currency: str = "USD", exchange: str = "SMART", **more: str) -> ContractQuery:
    return ContractQuery(symbol=symbol, sec_type="STK", exchange=exchange, currency=currency, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("symbol", "primary", "con_id"),
    [("AAPL", "NASDAQ", 265598), ("SPY", "ARCA", 756733), ("IBM", "NYSE", 8314)],
)
def test_known_stocks_have_ibs_own_ids_and_exchanges(
    listed: Catalogue, symbol: str, primary: str, con_id: int
) -> None:
    (contract,) = listed.find(stock(symbol))
    assert (contract.con_id, contract.primary_exchange, contract.exchange) == (con_id, primary, "SMART")
    assert listed.get(con_id) == contract


@given(st.from_regex(r"[A-Z]{1,5}", fullmatch=True).filter(lambda symbol: not symbol.startswith("ZZZZ")))
def test_any_plausible_symbol_exists_and_its_id_leads_back_to_it(symbol: str) -> None:
    (contract,) = catalogue().find(stock(symbol)) or catalogue().find(stock(symbol, ""))
    assert contract.symbol == symbol
    assert 0 < contract.con_id < 2**31
    again = catalogue().find(ContractQuery(con_id=contract.con_id))
    assert again == (contract,)


@pytest.mark.parametrize("symbol", ["ZZZZ", "ZZZZQ", "TOOLONG", "A B C", "aapl!", "", "-1"])
def test_an_implausible_symbol_resolves_to_nothing(listed: Catalogue, symbol: str) -> None:
    assert listed.find(stock(symbol)) == ()


@pytest.mark.parametrize("con_id", [-1, 1, 2**31 - 1, 10**12])
def test_an_id_that_nobody_has_resolves_to_nothing(listed: Catalogue, con_id: int) -> None:
    assert listed.get(con_id) is None
    assert listed.find(ContractQuery(con_id=con_id)) == ()


def test_a_stock_is_found_at_the_exchange_that_was_asked_for(listed: Catalogue) -> None:
    (contract,) = listed.find(stock("AAPL", exchange="ISLAND"))
    assert contract.exchange == "ISLAND"
    assert listed.find(stock("AAPL", exchange="SEHK")) == ()
    assert listed.find(stock("AAPL", primary_exchange="NYSE")) == ()
    assert listed.find(stock("AAPL", currency="EUR")) == ()


@pytest.mark.parametrize(
    ("symbol", "currency", "exchange", "calendar"),
    [
        ("SAP", "EUR", "SMART", "IBIS"),
        ("NEWCO", "EUR", "IBIS", "IBIS"),
        ("VOD", "GBP", "LSE", "LSE"),
        ("9988", "HKD", "SEHK", "SEHK"),
    ],
)
def test_europe_and_hong_kong_are_listed_in_their_currencies(
    listed: Catalogue, symbol: str, currency: str, exchange: str, calendar: str
) -> None:
    (contract,) = listed.find(stock(symbol, currency, exchange))
    assert (contract.currency, contract.calendar) == (currency, calendar)
    ZoneInfo(contract.time_zone)  # what clients do with it


def test_a_symbol_without_a_currency_may_be_ambiguous(listed: Catalogue) -> None:
    assert {contract.currency for contract in listed.find(stock("NEWC", currency=""))} == {
        "USD",
        "EUR",
        "GBP",
    }


def test_a_market_file_says_which_symbols_exist_and_which_are_ambiguous() -> None:
    prices = MarketFile(
        others=False,
        symbols={"AAA": Symbol(), "AAPL": Symbol(exists=False), "TWICE": Symbol(listings=("US", "IBIS"))},
    )
    here = catalogue(prices)
    assert here.find(stock("AAPL")) == ()
    assert here.find(stock("MSFT")) == ()
    assert len(here.find(stock("AAA"))) == 1
    assert len(here.find(stock("TWICE", currency=""))) == 2


def test_pairs_exist_in_the_markets_direction_only(listed: Catalogue) -> None:
    (pair,) = listed.find(ContractQuery(symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD"))
    assert (pair.con_id, pair.local_symbol, str(pair.min_tick)) == (12087792, "EUR.USD", "0.00005")
    assert listed.get(pair.con_id) == pair
    assert listed.find(ContractQuery(symbol="USD", sec_type="CASH", currency="EUR")) == ()
    assert str(found(listed, "USD.JPY").min_tick) == "0.005"
    assert least_order(pair) == 20_000


def test_a_stock_and_a_pair_are_told_apart_by_their_type(listed: Catalogue) -> None:
    (pair,) = listed.find(ContractQuery(symbol="EUR", sec_type="CASH", currency="USD"))
    assert listed.find(ContractQuery(con_id=pair.con_id, sec_type="STK")) == ()
    assert listed.find(ContractQuery(symbol="EUR", sec_type="FUT", currency="USD")) == ()
