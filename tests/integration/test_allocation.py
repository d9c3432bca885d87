"""Allocations through a whole worker: strategies that agree, disagree and fail, and orders in their way."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway_simulator.accounts import Account
from gateway_simulator.book import Status as OrderStatus
from gateway_simulator.contracts import ContractQuery
from gateway_simulator.market_file import MarketFile
from tests.support.allocating import (
    allocation,
    breaks,
    code_of,
    configuration,
    crossings,
    follow,
    following,
    limits,
    outcome,
    refusals,
)
from tests.support.crash import ACCOUNT
from tests.support.ib import simulated
from tests.support.play import SILENT, Play, playing
from tests.support.strategies import long, no_number, no_weight, raising, wanting
from trader.domain.instruments import CONTINUOUS, Contract, Future, Index, Instrument, Stock
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.domain.strategy import AnyStrategy
from trader.domain.targets import Flat, Hold, Weight
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject
from trader.ports import MarketData
from trader.stored import records

BOTH = ["testsignalgenerator", "buy-and-hold"]
"""At the simulator's time the first is short of SPY, and the second long of it."""
SPY, MSFT = Stock("SPY"), Stock("MSFT")
SPY_ON_ARCA = Stock("SPY", primary_exchange="ARCA")
TWO = configuration({"testsignalgenerator": 0.2, "buy-and-hold": 0.5})


# -- netting ----------------------------------------------------------------------------------------------


async def test_two_strategies_that_disagree_cross_inside_and_the_rest_goes_out(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=TWO) as play:
        result = await play.result(allocation(*BOTH))
        assert result.status is Status.SUCCEEDED, result
        (line,) = outcome(result)["netting"]
        price = Decimal(line["price"])
        short, wanted = Decimal(20_000) // price, Decimal(50_000) // price
        assert line["wishes"] == {"testsignalgenerator": str(-short), "buy-and-hold": str(wanted)}
        assert line["crossed"] == {"testsignalgenerator": str(-short), "buy-and-hold": str(short)}
        (order,) = result.orders
        assert (order.state, order.filled) == (OrderState.FILLED, wanted - short)
        assert await play.held() == {"testsignalgenerator": -short, "buy-and-hold": wanted}
        assert await crossings(play) == [(-short, price), (short, price)]
        assert play.position("SPY") == wanted - short
        again = await play.result(allocation(*BOTH))
        assert (again.status, again.orders, outcome(again)["netting"]) == (Status.SUCCEEDED, (), [])
        assert len(await crossings(play)) == 2


async def test_strategies_that_agree_share_one_order_under_the_contributor_net(tmp_path: Path) -> None:
    shares = configuration({"a": 0.3, "b": 0.1})
    async with following(tmp_path, long("a"), long("b"), configuration=shares) as play:
        result = await play.result(allocation("a", "b"))
        (line,) = outcome(result)["netting"]
        assert (line["contributor"], line["crossed"]) == ("net", {})
        (order,) = result.orders
        held = await play.held()
        assert held == {name: Decimal(part) for name, part in line["parts"].items()}
        assert sum(held.values()) == order.filled == play.position("SPY")


async def test_what_crosses_whole_needs_no_order(tmp_path: Path) -> None:
    shares = configuration({"a": 0.3, "b": 0.3})
    async with following(tmp_path, long("a"), long("b", "-1"), configuration=shares) as play:
        result = await play.result(allocation("a", "b"))
        assert (code_of(result), result.orders, play.placed()) == (("succeeded", None), (), [])
        held = await play.held()
        assert held["a"] == -held["b"] > 0
        follow(play, wanting("a", Flat(SPY)), wanting("b", Hold(SPY, "it holds")))
        closed = await play.result(allocation("a", "b"))
        assert [order.filled for order in closed.orders] == [-held["a"]]
        assert await play.held() == {"b": held["b"]}
        assert play.position("SPY") == held["b"], "closing the one leaves the other's short position"


