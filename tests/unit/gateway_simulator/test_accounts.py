"""Accounts: how they are given, what they are worth, how IB names it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from gateway_simulator import valuation
from gateway_simulator.account_values import account_values
from gateway_simulator.accounts import Account, parse_accounts
from gateway_simulator.book import Book, Position
from gateway_simulator.clock import Clock
from gateway_simulator.market import Market
from gateway_simulator.market_file import catalogue
from gateway_simulator.valuation import Valuation
from tests.unit.gateway_simulator.conftest import MORNING, found

STOCK, PAIR, TENCENT = (found(catalogue(), text) for text in ("AAPL", "EUR.USD", "700@SEHK"))


def valued(account: Account, *held: Position) -> Valuation:
    """An account with these positions, on a morning when a share costs 200 and a euro 1.1 dollars."""
    clock = Clock(MORNING, speed=0)
    market, book = Market(clock), Book()
    market.set_price("AAPL", Decimal(200))
    market.set_price("EURUSD", Decimal("1.1"))
    book.positions = {(p.account, p.contract.con_id): p for p in held}
    return valuation.value(account, book, market, MORNING - timedelta(hours=10), MORNING)


def rows(valuation: Valuation) -> dict[tuple[str, str], str]:
    return {(row.tag, row.currency): row.text for row in account_values(valuation)}


def test_accounts_are_given_by_their_balances() -> None:
    accounts = parse_accounts(["DU1:EUR:100", "DU1:USD:-5.5", "U2:CHF:7"])
    assert accounts["DU1"] == Account("DU1", "EUR", {"EUR": Decimal(100), "USD": Decimal("-5.5")})
    assert accounts["U2"].base == "CHF"


def test_without_any_there_is_one_paper_account_with_dollars() -> None:
    assert parse_accounts([]) == {"DU1234567": Account("DU1234567", "USD", {"USD": Decimal(100_000)})}


@pytest.mark.parametrize("text", ["DU1", "DU1:USD", "DU1:USD:x", "DU1:US:1", "DU1:USD:NaN", ":USD:1"])
def test_what_is_no_account_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(ValueError, match="expected an account like DU1234567:USD:100000, found"):
        parse_accounts([text])


def test_a_balance_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="DU1:USD twice"):
        parse_accounts(["DU1:USD:1", "DU1:USD:2"])


def test_an_account_is_worth_its_cash_and_its_shares() -> None:
    worth = valued(Account("DU1"), Position("DU1", STOCK, Decimal(100), Decimal(150)))
    assert worth.net_liquidation == 100_000 + 100 * 200
    assert worth.unrealized == 100 * (200 - 150)
    assert worth.gross_value == 20_000
    assert worth.available == worth.net_liquidation - worth.margin
    assert worth.buying_power == worth.available * 4


def test_a_short_position_counts_against_the_account() -> None:
    worth = valued(Account("DU1"), Position("DU1", STOCK, Decimal(-100), Decimal(150)))
    assert worth.net_liquidation == 100_000 - 100 * 200
    assert worth.unrealized == -100 * (200 - 150)
    assert worth.margin > 0


def test_cash_in_another_currency_counts_in_the_base() -> None:
    account = Account("DU1", "EUR", {"EUR": Decimal(1000), "USD": Decimal(1100)})
    found_rows = rows(valued(account))
    assert found_rows["NetLiquidation", "EUR"] == "2000.00"
    assert found_rows["CashBalance", "USD"] == "1100.00"
    assert found_rows["CashBalance", "BASE"] == "2000.00"
    assert found_rows["ExchangeRate", "EUR"] == "1.00"
    assert Decimal(found_rows["ExchangeRate", "USD"]) == pytest.approx(Decimal(1) / Decimal("1.1"))


def test_a_forex_position_is_cash_that_is_counted_already() -> None:
    account = Account("DU1", "USD", {"USD": Decimal(1000), "EUR": Decimal(100)})
    worth = valued(account, Position("DU1", PAIR, Decimal(100), Decimal("1.0")))
    assert worth.net_liquidation == 1000 + 110
    assert worth.unrealized == 0


def test_a_share_in_another_currency_counts_at_its_rate() -> None:
    worth = valued(Account("DU1"), Position("DU1", TENCENT, Decimal(100), Decimal(400)))
    [holding] = worth.holdings
    assert worth.owned_value == holding.value * worth.rates["HKD"]
    assert rows(worth)["StockMarketValue", "HKD"] == str(holding.value.quantize(Decimal("0.01")))


def test_positions_of_another_account_do_not_count() -> None:
    assert valued(Account("DU1"), Position("DU2", STOCK, Decimal(100), Decimal(150))).holdings == ()


def test_a_position_without_a_price_is_worth_what_it_cost() -> None:
    clock = Clock(MORNING, speed=0)
    market, book = Market(clock), Book()
    market.set_price("AAPL", Decimal("NaN"))
    held = Position("DU1", replace(STOCK, multiplier=Decimal(2)), Decimal(100), Decimal(300))
    book.positions = {("DU1", STOCK.con_id): held}
    worth = valuation.value(Account("DU1"), book, market, MORNING, MORNING)
    assert worth.net_liquidation.is_finite()
