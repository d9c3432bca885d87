"""Futures, options and indexes, as a client asks for them and trades them."""

from datetime import datetime, timedelta
from decimal import Decimal
from math import isnan
from typing import Any

import pytest
from ib_insync import (
    IB,
    BarData,
    ContFuture,
    Contract,
    Future,
    Index,
    LimitOrder,
    MarketOrder,
    Option,
    RequestError,
    Stock,
)

from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from gateway_simulator.wire import requests, responses
from tests.support.raw import let_in
from tests.support.simulator import connected, ended, errors, qualified, simulated, until

VERSIONS = range(157, 177)  # those that ib_insync speaks
ES = Future("ES", "202612", "CME")
CALL = Option("SPY", "20261218", 600, "C", "SMART")
SPX, VIX = Index("SPX", "CBOE"), Index("VIX", "CBOE")


async def details(ib: IB, contract: Contract) -> list[Any]:
    return list(await ib.reqContractDetailsAsync(contract))


@pytest.mark.parametrize("version", VERSIONS)
async def test_contracts_are_understood_at_each_version(version: int) -> None:
    async with connected(simulated(max_version=version)) as ib:
        [future] = await details(ib, ES)
        [option] = await details(ib, CALL)
        [index] = await details(ib, SPX)
        chains = await ib.reqSecDefOptParamsAsync("SPY", "", "STK", 756733)

    assert future.contract.lastTradeDateOrContractMonth == future.realExpirationDate == "20261218"
    assert (future.lastTradeTime, future.contractMonth, future.minTick) == ("08:30:00", "202612", 0.25)
    assert (future.contract.localSymbol, future.contract.multiplier) == ("ESZ6", "50")
    assert future.tradingHours.startswith("20261122:1700-20261123:1600")
    assert future.liquidHours.startswith("20261123:0830-20261123:1600")
    assert (future.underSymbol, future.underSecType, future.underConId) == ("SPX", "IND", 416904)
    assert (option.contract.strike, option.contract.right, option.contract.tradingClass) == (600, "C", "SPY")
    assert (option.underConId, option.lastTradeTime, option.minSize) == (
        756733,
        "16:00:00",
        1 if version > 163 else 0,
    )
    assert (index.contract.secType, index.contract.exchange, index.timeZoneId) == (
        "IND",
        "CBOE",
        "US/Central",
    )
    assert {chain.exchange for chain in chains} >= {"SMART", "CBOE"}
    assert {int(chain.underlyingConId) for chain in chains} == {756733}


async def test_a_partial_contract_is_every_match_and_a_full_one_is_one() -> None:
    async with connected(simulated()) as ib:
        chain = await details(ib, Future("ES", exchange="CME"))
        strikes = await details(ib, Option("SPY", "20261218", right="P", exchange="SMART"))
        expiries = await details(ib, Option("SPY", strike=600, right="C", exchange="CBOE"))
        [series] = await details(ib, ContFuture("ES", "CME"))

    assert [each.contract.localSymbol for each in chain] == ["ESZ6", "ESH7", "ESM7", "ESU7", "ESZ7"]
    assert len({each.contract.strike for each in strikes}) == len(strikes) > 50
    assert {each.contract.exchange for each in expiries} == {"CBOE"}
    assert "20261218" in {each.contract.lastTradeDateOrContractMonth for each in expiries}
    assert (series.contract.secType, series.contract.conId) == ("CONTFUT", chain[0].contract.conId)


async def test_the_parameters_of_a_chain_are_those_of_its_contracts() -> None:
    async with connected(simulated()) as ib:
        spx = await qualified(ib, SPX)
        chains = await ib.reqSecDefOptParamsAsync("SPX", "", "IND", spx.conId)
        for chain in chains:
            listed = await details(
                ib,
                Option("SPX", chain.expirations[0], exchange=chain.exchange, tradingClass=chain.tradingClass),
            )
            assert {each.contract.strike for each in listed} == set(chain.strikes)
            assert {each.contract.multiplier for each in listed} == {chain.multiplier}
        assert {chain.tradingClass for chain in chains} == {"SPX", "SPXW"}


