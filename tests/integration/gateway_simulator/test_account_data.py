"""Positions, account values, the summary, profit and loss, and how they follow trades."""

from datetime import timedelta
from decimal import Decimal

import pytest
from ib_insync import IB, MarketOrder, PnLSingle, RequestError

from gateway_simulator.accounts import parse_accounts
from tests.support.simulator import SPY, connected, ended, qualified, simulated, until


def value(ib: IB, tag: str, currency: str = "USD") -> Decimal:
    """A value of the first account, as the client keeps it."""
    rows = ib.accountValues(ib.managedAccounts()[0])
    [found] = [row.value for row in rows if (row.tag, row.currency) == (tag, currency)]
    return Decimal(found)


async def test_account_values_and_portfolio_follow_a_trade() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal(500))
    async with connected(gateway) as ib:
        assert value(ib, "NetLiquidation") == value(ib, "AvailableFunds") == 100_000
        await ended(ib.placeOrder(await qualified(ib, SPY), MarketOrder("BUY", 100, tif="DAY")))
        await until(ib.portfolio)
        [item] = ib.portfolio()
        assert (item.position, item.marketPrice, item.marketValue) == (100, 500, 50_000)
        assert item.averageCost == 500.01  # a dollar of commission in it
        await until(lambda: value(ib, "GrossPositionValue") == 50_000)
        assert value(ib, "TotalCashValue") == value(ib, "CashBalance") == Decimal("49999.00")
        assert value(ib, "NetLiquidation") == Decimal("99999.00")
        assert value(ib, "UnrealizedPnL", "BASE") == Decimal("-1.00")
        assert value(ib, "InitMarginReq") == Decimal("12500.00")
        assert value(ib, "BuyingPower") == 4 * value(ib, "AvailableFunds")


async def test_a_closed_position_is_told_as_zero() -> None:
    async with connected(simulated()) as ib:
        spy = await qualified(ib, SPY)
        await ended(ib.placeOrder(spy, MarketOrder("BUY", 100, tif="DAY")))
        await until(ib.positions)
        await ended(ib.placeOrder(spy, MarketOrder("SELL", 100, tif="DAY")))
        await until(lambda: not ib.positions())
        await until(lambda: not ib.portfolio())


async def test_an_account_in_euros_with_dollars_has_a_ledger_of_each() -> None:
    gateway = simulated(accounts=parse_accounts(["DU1:EUR:1000", "DU1:USD:220"]))
    gateway.market.set_price("EURUSD", Decimal("1.1"))
    async with connected(gateway) as ib:
        assert value(ib, "NetLiquidation", "EUR") == Decimal("1200.00")
        assert value(ib, "CashBalance", "EUR") == Decimal("1000.00")
        assert value(ib, "CashBalance", "USD") == Decimal("220.00")
        assert value(ib, "CashBalance", "BASE") == Decimal("1200.00")
        assert value(ib, "ExchangeRate", "USD") == pytest.approx(Decimal(1) / Decimal("1.1"))


async def test_each_account_of_a_login_has_its_own_values() -> None:
    gateway = simulated(accounts=parse_accounts(["DU1:USD:100", "DU2:EUR:200"]))
    async with connected(gateway) as ib:
        worth = {v.account: (v.value, v.currency) for v in ib.accountValues() if v.tag == "NetLiquidation"}
    assert worth == {"DU1": ("100.00", "USD"), "DU2": ("200.00", "EUR")}


async def test_the_summary_has_the_chosen_values_of_all_accounts() -> None:
    gateway = simulated(accounts=parse_accounts(["DU1:USD:100", "DU2:EUR:200"]))
    async with connected(gateway) as ib:
        rows = await ib.accountSummaryAsync()
        found = {(row.account, row.tag, row.currency): row.value for row in rows}
        assert found["DU1", "BuyingPower", "USD"] == "400.00"
        assert found["DU2", "NetLiquidation", "EUR"] == "200.00"
        assert found["DU2", "CashBalance", "BASE"] == "200.00"
        assert ("DU1", "AccountCode", "") not in found


async def test_profit_and_loss_move_with_the_market() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal(500))
    async with connected(gateway) as ib:
        spy = await qualified(ib, SPY)
        await ended(ib.placeOrder(spy, MarketOrder("BUY", 100, tif="DAY")))
        await ended(ib.placeOrder(spy, MarketOrder("SELL", 50, tif="DAY")))
        pnl = ib.reqPnL("DU1234567")
        single: PnLSingle = ib.reqPnLSingle("DU1234567", "", spy.conId)
        await until(lambda: single.position == 50 and pnl.realizedPnL == pnl.realizedPnL)
        assert pnl.realizedPnL == pytest.approx(-1.5)
        assert pnl.dailyPnL == single.dailyPnL == pytest.approx(-2)
        gateway.market.set_price("SPY", Decimal(510))
        gateway.clock.set(gateway.clock.now() + timedelta(seconds=1))
        await until(lambda: single.value == 50 * 510)
        assert single.unrealizedPnL == pytest.approx(500 - 0.5)
        await until(lambda: pnl.dailyPnL == pytest.approx(498))
        ib.cancelPnL("DU1234567")
        ib.cancelPnLSingle("DU1234567", "", spy.conId)
        await until(lambda: gateway.requests["cancelPnLSingle"])


async def test_an_account_that_does_not_exist_is_refused() -> None:
    async with connected(simulated()) as ib:
        with pytest.raises(RequestError, match="321"):
            await ib.reqAccountUpdatesMultiAsync("DU999")


async def test_nothing_is_told_again_that_has_not_changed() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        told: list[object] = []
        ib.accountValueEvent += told.append
        gateway.clock.set(gateway.clock.now() + timedelta(minutes=10))
        await ib.reqCurrentTimeAsync()
        await ib.reqCurrentTimeAsync()
        assert told == []
