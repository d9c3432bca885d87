"""Contract details, quotes and bars as a client gets them."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from ib_insync import Contract, RequestError, Stock

from gateway_simulator.server import serve
from tests.support.simulator import EURUSD, SPY, client, connected, qualified, simulated, until


async def test_a_stock_is_described_with_its_hours() -> None:
    async with connected(simulated()) as ib:
        [details] = await ib.reqContractDetailsAsync(SPY)
    assert details.contract is not None
    assert details.contract.conId == 756733
    assert details.contract.primaryExchange == "ARCA"
    assert details.timeZoneId == "US/Eastern"
    assert details.tradingHours.startswith("20261123:0400-20261123:2000;")
    assert details.liquidHours.startswith("20261123:0930-20261123:1600;")
    assert "20261126:CLOSED" in details.liquidHours  # Thanksgiving
    assert "20261127:0930-20261127:1300" in details.liquidHours
    assert "MOC" in details.orderTypes.split(",")


async def test_a_currency_pair_is_described() -> None:
    async with connected(simulated()) as ib:
        [details] = await ib.reqContractDetailsAsync(EURUSD)
    assert details.contract is not None
    assert (details.contract.symbol, details.contract.currency) == ("EUR", "USD")
    assert details.contract.exchange == "IDEALPRO"
    assert details.minTick == 0.00005


async def test_a_contract_is_found_by_its_id_alone() -> None:
    async with connected(simulated()) as ib:
        [details] = await ib.reqContractDetailsAsync(Contract(conId=756733))
    assert details.contract is not None
    assert details.contract.symbol == "SPY"


async def test_a_contract_that_does_not_exist_is_error_200() -> None:
    async with connected(simulated()) as ib:
        with pytest.raises(RequestError, match="No security definition has been found") as refused:
            await ib.reqContractDetailsAsync(Stock("ZZZZQ", "SMART", "USD"))
        assert refused.value.code == 200


async def test_a_snapshot_tells_the_quote_and_ends() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        [ticker] = await ib.reqTickersAsync(await qualified(ib, SPY))
    listed = gateway.catalogue.get(756733)
    assert listed is not None
    quote = gateway.market.quote(listed)
    assert (ticker.bid, ticker.ask, ticker.last, ticker.close) == tuple(
        float(price) for price in (quote.bid, quote.ask, quote.last, quote.close) if price is not None
    )
    assert (ticker.bidSize, ticker.askSize, ticker.volume) == (
        float(quote.bid_size),
        float(quote.ask_size),
        float(quote.volume),
    )
    assert ticker.marketDataType == 1


async def test_a_stream_tells_what_changes_until_it_is_cancelled() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal(500))
    async with connected(gateway) as ib:
        spy = await qualified(ib, SPY)
        ticker = ib.reqMktData(spy)
        await until(lambda: ticker.last == 500)
        gateway.market.set_price("SPY", Decimal(501))
        gateway.clock.set(gateway.clock.now() + timedelta(seconds=1))
        await until(lambda: (ticker.bid, ticker.ask, ticker.last) == (501, 501, 501))
        ib.cancelMktData(spy)
        await until(lambda: gateway.requests["cancelMktData"])
        gateway.market.set_price("SPY", Decimal(502))
        gateway.clock.set(gateway.clock.now() + timedelta(seconds=5))
        await ib.reqCurrentTimeAsync()
        assert ticker.last == 501


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
async def test_every_market_data_type_is_accepted(kind: int) -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        ib.reqMarketDataType(kind)
        [ticker] = await ib.reqTickersAsync(await qualified(ib, SPY))
    assert ticker.marketDataType == 1  # who may have live data gets it


async def test_bars_agree_with_the_quote() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        spy = await qualified(ib, SPY)
        minutes = await ib.reqHistoricalDataAsync(spy, "", "1 D", "1 min", "TRADES", useRTH=True)
        days = await ib.reqHistoricalDataAsync(spy, "", "5 D", "1 day", "TRADES", useRTH=True)
        [ticker] = await ib.reqTickersAsync(spy)
    assert len(days) == 5
    assert isinstance(days[-1].date, date)
    assert days[-1].close == minutes[-1].close == pytest.approx(ticker.last, abs=0.05)
    assert days[-1].high == max(bar.high for bar in minutes if f"{bar.date:%Y%m%d}" == "20261123")


async def test_bars_can_be_dated_in_seconds() -> None:
    async with connected(simulated()) as ib:
        spy = await qualified(ib, SPY)
        local = await ib.reqHistoricalDataAsync(spy, "", "1 D", "30 mins", "TRADES", True, formatDate=1)
        seconds = await ib.reqHistoricalDataAsync(spy, "", "1 D", "30 mins", "TRADES", True, formatDate=2)
    assert [bar.date for bar in local] == [bar.date for bar in seconds]


async def test_bars_of_forex_are_middle_prices() -> None:
    async with connected(simulated()) as ib:
        pair = await qualified(ib, EURUSD)
        bars = await ib.reqHistoricalDataAsync(pair, "", "3600 S", "5 mins", "MIDPOINT", useRTH=False)
    assert len(bars) >= 12
    assert bars[0].volume == -1


async def test_bars_up_to_an_earlier_time() -> None:
    async with connected(simulated()) as ib:
        spy = await qualified(ib, SPY)
        end = "20261120 16:00:00 US/Eastern"
        bars = await ib.reqHistoricalDataAsync(spy, end, "1 D", "1 hour", "TRADES", useRTH=True)
    assert {bar.date.strftime("%Y%m%d") for bar in bars} == {"20261120"}


@pytest.mark.parametrize(
    ("end", "duration", "size", "code"),
    [("soon", "1 D", "1 min", 10314), ("", "1 F", "1 min", 321), ("", "1 D", "7 mins", 321)],
)
async def test_a_request_for_bars_that_makes_no_sense_is_refused(
    end: str, duration: str, size: str, code: int
) -> None:
    async with connected(simulated()) as ib:
        spy = await qualified(ib, SPY)
        with pytest.raises(RequestError) as refused:
            await ib.reqHistoricalDataAsync(spy, end, duration, size, "TRADES", useRTH=True)
        assert refused.value.code == code


async def test_bars_are_not_kept_up_to_date() -> None:
    async with connected(simulated()) as ib:
        spy = await qualified(ib, SPY)
        with pytest.raises(RequestError, match="321"):
            await ib.reqHistoricalDataAsync(spy, "", "1 D", "1 min", "TRADES", True, keepUpToDate=True)


async def test_the_same_seed_and_time_give_the_same_prices() -> None:
    quotes = []
    for seed in (7, 7, 8):
        async with serve(simulated(seed=seed)) as server, client(server) as ib:
            [ticker] = await ib.reqTickersAsync(await qualified(ib, SPY))
            quotes.append((ticker.bid, ticker.ask, ticker.volume))
    assert quotes[0] == quotes[1] != quotes[2]