# -- one that fails ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (raising("b"), "strategy-failed"),
        (no_number("b"), "not-a-number"),
        (no_weight("b"), "strategy-failed"),
        (wanting("b", Weight(SPY, Decimal(1)), Flat(SPY)), "strategy-failed"),
        (wanting("b", Weight(SPY, Decimal(1)), Weight(SPY_ON_ARCA, Decimal(1))), "strategy-failed"),
    ],
    ids=[
        "raises",
        "figures are no numbers",
        "weight is no number",
        "contradicts itself",
        "names one contract twice",
    ],
)
async def test_a_broken_strategy_holds_is_reported_and_changes_nothing_of_the_others_orders(
    tmp_path: Path, other: AnyStrategy, code: str
) -> None:
    shares = configuration({"a": 0.3, "b": 0.3})
    async with following(tmp_path, long("a"), other, configuration=shares) as play:
        alone = await play.result(allocation("a", dryRun=True))
        result = await play.result(allocation("b", "a"))
        assert code_of(result) == ("failed", code)
        assert [order.quantity for order in result.orders] == [order.quantity for order in alone.orders]
        assert set(await play.held()) == {"a"}
        broken, whole = outcome(result)["strategies"]
        assert [refusal["code"] for refusal in broken["refusals"]] == [code]
        assert whole["refusals"] == []
        assert {line["wants"] for line in outcome(result)["targets"] if line["strategy"] == "b"} == {"hold"}


async def test_a_strategy_with_bars_that_are_not_fit_holds_and_the_others_go_on(tmp_path: Path) -> None:
    shares = configuration({"a": 0.3, "b": 0.3}, "SPY", "MSFT")
    both = long("a"), long("b", symbol="MSFT")
    async with following(tmp_path, *both, configuration=shares) as play:
        no_data = {"reject": {"code": 162, "message": "HMDS query returned no data"}}
        breaks(play, {"event": "reqHistoricalData", "symbol": "MSFT"}, no_data)
        result = await play.result(allocation("a", "b"))
        assert code_of(result) == ("succeeded", None)
        assert [order.instrument for order in result.orders] == ["SPY"]
        assert [line["code"] for line in outcome(result)["strategies"][1]["refusals"]] == ["no-market-data"]


@pytest.mark.parametrize(
    ("symbol", "code"), [("ZZZZ", "unknown-instrument"), ("TWICE", "ambiguous-instrument")]
)
async def test_a_symbol_that_is_no_one_contract_is_refused_by_name_and_the_others_go_on(
    tmp_path: Path, symbol: str, code: str
) -> None:
    twice = MarketFile.model_validate({"symbols": {"TWICE": {"listings": ["US", "IBIS"]}}})
    shares = configuration({"a": 0.3, "b": 0.3}, "SPY", symbol)
    both = long("a"), wanting("b", Weight(Stock(symbol, currency=""), Decimal(1)))
    async with following(tmp_path, *both, gateway=simulated(prices=twice), configuration=shares) as play:
        alone = await play.result(allocation("b"))
        assert code_of(alone) == ("rejected", code)
        assert alone.reason is not None
        assert symbol in alone.reason.message
        result = await play.result(allocation("a", "b"))
        assert [order.state for order in result.orders] == [OrderState.FILLED]
        assert play.placed(symbol) == []


LOOKED_AT: list[Index | Future] = [Index("VIX"), Future("ES", "CME", CONTINUOUS)]
MONTH = Future("ES", "CME", "202612")


@pytest.mark.parametrize("instrument", LOOKED_AT, ids=str)
async def test_what_is_only_looked_at_is_never_ordered(tmp_path: Path, instrument: Index | Future) -> None:
    shares = configuration({"a": 0.3, "b": 0.3}, "SPY", instrument.symbol)
    both = long("a"), wanting("b", Weight(instrument, Decimal(1)))
    async with following(tmp_path, *both, configuration=shares) as play:
        result = await play.result(allocation("a", "b"))
        assert code_of(result) == ("failed", "not-tradable")
        assert [line["code"] for line in outcome(result)["strategies"][1]["refusals"]] == ["not-tradable"]
        assert [order.instrument for order in result.orders] == ["SPY"]