@pytest.mark.parametrize(
    ("sec_type", "con_id", "text"),
    [("STK", 4, "Invalid contract id"), ("IND", 756733, "Invalid contract id")],
)
async def test_the_parameters_of_a_wrong_id_are_refused(sec_type: str, con_id: int, text: str) -> None:
    async with connected(simulated()) as ib:
        with pytest.raises(RequestError, match=text):
            await ib.reqSecDefOptParamsAsync("SPY", "", sec_type, con_id)


async def test_what_has_no_options_has_an_empty_answer() -> None:
    async with serve(simulated()) as server, let_in(server) as client:
        client.send(requests.ReqSecDefOptParams(req_id=5, symbol="KO", sec_type="STK", con_id=8894))
        answer = await client.answer(responses.SecurityDefinitionOptionParameterEnd)
    assert answer.req_id == 5


@pytest.mark.parametrize(
    "contract",
    [
        Future("ES", "202609", "CME"),  # expired
        Future("ES", "202612", "SMART"),
        Option("SPY", "20261218", 601, "C", "SMART"),
        Option("SPY", "20261120", 600, "C", "SMART"),  # expired
        Index("NOTHING", "CBOE"),
        ContFuture("NOTHING", "CME"),
    ],
)
async def test_what_does_not_exist_is_error_200(contract: Contract) -> None:
    async with connected(simulated()) as ib:
        for question in (details(ib, contract), history(ib, contract)):
            with pytest.raises(RequestError, match="No security definition"):
                await question


async def test_an_open_name_is_ambiguous_for_prices_and_orders() -> None:
    async with connected(simulated()) as ib:
        with pytest.raises(RequestError, match="ambiguous"):
            await history(ib, Future("ES", exchange="CME"))
        trade = ib.placeOrder(Future("ES", exchange="CME"), MarketOrder("BUY", 1, tif="DAY"))
        assert await errors(ib, 200)
        await ended(trade)


async def test_chains_roll_with_the_clock() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        [first] = await details(ib, ES)
        gateway.clock.set(datetime.fromisoformat("2026-12-18T14:30:00+00:00"))
        chain = await details(ib, Future("ES", exchange="CME"))
        assert [each.contract.localSymbol for each in chain] == ["ESH7", "ESM7", "ESU7", "ESZ7", "ESH8"]
        with pytest.raises(RequestError, match="No security definition"):
            await details(ib, Contract(conId=first.contract.conId))
        [expired] = await details(ib, Future("ES", "202612", "CME", includeExpired=True))
        assert expired.contract.conId == first.contract.conId


async def test_prices_come_as_ib_sends_them() -> None:
    async with connected(simulated()) as ib:
        asked = [await qualified(ib, each) for each in (ES, CALL, VIX)]
        future, option, index = await ib.reqTickersAsync(*asked)
        assert future.bid < future.ask <= future.bid + 1
        assert (future.bid * 4) % 1 == 0
        assert future.volume > 0
        model: Any = option.modelGreeks
        assert model.impliedVol == pytest.approx(0.16)
        assert 0 < model.delta < 1
        assert option.bid <= model.optPrice <= option.ask
        assert index.last > 0
        assert isnan(index.bid)  # nobody quotes it
        assert isnan(index.volume)


async def history(ib: IB, contract: Contract, show: str = "TRADES", end: str = "") -> list[BarData]:
    return list(await ib.reqHistoricalDataAsync(contract, end, "2 D", "1 hour", show, useRTH=False))


async def test_bars_of_each_kind_and_none_of_what_an_index_has_not() -> None:
    async with connected(simulated()) as ib:
        night = await history(ib, ES)
        series = await history(ib, ContFuture("ES", "CME"))
        option = await history(ib, CALL)
        index = await history(ib, VIX)
        with pytest.raises(RequestError, match="No historical market data"):
            await history(ib, VIX, "BID")
        with pytest.raises(RequestError, match="not allowed"):
            await history(ib, ContFuture("ES", "CME"), end="20261120 16:00:00 US/Eastern")

    assert len(night) > 30  # nearly all the hours of two days
    assert series == night
    assert len(option) == 8
    assert {bar.volume for bar in index} == {0}


