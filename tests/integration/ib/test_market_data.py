"""Contracts, bars and prices: what the broker says, and each of its ways of saying nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gateway_simulator.contracts import ContractQuery
from gateway_simulator.gateway import Gateway
from gateway_simulator.market_file import MarketFile
from tests.support.ib import OPEN, Client, connected, simulated, tell, until
from trader.domain.errors import GatewayNotReady, Rejected, Retryable
from trader.domain.instruments import Forex, Instrument, Stock
from trader.domain.market import BarSize, PriceKind

SPY = Stock("SPY")
EURUSD = Forex("EUR", "USD")
PACING = {
    "code": 162,
    "message": "Historical Market Data Service error message:Historical data request pacing violation",
}

Question = Callable[[Client], Awaitable[object]]


async def bars_of_spy(worker: Client) -> object:
    return await worker.market_data.bars(await worker.market_data.contract(SPY), BarSize.DAY_1, days=5)


async def price_of_spy(worker: Client) -> object:
    return await worker.market_data.price(await worker.market_data.contract(SPY))


async def contract_of_spy(worker: Client) -> object:
    return await worker.market_data.contract(SPY)


QUESTIONS: dict[str, tuple[Question, str]] = {
    "reqContractDetails": (contract_of_spy, ""),
    "reqHistoricalData": (bars_of_spy, "cancelHistoricalData"),
    "reqMktData": (price_of_spy, "cancelMktData"),
}
"""Each question, the request that it sends and the one that cancels it."""
each_question = pytest.mark.parametrize("request_name", QUESTIONS)


async def test_a_stock_is_resolved_to_its_contract_with_its_hours() -> None:
    async with connected(simulated()) as worker:
        contract = await worker.market_data.contract(SPY)

        assert (contract.con_id, contract.symbol, contract.sec_type) == (756733, "SPY", "STK")
        assert (contract.currency, contract.exchange, contract.time_zone) == ("USD", "SMART", "US/Eastern")
        assert (contract.multiplier, contract.min_tick) == (Decimal(1), Decimal("0.01"))
        assert contract.liquid_hours.startswith("20261123:0930-20261123:1600")
        assert contract.trading_hours.startswith("20261123:0400-20261123:2000")


async def test_a_currency_pair_is_resolved_as_it_is_listed() -> None:
    async with connected(simulated()) as worker:
        contract = await worker.market_data.contract(EURUSD)

        assert (contract.symbol, contract.currency, contract.sec_type) == ("EUR", "USD", "CASH")
        assert str(contract) == "EUR.USD"


@pytest.mark.parametrize("instrument", [Stock("ZZZZX"), Forex("USD", "EUR")])
async def test_an_instrument_that_does_not_exist_is_refused(instrument: Instrument) -> None:
    async with connected(simulated()) as worker:
        with pytest.raises(Rejected, match="unknown-instrument"):
            await worker.market_data.contract(instrument)


async def test_an_instrument_that_may_be_several_is_refused_with_the_candidates() -> None:
    async with connected(simulated()) as worker:
        with pytest.raises(Rejected, match="ambiguous-instrument") as refused:
            await worker.market_data.contract(Stock("ABC", currency=""))

        assert "ABC STK NASDAQ USD conId" in refused.value.message
        assert "ABC STK LSE GBP conId" in refused.value.message


async def test_a_contract_is_asked_for_once_a_day_however_many_want_it() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        contracts = await asyncio.gather(*(worker.market_data.contract(SPY) for _ in range(20)))
        assert len(set(contracts)) == gateway.requests["reqContractDetails"] == 1

        gateway.clock.set(OPEN + timedelta(days=1))
        tomorrow = await worker.market_data.contract(SPY)
        assert tomorrow.liquid_hours.startswith("20261124")
        assert gateway.requests["reqContractDetails"] == 2


async def test_half_hour_bars_are_timed_in_utc_oldest_first() -> None:
    async with connected(simulated()) as worker:
        contract = await worker.market_data.contract(SPY)
        bars = await worker.market_data.bars(contract, BarSize.MINUTES_30, days=5)

        assert bars[-1].start == datetime(2026, 11, 23, 15, 0, tzinfo=UTC) or bars[-1].start < OPEN
        assert bars[0].start == datetime(2026, 11, 17, 14, 30, tzinfo=UTC)
        assert [bar.start for bar in bars] == sorted({bar.start for bar in bars})
        assert all(
            0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars
        )
        assert {bar.start.utcoffset() for bar in bars} == {timedelta(0)}


async def test_bars_of_a_day_start_at_midnight_utc_of_their_session() -> None:
    async with connected(simulated()) as worker:
        contract = await worker.market_data.contract(SPY)
        bars = await worker.market_data.bars(contract, BarSize.DAY_1, days=200)

        assert len(bars) == 200
        assert bars[-1].start == datetime(2026, 11, 23, tzinfo=UTC)
        assert bars[-2].start == datetime(2026, 11, 20, tzinfo=UTC)


async def test_bars_of_a_currency_pair_have_no_volume() -> None:
    async with connected(simulated()) as worker:
        contract = await worker.market_data.contract(EURUSD)
        bars = await worker.market_data.bars(contract, BarSize.MINUTES_30, days=2)

        assert {bar.volume for bar in bars} == {0.0}


@pytest.mark.parametrize("days", [0, 366])
async def test_more_days_than_the_broker_counts_are_a_mistake_of_ours(days: int) -> None:
    async with connected(simulated()) as worker:
        contract = await worker.market_data.contract(SPY)
        with pytest.raises(ValueError, match="expected 1 to 365 days"):
            await worker.market_data.bars(contract, BarSize.DAY_1, days=days)


async def test_the_price_of_a_stock_is_its_last_with_the_time_of_that_trade() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal("671.35"))
    async with connected(gateway) as worker:
        found = await worker.market_data.price(await worker.market_data.contract(SPY))

        assert (found.value, found.kind, found.currency) == (Decimal("671.35"), PriceKind.LAST, "USD")
        assert abs(found.at - gateway.clock.now()) < timedelta(seconds=5)
        assert found.at.microsecond == 0
        assert not found.delayed


async def test_the_price_of_a_currency_pair_is_between_bid_and_ask() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        contract = await worker.market_data.contract(EURUSD)
        found = await worker.market_data.price(contract)

        [pair] = gateway.catalogue.find(ContractQuery(con_id=contract.con_id))
        quote = gateway.market.quote(pair, found.at)
        assert quote.bid is not None
        assert quote.ask is not None
        assert (found.kind, found.currency) == (PriceKind.MIDPOINT, "USD")
        assert quote.bid <= found.value <= quote.ask


@pytest.mark.parametrize("nothing", ["NaN", "0"])
async def test_no_price_is_refused_and_never_a_number(nothing: str) -> None:
    gateway = simulated(prices=MarketFile.model_validate({"symbols": {"SPY": {"fixed": nothing}}}))
    async with connected(gateway) as worker:
        with pytest.raises(Rejected, match="no-price"):
            await price_of_spy(worker)


async def test_no_market_data_is_refused_with_what_the_broker_said() -> None:
    gateway = simulated(prices=MarketFile.model_validate({"symbols": {"SPY": {"data": "none"}}}))
    async with connected(gateway) as worker:
        with pytest.raises(Rejected, match=r"no-market-data: .*354"):
            await price_of_spy(worker)
        with pytest.raises(Rejected, match=r"no-market-data: .*162"):
            await bars_of_spy(worker)


async def test_delayed_data_is_refused_unless_it_was_asked_for_and_then_marked() -> None:
    gateway = simulated(prices=MarketFile.model_validate({"symbols": {"SPY": {"data": "delayed"}}}))
    async with connected(gateway) as worker:
        contract = await worker.market_data.contract(SPY)
        with pytest.raises(Rejected, match=r"no-market-data: .*10089"):
            await worker.market_data.price(contract)

        delayed = await worker.market_data.price(contract, data_type=3)
        assert delayed.delayed
        assert timedelta(minutes=15) <= gateway.clock.now() - delayed.at < timedelta(minutes=16)
        with pytest.raises(Rejected, match="no-market-data"):
            await worker.market_data.price(contract, data_type=1)


async def test_a_price_leaves_nothing_behind_to_be_lent_to_the_next_question() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal("671.35"))
    async with connected(gateway) as worker:
        await price_of_spy(worker)

        wrapper = worker.connection.session().ib.wrapper
        assert (wrapper.tickers, wrapper.reqId2Ticker) == ({}, {})


async def test_too_many_requests_come_again_later() -> None:
    gateway = simulated(("reqHistoricalData", {"reject": PACING}))
    async with connected(gateway) as worker:
        with pytest.raises(Retryable, match="pacing") as refused:
            await bars_of_spy(worker)

        assert refused.value.retry_after_s == 60
        await bars_of_spy(worker)


@each_question
async def test_a_question_that_is_not_answered_is_cancelled_and_comes_again(request_name: str) -> None:
    ask, cancel = QUESTIONS[request_name]
    gateway = simulated((request_name, "silent"))
    async with connected(gateway, broker_call_s=0.2) as worker:
        with pytest.raises(GatewayNotReady, match="gateway-silent"):
            await ask(worker)

        await ask(worker)
        assert not cancel or gateway.requests[cancel] == 1
        assert worker.broker.status().ready


@each_question
async def test_a_question_on_a_dropped_connection_comes_again(request_name: str) -> None:
    ask, _ = QUESTIONS[request_name]
    gateway = simulated((request_name, "drop"))
    async with connected(gateway) as worker:
        with pytest.raises(GatewayNotReady, match="gateway-disconnected"):
            await ask(worker)

        await worker.ready()
        await ask(worker)


@each_question
async def test_a_caller_that_gives_up_cancels_its_request(request_name: str) -> None:
    ask, cancel = QUESTIONS[request_name]
    gateway = simulated((request_name, "silent"))
    async with connected(gateway) as worker:
        asking = asyncio.ensure_future(ask(worker))
        await until(lambda: gateway.requests[request_name] == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        await ask(worker)
        assert not cancel or gateway.requests[cancel] == 1


@each_question
async def test_nothing_is_asked_of_a_gateway_that_is_not_ready(request_name: str) -> None:
    ask, _ = QUESTIONS[request_name]
    gateway = simulated()
    async with connected(gateway) as worker:
        await ask(worker)
        sent = gateway.requests[request_name]
        tell(gateway, 1100)
        await until(lambda: not worker.broker.status().ready)

        with pytest.raises(GatewayNotReady, match="gateway-lost-broker"):
            await ask(worker)
        assert gateway.requests[request_name] == sent


async def test_many_ask_at_once_and_each_gets_its_own_answer() -> None:
    symbols = ["SPY", "VIXY", "AAPL", "MSFT"] * 3
    gateway = simulated()
    async with connected(gateway) as worker:
        pin(gateway, {"SPY": 600, "VIXY": 40, "AAPL": 250, "MSFT": 500})
        contracts = await asyncio.gather(*(worker.market_data.contract(Stock(s)) for s in symbols))
        prices = await asyncio.gather(*(worker.market_data.price(contract) for contract in contracts))

        assert [contract.symbol for contract in contracts] == symbols
        assert [float(found.value) for found in prices] == [600, 40, 250, 500] * 3


def pin(gateway: Gateway, prices: dict[str, int]) -> None:
    for symbol, value in prices.items():
        gateway.market.set_price(symbol, Decimal(value))