async def test_a_strategy_looks_at_the_continuous_series_and_trades_the_month_that_it_stands_for(
    tmp_path: Path,
) -> None:
    series, wants = Future("ES", "CME", CONTINUOUS), Weight(MONTH, Decimal("0.5"))
    one = wanting("a", Hold(series, "it is looked at"), wants)
    strategies = {"a": limits("ES", maxNotional=10**7)}
    shares = configuration({"a": 1}, strategies=strategies, limits={"orderNotional": 10**7})
    rich = simulated(accounts={ACCOUNT: Account(ACCOUNT, "USD", {"USD": Decimal(2_000_000)})})
    async with following(tmp_path, one, gateway=rich, configuration=shares) as play:
        result = await play.result(allocation("a"))
        assert code_of(result) == ("succeeded", None), result
        assert [order.instrument for order in result.orders] == ["ESZ6"]
        closed = await play.result({"intent": "close-all"})
        assert code_of(closed) == ("succeeded", None), closed


@pytest.mark.parametrize(("at", "last"), [("21:05", "20:00"), ("21:15", "20:30")])
async def test_a_bar_that_delayed_data_has_not_told_to_its_end_decides_nothing(
    tmp_path: Path, at: str, last: str
) -> None:
    delayed = MarketFile.model_validate({"symbols": {"SPY": {"data": "delayed"}}})
    gateway = simulated(at=datetime.fromisoformat(f"2026-11-23T{at}:05Z"), prices=delayed)
    shares = configuration({"testsignalgenerator": 0.5}, marketDataType=3)
    async with playing(tmp_path, gateway=gateway, configuration=shares) as play:
        result = await play.result({"intent": "testsignalgenerator", "dryRun": True})
        assert outcome(result)["lastBarAt"] == f"2026-11-23T{last}:00.000000Z"


async def test_an_error_to_the_price_of_one_contract_blocks_no_other_order(tmp_path: Path) -> None:
    shares = configuration({"a": 0.3, "b": 0.3}, "SPY", "MSFT")
    error = {"reject": {"code": 10190, "message": "Max number of tick-by-tick requests has been reached."}}
    async with following(tmp_path, long("a"), long("b", symbol="MSFT"), configuration=shares) as play:
        breaks(play, {"event": "reqMktData", "symbol": "MSFT", "every": 1}, error)
        result = await play.result(allocation("a", "b"))
        assert code_of(result) == ("failed", "partly-done")
        assert refusals(result) == [("b", "gateway-error")]
        assert [order.instrument for order in result.orders] == ["SPY"]


async def test_where_errors_are_all_that_comes_for_prices_the_message_comes_again(tmp_path: Path) -> None:
    error = {"reject": {"code": 10190, "message": "Max number of tick-by-tick requests has been reached."}}
    async with following(tmp_path, long("a"), configuration=configuration({"a": 0.3})) as play:
        await play.result(allocation("a", dryRun=True))
        breaks(play, {"event": "reqMktData", "symbol": "SPY", "nth": 1}, error)
        answer = await play.push(allocation("a"), "again")
        assert (answer.status_code, answer.text) == (503, "gateway-error")
        result = await play.result(allocation("a"), "again")
        assert [order.state for order in result.orders] == [OrderState.FILLED]


async def test_what_is_priced_in_pence_is_never_sized_as_if_it_were_in_pounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(tmp_path, long("a"), configuration=configuration({"a": 0.3})) as play:
        in_pence("SPY", play, monkeypatch)
        assert code_of(await play.result(allocation("a"))) == ("rejected", "not-tradable")


