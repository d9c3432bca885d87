"""Futures, options and indexes through the adapter: one contract, a chain, several at once, refusals."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.support.ib import Client, connected, simulated
from trader.domain.errors import GatewayNotReady, Rejected
from trader.domain.hours import liquid_hours
from trader.domain.instrument_set import InstrumentSet
from trader.domain.instruments import CONTINUOUS, Future, Index, Instrument, Listed, Option, Right
from trader.domain.market import BarSize
from trader.resolving import future_chain, option_chain, resolve

ES = Future("ES", "CME")
TODAY = date(2026, 11, 23)


async def test_a_future_carries_what_its_trading_needs() -> None:
    async with connected(simulated()) as worker:
        contract = await worker.market_data.contract(Future("ES", "CME", "202612"))

    assert (contract.sec_type, str(contract), contract.exchange) == ("FUT", "ESZ6", "CME")
    assert (contract.expiry, contract.contract_month) == (date(2026, 12, 18), "202612")
    assert (contract.multiplier, contract.min_tick) == (Decimal(50), Decimal("0.25"))
    assert contract.can_be_ordered
    session = liquid_hours(contract).session_at(datetime(2026, 11, 23, 15, 0, tzinfo=UTC))
    assert session is not None
    assert session.closes_at == datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


async def test_the_month_of_crude_oil_is_not_that_of_its_last_day() -> None:
    async with connected(simulated()) as worker:
        contract = await worker.market_data.contract(Future("CL", "NYMEX", "202701"))
    assert (str(contract), contract.expiry) == ("CLF7", date(2026, 12, 21))


async def test_an_option_and_an_index_carry_what_they_are() -> None:
    async with connected(simulated()) as worker:
        option, index = await asyncio.gather(
            worker.market_data.contract(Option("SPY", "20261218", Decimal(600), Right.CALL)),
            worker.market_data.contract(Index("VIX")),
        )
    assert (option.strike, option.right, option.expiry) == (Decimal(600), Right.CALL, date(2026, 12, 18))
    assert (option.multiplier, option.min_tick, option.currency) == (Decimal(100), Decimal("0.01"), "USD")
    assert (index.sec_type, index.expiry, index.strike, index.right) == ("IND", None, None, None)
    assert not index.can_be_ordered


async def test_a_future_chain_has_its_front_its_next_and_its_continuous_month() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        chain = await future_chain(ES, worker.market_data)

        assert [each.contract_month for each in chain.contracts] == [
            "202612",
            "202703",
            "202706",
            "202709",
            "202712",
        ]
        assert (str(chain.front(TODAY)), str(chain.next(TODAY))) == ("ESZ6", "ESH7")
        assert (chain.continuous.sec_type, chain.lead) == ("CONTFUT", chain.month("202612"))
        assert gateway.requests["reqContractDetails"] == 2


async def test_the_continuous_month_rolls_before_the_front_one_ends() -> None:
    gateway = simulated(at=datetime(2026, 12, 14, 15, 0, tzinfo=UTC))
    async with connected(gateway) as worker:
        chain = await future_chain(ES, worker.market_data)
    assert str(chain.front(date(2026, 12, 14))) == "ESZ6"
    assert str(chain.lead) == "ESH7"


async def test_an_option_chain_is_filtered_by_the_broker_and_then_here() -> None:
    async with connected(simulated()) as worker:
        one_day = await option_chain(Option("SPY", "20261218"), worker.market_data)
        one_strike = await option_chain(
            Option("SPY", strike=Decimal(600), right=Right.PUT), worker.market_data
        )

    assert one_day.expiries == (date(2026, 12, 18),)
    assert str(one_day.calls().nearest(Decimal("601.2")).only()) == "SPY   261218C00600000"
    assert (one_strike.strikes, {each.right for each in one_strike.contracts}) == (
        (Decimal(600),),
        {Right.PUT},
    )
    assert len(one_strike.expiries) > 5


async def test_several_are_fetched_together() -> None:
    names = ["SPY", "EUR.USD", "VIX index", "ES 202612@CME", "ES continuous@CME", "SPY 20261218 600 C"]
    wanted = InstrumentSet.of(names)
    async with connected(simulated()) as worker:
        found = await resolve(wanted, worker.market_data)
        assert list(found) == list(wanted)
        assert [each.sec_type for each in found.values()] == ["STK", "CASH", "IND", "FUT", "CONTFUT", "OPT"]
        for contract in found.values():
            bars = await worker.market_data.bars(contract, BarSize.DAY_1, days=3)
            price = await worker.market_data.price(contract)
            assert len(bars) == 3
            assert price.value > 0


async def refusal(worker: Client, instrument: Instrument) -> Rejected:
    with pytest.raises(Rejected) as refused:
        await worker.market_data.contract(instrument)
    return refused.value


@pytest.mark.parametrize(
    ("instrument", "named"),
    [
        (Future("ES", "CME", "202609"), "ES 202609@CME"),  # expired
        (Future("NOTHING", "CME"), "NOTHING future@CME"),
        (Option("SPY", "20261218", Decimal(601), Right.PUT), "SPY 20261218 601 P"),
        (Index("NOTHING"), "NOTHING index"),
    ],
    ids=str,
)
async def test_what_the_broker_does_not_know_is_refused_by_name(instrument: Instrument, named: str) -> None:
    async with connected(simulated()) as worker:
        refused = await refusal(worker, instrument)
    assert refused.code == "unknown-instrument"
    assert named in refused.message


async def test_an_open_future_is_ambiguous_and_its_months_are_listed() -> None:
    async with connected(simulated()) as worker:
        refused = await refusal(worker, ES)
    assert refused.code == "ambiguous-instrument"
    assert "found 5 (ESZ6 FUT CME USD" in refused.message
    assert refused.message.endswith("name its month, such as 202612, or its trading class")


async def test_an_open_option_is_ambiguous_and_only_a_few_of_many_are_listed() -> None:
    async with connected(simulated()) as worker:
        refused = await refusal(worker, Option("SPY", "20261218"))
    assert refused.code == "ambiguous-instrument"
    assert refused.message.count("conId") == 10
    assert " and 152 more)" in refused.message


async def test_one_unknown_name_refuses_the_set_and_each_is_named() -> None:
    async with connected(simulated()) as worker:
        with pytest.raises(Rejected, match="unknown-instrument") as refused:
            await resolve(InstrumentSet.of(["SPY", "ZZZZX", "ZZZZY index"]), worker.market_data)
    assert "ZZZZX" in refused.value.message
    assert "ZZZZY index" in refused.value.message


async def test_a_set_that_gets_no_answer_comes_again() -> None:
    gateway = simulated(("reqContractDetails", "silent"))
    async with connected(gateway, broker_call_s=0.2) as worker:
        wanted = InstrumentSet.of(["SPY", "VIXY", "ZZZZX"])
        with pytest.raises(GatewayNotReady, match="gateway-silent"):
            await resolve(wanted, worker.market_data)
        with pytest.raises(Rejected, match="ZZZZX"):
            await resolve(wanted, worker.market_data)


async def test_a_future_is_found_again_by_its_number() -> None:
    async with connected(simulated()) as worker:
        contract = await worker.market_data.contract(Future("ES", "CME", "202612"))
        assert await worker.market_data.contract(Listed(contract.con_id, "CME")) == contract


async def test_a_month_is_found_by_its_number_though_its_continuous_series_was_asked_for() -> None:
    async with connected(simulated()) as worker:
        series = await worker.market_data.contract(Future("ES", "CME", CONTINUOUS))
        month = await worker.market_data.contract(Listed(series.con_id, "CME"))
        assert series.sec_type == "CONTFUT"
        assert (month.sec_type, str(month)) == ("FUT", "ESZ6")
        assert month.can_be_ordered