async def holdings(gateway: Gateway) -> dict[str, Decimal]:
    return {p.contract.local_symbol: p.quantity for p in gateway.book.positions.values() if p.quantity}


async def test_futures_and_options_are_traded_held_and_closed() -> None:
    gateway = simulated()
    gateway.market.set_price("ESZ6", Decimal(6000))
    gateway.market.set_price("SPY   261218C00600000", Decimal(10))
    async with connected(gateway) as ib:
        es, call = await qualified(ib, ES), await qualified(ib, CALL)
        for contract, quantity in ((es, 1), (call, 3)):
            trade = await ended(ib.placeOrder(contract, MarketOrder("BUY", quantity, tif="DAY")))
            assert trade.orderStatus.status == "Filled"
        await until(lambda: len(ib.portfolio()) == 2)
        [future, option] = sorted(ib.portfolio(), key=lambda item: item.contract.secType)
        assert (future.contract.multiplier, future.marketValue, future.averageCost) == (
            "50",
            300_000,
            300_002.25,
        )
        assert future.contract.lastTradeDateOrContractMonth == "20261218"
        assert (option.contract.strike, option.contract.right, option.marketValue) == (600, "C", 3000)
        worth = {
            row.tag: float(row.value) for row in await ib.accountSummaryAsync() if row.tag.endswith("Value")
        }
        assert worth["TotalCashValue"] == 100_000 - 2.25 - 3000 - 1.95

        gateway.market.set_price("ESZ6", Decimal(6010))
        [position] = [p for p in ib.positions() if p.contract.secType == "FUT"]
        position.contract.exchange = "CME"
        closed = await ended(ib.placeOrder(position.contract, MarketOrder("SELL", 1, tif="DAY")))
        [fill] = closed.fills
        await until(lambda: fill.commissionReport.execId)
        assert fill.commissionReport.realizedPNL == 500 - 2 * 2.25
        assert gateway.value("DU1234567").net_liquidation == Decimal(100_000) + 500 - Decimal("6.45")
        assert await holdings(gateway) == {"SPY   261218C00600000": 3}


async def test_a_limit_must_fit_the_tick_and_the_margin_the_account() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        es = await qualified(ib, ES)
        ib.placeOrder(es, LimitOrder("BUY", 1, 5000.1, tif="DAY"))
        assert await errors(ib, 110)
        ib.placeOrder(es, MarketOrder("BUY", 100, tif="DAY"))
        assert "AVAILABLE FUNDS" in (await errors(ib, 201))[2]


@pytest.mark.parametrize("contract", [SPX, ContFuture("ES", "CME")], ids=lambda each: each.secType)
async def test_what_is_only_looked_at_can_not_be_ordered(contract: Contract) -> None:
    async with connected(simulated()) as ib:
        ib.placeOrder(await qualified(ib, contract), MarketOrder("BUY", 1, tif="DAY"))
        assert "not available for trading" in (await errors(ib, 412))[2]


async def test_at_its_end_a_position_is_gone_and_its_value_is_cash() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal(612))
    async with connected(gateway) as ib:
        call = await qualified(ib, CALL)
        await qualified(ib, Stock("SPY", "SMART", "USD"))
        await ended(ib.placeOrder(call, MarketOrder("BUY", 2, tif="DAY")))
        await until(ib.positions)
        cash = gateway.accounts["DU1234567"].cash["USD"]
        gateway.clock.set(datetime.fromisoformat("2026-12-18T21:00:00+00:00") + timedelta(seconds=1))
        await until(lambda: not ib.positions())
        assert gateway.accounts["DU1234567"].cash["USD"] == cash + 2 * 100 * 12