@pytest.mark.parametrize(
    ("shares", "expected"), [(1000, ("succeeded", None)), (10_000, ("rejected", "gross-exposure"))]
)
async def test_what_a_person_orders_in_pence_is_counted_at_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shares: int, expected: tuple[str, str | None]
) -> None:
    limited = configuration({"a": 0.3}, limits={"orderNotional": 10**9, "grossExposure": 0.5})
    async with following(tmp_path, long("a"), configuration=limited) as play:
        in_pence("MSFT", play, monkeypatch)
        play.manual("MSFT", "BUY", Decimal(shares), order_type="LMT", lmt_price=Decimal(1))
        result = await play.result(allocation("a"))
        assert code_of(result) == expected, result


def in_pence(symbol: str, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    market_data = type(play.worker.worker.ports.market_data)
    asked = market_data.contract

    async def contract(self: MarketData, instrument: Instrument) -> Contract:
        found = await asked(self, instrument)
        return replace(found, price_magnifier=100) if found.symbol == symbol else found

    monkeypatch.setattr(market_data, "contract", contract)


# -- orders in the way ------------------------------------------------------------------------------------


async def test_an_order_in_flight_counts_and_is_not_sent_again(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=configuration({"a": 0.3})) as play:
        first = await play.result(allocation("a", orderType="MOC"))
        assert [order.state for order in first.orders] == [OrderState.WORKING]
        second = await play.result(allocation("a"))
        assert (code_of(second), second.orders) == (("succeeded", None), ())
        (target,) = outcome(second)["targets"]
        assert (target["held"], target["inFlight"]) == ("0", str(first.orders[0].quantity))


@pytest.mark.parametrize("now", [long("a", "-1"), wanting("a", Flat(SPY)), long("a", "0.1")])
async def test_a_stale_opposite_order_is_cancelled_and_then_the_difference_is_ordered(
    tmp_path: Path, now: AnyStrategy
) -> None:
    async with following(tmp_path, long("a"), configuration=configuration({"a": 0.3})) as play:
        await play.result(allocation("a", orderType="MOC"))
        follow(play, now)
        dry = await play.result(allocation("a", dryRun=True))
        assert play.placed()[0].is_open, "a dry run cancels nothing"
        result = await play.result(allocation("a"))
        assert code_of(result) == ("succeeded", None), result
        assert [line["reference"] for line in outcome(result)["cancelled"]] == [
            play.placed()[0].terms.order_ref
        ]
        assert play.placed()[0].status is OrderStatus.CANCELLED
        wanted = Decimal(outcome(result)["targets"][0]["quantity"])
        assert play.position("SPY") == wanted
        assert [order.quantity for order in dry.orders] == [order.quantity for order in result.orders]
        assert outcome(dry)["cancelled"] == outcome(result)["cancelled"]


async def test_a_shared_order_in_the_way_is_cancelled_though_the_other_strategy_holds(tmp_path: Path) -> None:
    shares = configuration({"a": 0.3, "b": 0.3})
    async with following(tmp_path, long("a"), long("b"), configuration=shares) as play:
        await play.result(allocation("a", "b", orderType="MOC"))
        follow(play, long("a", "-1"), raising("b"))
        result = await play.result(allocation("a", "b"))
        assert code_of(result) == ("failed", "strategy-failed")
        assert [line["strategies"] for line in outcome(result)["cancelled"]] == [["a", "b"]]
        assert set(await play.held()) == {"a"}
        assert play.position("SPY") < 0


async def test_while_a_cancel_is_not_confirmed_nothing_is_ordered_against_it(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=configuration({"a": 0.3})) as play:
        await play.result(allocation("a", orderType="MOC"))
        breaks(play, {"event": "cancelOrder"}, "silent")
        follow(play, long("a", "-1"))
        result = await play.result(allocation("a"))
        assert (code_of(result), result.orders) == (("failed", "partly-done"), ())
        assert refusals(result) == [("a", "not-cancelled")]


# -- exposure ---------------------------------------------------------------------------------------------


async def test_an_exposure_of_zero_closes_all_that_the_strategy_holds(tmp_path: Path) -> None:
    shares = configuration({"a": 0.3, "b": 0.3}, "SPY", "MSFT")
    both = wanting("a", Weight(SPY, Decimal("0.5")), Weight(MSFT, Decimal("0.5"))), long("b")
    async with following(tmp_path, *both, configuration=shares) as play:
        await play.result(allocation("a", "b"))
        b_holds = (await play.held())["b"]
        await play.world.configured(**configuration({"a": 0, "b": 0.3}, "SPY", "MSFT"))
        follow(play, wanting("a", Hold(SPY, "it would hold")), both[1])
        result = await play.result(allocation("a"))
        assert code_of(result) == ("succeeded", None)
        assert play.position("SPY") == b_holds
        assert play.position("MSFT") == 0


# -- the message ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "field", "words"),
    [
        (
            allocation("buy-and-hold", "testsignalgenerater"),
            "strategies",
            "did you mean testsignalgenerator?",
        ),
        (allocation("nothing-like-it"), "strategies", "known are buy-and-hold"),
        (allocation("buy-and-hold", orderType="MOC", tif="GTC"), "tif", "leave tif out"),
        (
            allocation("buy-and-hold", orderType="MOC", goodAfter="2026-11-23T20:00:00Z"),
            "goodAfter",
            "leave goodAfter out",
        ),
        (allocation(), "strategies", "at least 1"),
        (allocation("buy-and-hold", orderType="STP"), "orderType", "MKT"),
    ],
)
async def test_a_message_that_contradicts_itself_is_refused_with_what_to_change(
    tmp_path: Path, message: JsonObject, field: str, words: str
) -> None:
    async with playing(tmp_path, configuration=TWO) as play:
        result = await play.result(message)
        assert result.status is Status.REJECTED
        assert result.reason is not None
        assert result.reason.field == field
        assert words in result.reason.message
        assert play.placed() == []


async def test_terms_of_the_message_go_before_those_of_the_configuration(tmp_path: Path) -> None:
    configured = {**TWO, "order": {"type": "LMT", "tif": "GTC"}}
    async with playing(tmp_path, configuration=configured) as play:
        await play.result(allocation("buy-and-hold", orderType="MOC"))
        (order,) = play.placed()
        assert (order.terms.order_type, order.terms.tif) == ("MOC", "DAY")


async def test_an_order_for_later_is_placed_now_and_starts_then(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=TWO) as play:
        result = await play.result(allocation("buy-and-hold", goodAfter="2026-11-23T20:00:00Z"))
        assert [order.state for order in result.orders] == [OrderState.WORKING]
        (order,) = play.placed()
        assert order.schedule.active_at == datetime(2026, 11, 23, 20, tzinfo=UTC)


# -- limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"limits": {"orderNotional": 1000}}, "order-notional"),
        ({"limits": {"orderNotional": 100_000, "grossExposure": 0.1}}, "gross-exposure"),
        ({"limits": {"orderNotional": 100_000, "positions": 0}}, "positions"),
        ({"limits": {"orderNotional": 100_000, "ordersPerDay": 0}}, "orders-per-day"),
        (
            {
                "limits": {"orderNotional": 100_000, "priceCollarPercent": 1},
                "order": {"type": "LMT", "tif": "DAY", "limitOffsetPercent": 2},
            },
            "price-collar",
        ),
        ({"strategies": {"a": limits("SPY", maxNotional=1000)}}, "strategy-notional"),
        ({"strategies": {"a": limits("MSFT")}}, "symbol-not-allowed"),
        ({"strategies": {"a": limits("SPY", enabled=False)}}, "strategy-disabled"),
    ],
)
async def test_each_limit_refuses_what_opens_with_its_own_code(
    tmp_path: Path, given: dict[str, Any], code: str
) -> None:
    configured = {**configuration({"a": 0.3}), **given}
    async with following(tmp_path, long("a"), configuration=configured) as play:
        result = await play.result(allocation("a"))
        assert code_of(result) == ("rejected", code)
        assert refusals(result) == [("a", code)]
        assert play.placed() == []


async def test_what_only_reduces_passes_every_limit(tmp_path: Path) -> None:
    async with following(tmp_path, long("a"), configuration=configuration({"a": 0.3})) as play:
        await play.result(allocation("a"))
        await play.world.configured(
            exposure={"overall": 1, "strategies": {"a": 0.3}},
            strategies={"a": limits("MSFT", enabled=False, maxNotional=1, allowShort=False)},
            limits={"orderNotional": 1, "grossExposure": 0, "positions": 0, "ordersPerDay": 0},
        )
        follow(play, wanting("a", Flat(SPY)))
        assert code_of(await play.result(allocation("a"))) == ("succeeded", None)
        assert play.position("SPY") == 0


async def test_a_limit_that_is_used_up_refuses_the_orders_after_it(tmp_path: Path) -> None:
    configured = configuration(
        {"a": 0.9}, "SPY", "MSFT", "AAPL", limits={"orderNotional": 90_000, "positions": 2}
    )
    weights = [Weight(Stock(symbol), Decimal("0.3")) for symbol in ("SPY", "MSFT", "AAPL")]
    async with following(tmp_path, wanting("a", *weights), configuration=configured) as play:
        result = await play.result(allocation("a"))
        assert code_of(result) == ("failed", "partly-done")
        assert [order.instrument for order in result.orders] == ["SPY", "MSFT"]
        assert refusals(result) == [("a", "positions")]


# -- margin -----------------------------------------------------------------------------------------------


async def test_an_order_that_the_broker_has_no_margin_for_is_not_sent(tmp_path: Path) -> None:
    gateway = simulated(accounts={ACCOUNT: Account(ACCOUNT, cash={"USD": Decimal(100_000)})})
    configured = configuration({"a": 0.9}, limits={"orderNotional": 10**9, "grossExposure": 10})
    async with following(tmp_path, long("a"), gateway=gateway, configuration=configured) as play:
        price = gateway.market.quote(
            gateway.catalogue.find(ContractQuery(symbol="MSFT", sec_type="STK"))[0]
        ).last
        assert price is not None
        heavy = play.manual("MSFT", "BUY", Decimal(350_000) // price)
        assert heavy.status is OrderStatus.FILLED
        result = await play.result(allocation("a"))
        assert code_of(result) == ("rejected", "margin"), result
        assert play.placed() == []
        await play.result({"intent": "trade-reconciliation"})  # what was bought by hand is nobody's


@pytest.mark.parametrize("answer", ["silent", {"reject": {"code": 201, "message": "Order rejected"}}])
async def test_where_the_margin_is_not_told_nothing_is_opened(tmp_path: Path, answer: Any) -> None:
    shares = configuration({"a": 0.3})
    async with following(tmp_path, long("a"), configuration=shares, durations=SILENT) as play:
        breaks(play, {"event": "whatIfOrder"}, answer)
        result = await play.result(allocation("a"))
        assert code_of(result) == ("rejected", "margin")
        assert play.placed() == []
        assert code_of(await play.result(allocation("a"))) == ("succeeded", None)


# -- trading state and market -----------------------------------------------------------------------------


async def test_while_only_reducing_is_allowed_each_strategy_is_held_to_it_before_netting(
    tmp_path: Path,
) -> None:
    shares = configuration({"a": 0.4, "b": 0.2})
    async with following(tmp_path, long("a"), long("b"), configuration=shares) as play:
        await play.result(allocation("a", "b"))
        held = await play.held()
        await state(play, TradingState.REDUCE_ONLY)
        follow(play, long("a", "-1"), long("b", "1"))  # b has what it wants
        result = await play.result(allocation("a", "b"))
        assert refusals(result) == [("a", "reduce-only")]
        assert await play.held() == {"b": held["b"]}


async def state(play: Play, wanted: TradingState) -> None:
    now = play.world.clock.now()
    store = play.world.store
    await records.set_trading_state(store, ACCOUNT, wanted, reason="test", published_at=now, at=now)


async def test_while_halted_nothing_crosses_inside_either(tmp_path: Path) -> None:
    shares = configuration({"a": 0.3, "b": 0.3})
    async with following(tmp_path, long("a"), long("b", "-1"), configuration=shares) as play:
        await state(play, TradingState.HALTED)
        assert code_of(await play.result(allocation("a", "b"))) == ("rejected", "halted")
        assert await play.held() == {}


async def test_while_the_market_is_closed_it_is_skipped_and_a_dry_run_goes_on(tmp_path: Path) -> None:
    thanksgiving = datetime(2026, 11, 26, 16, 0, tzinfo=UTC)
    shares = configuration({"a": 0.3, "b": 0.1})
    both = long("a"), long("b", "-1")
    async with following(tmp_path, *both, at=thanksgiving, configuration=shares) as play:
        assert code_of(await play.result(allocation("a", "b"))) == ("skipped", "market-closed")
        assert await play.held() == {}
        dry = await play.result(allocation("a", "b", dryRun=True))
        assert len(dry.orders) == 1
        assert refusals(dry) == [("a", "market-closed"), ("b", "market-closed")]


async def test_a_dry_run_writes_nothing_that_a_live_one_reads(tmp_path: Path) -> None:
    async with playing(tmp_path, configuration=TWO) as play:
        dry = await play.result(allocation(*BOTH, dryRun=True))
        assert [order.state for order in dry.orders] == [OrderState.PLANNED]
        assert await crossings(play) == []
        live = await play.result(allocation(*BOTH))
        assert [order.quantity for order in live.orders] == [order.quantity for order in dry.orders]
        assert outcome(live) == outcome(dry)


# -- currencies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["EUR", "HKD", "USD"])
async def test_capital_in_any_base_currency_buys_what_it_is_worth(tmp_path: Path, base: str) -> None:
    gateway = simulated(accounts={ACCOUNT: Account(ACCOUNT, base=base, cash={base: Decimal(1_000_000)})})
    configured = configuration({"a": 0.05}, limits={"orderNotional": 10**6})
    configured["strategies"]["a"] = limits("SPY", maxNotional=60_000)
    async with following(tmp_path, long("a"), gateway=gateway, configuration=configured) as play:
        result = await play.result(allocation("a"))
        assert code_of(result) == ("succeeded", None), result
        (order,) = result.orders
        (target,) = outcome(result)["targets"]
        rate = gateway.market.rate("USD", base) if base != "USD" else Decimal(1)
        worth = order.quantity * Decimal(target["price"]) * rate
        assert Decimal(48_000) < worth <= Decimal(50_500), "five percent, less than one share's rounding"


async def test_limits_in_another_currency_than_the_accounts_are_refused(tmp_path: Path) -> None:
    configured = {**TWO, "baseCurrency": "EUR"}
    async with playing(tmp_path, configuration=configured) as play:
        result = await play.result(allocation("buy-and-hold"))
        assert code_of(result) == ("rejected", "base-currency")


async def test_a_dry_run_without_a_price_says_so_and_plans_nothing(tmp_path: Path) -> None:
    nameless = MarketFile.model_validate({"symbols": {"SPY": {"fixed": "nan"}}})
    shares = configuration({"a": 0.3})
    async with following(
        tmp_path, long("a"), gateway=simulated(prices=nameless), configuration=shares
    ) as play:
        for dry_run in (True, False):
            result = await play.result(allocation("a", dryRun=dry_run))
            assert result.orders == ()
            assert result.status is not Status.FAILED
