"""Orders through ib_insync: accepted, filled, changed, cancelled and refused as IB does it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from ib_insync import (
    IB,
    ExecutionFilter,
    LimitOrder,
    MarketOrder,
    Order,
    RequestError,
    StopOrder,
    TagValue,
    Trade,
)

from gateway_simulator.accounts import parse_accounts
from gateway_simulator.contracts import ContractQuery
from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from gateway_simulator.wire.orders import PlaceOrder
from tests.support.simulator import EURUSD, SPY, client, connected, ended, qualified, simulated, until


def advance(gateway: Gateway, **by: float) -> None:
    gateway.clock.set(gateway.clock.now() + timedelta(**by))


def history(trade: Trade) -> list[str]:
    """The states that a trade went through."""
    states = [entry.status for entry in trade.log]
    return [state for n, state in enumerate(states) if n == 0 or state != states[n - 1]]


class Errors:
    """What a client was told, by id."""

    def __init__(self, ib: IB) -> None:
        self.told: list[tuple[int, int]] = []
        ib.errorEvent += lambda req_id, code, *_: self.told.append((req_id, code))

    async def has(self, req_id: int, code: int) -> None:
        await until(lambda: (req_id, code) in self.told)


def manual(gateway: Gateway, action: str, quantity: int, limit: int) -> None:
    """An order placed by hand at the gateway."""
    [contract] = gateway.catalogue.find(ContractQuery(symbol="SPY", sec_type="STK", currency="USD"))
    terms = PlaceOrder(
        action=action,
        total_quantity=Decimal(quantity),
        order_type="LMT",
        lmt_price=Decimal(limit),
        tif="DAY",
    )
    gateway.manual_order(contract, terms)


async def test_a_market_order_fills_at_the_quote() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal("500.25"))
    async with connected(gateway) as ib:
        trade = await ended(ib.placeOrder(await qualified(ib, SPY), MarketOrder("BUY", 200, tif="DAY")))
        [fill] = trade.fills
        await until(lambda: fill.commissionReport.execId)

    assert history(trade) == ["PendingSubmit", "PreSubmitted", "Filled"]
    assert (fill.execution.side, fill.execution.shares, fill.execution.price) == ("BOT", 200, 500.25)
    assert fill.execution.execId.count(".") == 3
    assert fill.commissionReport.commission == 1
    assert trade.order.permId > 10**9


async def test_a_limit_order_works_until_the_market_comes_to_it() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal(500))
    async with connected(gateway) as ib:
        trade = ib.placeOrder(await qualified(ib, SPY), LimitOrder("BUY", 10, 499, tif="GTC"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        gateway.market.set_price("SPY", Decimal("498.5"))
        advance(gateway, seconds=1)
        await ended(trade)
    assert history(trade) == ["PendingSubmit", "PreSubmitted", "Submitted", "Filled"]
    assert trade.orderStatus.avgFillPrice == 498.5


async def test_a_market_on_close_order_fills_at_the_close() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        order = Order(action="SELL", totalQuantity=10, orderType="MOC", tif="DAY")
        trade = ib.placeOrder(await qualified(ib, SPY), order)
        await until(lambda: trade.orderStatus.status == "PreSubmitted")
        advance(gateway, hours=5, minutes=59)
        assert not trade.fills
        advance(gateway, hours=2)
        await ended(trade)
    assert trade.fills[0].execution.time.strftime("%H:%M") == "21:00"


async def test_an_order_of_the_night_waits_for_the_opening_and_says_so() -> None:
    gateway = simulated()
    advance(gateway, hours=9)
    async with connected(gateway) as ib:
        errors = Errors(ib)
        trade = ib.placeOrder(await qualified(ib, SPY), MarketOrder("BUY", 10, tif="DAY"))
        await errors.has(trade.order.orderId, 399)
        assert trade.orderStatus.status == "PreSubmitted"
        advance(gateway, hours=15)
        await ended(trade)
    assert trade.fills[0].execution.time.strftime("%H:%M:%S") == "14:30:00"


async def test_a_day_order_ends_with_its_day_and_a_good_till_cancelled_one_does_not() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        spy = await qualified(ib, SPY)
        day = ib.placeOrder(spy, LimitOrder("BUY", 10, 1, tif="DAY"))
        gtc = ib.placeOrder(spy, LimitOrder("BUY", 10, 1, tif="GTC"))
        await until(lambda: gtc.orderStatus.status == "Submitted")
        advance(gateway, hours=12)
        await ended(day)
        assert day.orderStatus.status == "Cancelled"
        assert [open_.order.orderId for open_ in await ib.reqOpenOrdersAsync()] == [gtc.order.orderId]


async def test_an_order_good_after_a_time_waits_for_it() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        order = MarketOrder("BUY", 10, tif="DAY", goodAfterTime="20261123 11:00:00 US/Eastern")
        trade = ib.placeOrder(await qualified(ib, SPY), order)
        await until(lambda: trade.orderStatus.status == "PreSubmitted")
        advance(gateway, hours=2)
        await ended(trade)
    assert trade.fills[0].execution.time.strftime("%H:%M") == "16:00"


async def test_an_algorithm_and_its_parameters_are_kept() -> None:
    async with connected(simulated()) as ib:
        params = [TagValue("adaptivePriority", "Urgent")]
        order = MarketOrder("BUY", 10, tif="DAY", algoStrategy="Adaptive", algoParams=params)
        await ended(ib.placeOrder(await qualified(ib, SPY), order))
        [done] = await ib.reqCompletedOrdersAsync(apiOnly=False)
    assert (done.order.algoStrategy, done.order.algoParams) == ("Adaptive", params)


async def test_a_stop_order_fills_once_the_market_has_passed_it() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal(500))
    async with connected(gateway) as ib:
        trade = ib.placeOrder(await qualified(ib, SPY), StopOrder("SELL", 10, 490, tif="GTC"))
        await until(lambda: trade.orderStatus.status == "PreSubmitted")
        gateway.market.set_price("SPY", Decimal(489))
        advance(gateway, seconds=1)
        await ended(trade)
    assert trade.orderStatus.avgFillPrice == 489


async def test_an_open_order_can_be_changed() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal(500))
    async with connected(gateway) as ib:
        spy = await qualified(ib, SPY)
        order = LimitOrder("BUY", 10, 400, tif="GTC")
        trade = ib.placeOrder(spy, order)
        await until(lambda: trade.orderStatus.status == "Submitted")
        order.totalQuantity, order.lmtPrice = 25, 501
        ib.placeOrder(spy, order)
        await ended(trade)
    assert len(gateway.book.orders) == 1
    assert trade.orderStatus.filled == 25


async def test_without_a_time_in_force_ib_says_that_it_set_one_and_the_order_lives() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        errors = Errors(ib)
        trade = ib.placeOrder(await qualified(ib, SPY), MarketOrder("BUY", 10))
        await errors.has(trade.order.orderId, 10349)
        await until(lambda: trade.fills)
    assert [order.filled for order in gateway.book.orders.values()] == [10]


async def test_a_what_if_order_tells_margin_and_commission_and_places_nothing() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal(400))
    async with connected(gateway) as ib:
        state = await ib.whatIfOrderAsync(await qualified(ib, SPY), MarketOrder("BUY", 100, tif="DAY"))
    assert float(state.initMarginChange) == 10_000
    assert float(state.initMarginAfter) == 10_000
    assert float(state.equityWithLoanBefore) == 100_000
    assert state.commission == 1
    assert state.commissionCurrency == "USD"
    assert not gateway.book.orders


async def test_an_order_beyond_the_margin_is_rejected_and_inactive() -> None:
    async with connected(simulated()) as ib:
        errors = Errors(ib)
        trade = ib.placeOrder(await qualified(ib, SPY), MarketOrder("BUY", 10_000, tif="DAY"))
        await errors.has(trade.order.orderId, 201)
        await until(lambda: trade.orderStatus.status == "Inactive")
        assert await ib.reqAllOpenOrdersAsync() == []
        [done] = await ib.reqCompletedOrdersAsync(apiOnly=False)
    assert done.orderStatus.status == "Inactive"


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (MarketOrder("BUY", 0, tif="DAY"), 434),
        (MarketOrder("BUY", 1.5, tif="DAY"), 10243),
        (LimitOrder("BUY", 1, 100.001, tif="DAY"), 110),
        (Order(action="BUY", totalQuantity=1, orderType="MAGIC", tif="DAY"), 387),
        (MarketOrder("BUY", 1, tif="DAY", account="DU999"), 321),
        (MarketOrder("BUY", 1, tif="DAY", goodAfterTime="soon"), 10313),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
async def test_an_order_that_makes_no_sense_is_refused_with_ibs_code(order: Order, code: int) -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        errors = Errors(ib)
        trade = ib.placeOrder(await qualified(ib, SPY), order)
        await errors.has(trade.order.orderId, code)
    assert not gateway.book.orders


async def test_an_order_for_a_contract_that_does_not_exist_is_error_200() -> None:
    async with connected(simulated()) as ib:
        errors = Errors(ib)
        nothing = type(SPY)("ZZZZQ", "SMART", "USD")
        trade = ib.placeOrder(nothing, MarketOrder("BUY", 1, tif="DAY"))
        await errors.has(trade.order.orderId, 200)


async def test_a_contract_as_positions_show_it_lacks_the_exchange_that_an_order_needs() -> None:
    async with connected(simulated()) as ib:
        errors = Errors(ib)
        await ended(ib.placeOrder(await qualified(ib, SPY), MarketOrder("BUY", 1, tif="DAY")))
        await until(ib.positions)
        trade = ib.placeOrder(ib.positions()[0].contract, MarketOrder("SELL", 1, tif="DAY"))
        await errors.has(trade.order.orderId, 321)


async def test_with_several_accounts_an_order_must_name_one() -> None:
    accounts = parse_accounts(["DU1:USD:100000", "DU2:USD:100000"])
    async with connected(simulated(accounts=accounts)) as ib:
        errors = Errors(ib)
        spy = await qualified(ib, SPY)
        unnamed = ib.placeOrder(spy, MarketOrder("BUY", 1, tif="DAY"))
        await errors.has(unnamed.order.orderId, 435)
        await ended(ib.placeOrder(spy, MarketOrder("BUY", 1, tif="DAY", account="DU2")))
        await until(ib.positions)
        assert [(p.account, p.position) for p in ib.positions()] == [("DU2", 1)]


async def test_a_cancelled_order_is_reported_with_202() -> None:
    async with connected(simulated()) as ib:
        errors = Errors(ib)
        trade = ib.placeOrder(await qualified(ib, SPY), LimitOrder("BUY", 10, 1, tif="GTC"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        ib.cancelOrder(trade.order)
        await errors.has(trade.order.orderId, 202)
        assert trade.orderStatus.status == "Cancelled"


async def test_cancels_that_are_refused_tell_why() -> None:
    async with connected(simulated()) as ib:
        errors = Errors(ib)
        spy = await qualified(ib, SPY)
        filled = await ended(ib.placeOrder(spy, MarketOrder("BUY", 10, tif="DAY")))
        inactive = ib.placeOrder(spy, MarketOrder("BUY", 10_000, tif="DAY"))
        await until(lambda: inactive.orderStatus.status == "Inactive")
        for order_id in (filled.order.orderId, inactive.order.orderId, 4711):
            ib.client.cancelOrder(order_id)  # type: ignore[no-untyped-call]
        await errors.has(filled.order.orderId, 10148)
        await errors.has(inactive.order.orderId, 161)
        await errors.has(4711, 10147)


async def test_an_order_id_can_not_be_used_twice() -> None:
    gateway = simulated()
    async with serve(gateway) as server:
        async with client(server) as ib:
            errors = Errors(ib)
            spy = await qualified(ib, SPY)
            trade = await ended(ib.placeOrder(spy, MarketOrder("BUY", 10, tif="DAY")))
            order_id = trade.order.orderId
            ib.client.placeOrder(order_id, spy, MarketOrder("BUY", 10, tif="DAY"))  # type: ignore[no-untyped-call]
            await errors.has(order_id, 104)
        async with client(server) as ib:
            errors = Errors(ib)
            assert ib.client.getReqId() > order_id
            ib.client.placeOrder(order_id, spy, MarketOrder("BUY", 10, tif="DAY"))  # type: ignore[no-untyped-call]
            await errors.has(order_id, 103)
    assert len(gateway.book.orders) == 1


async def test_all_orders_can_be_cancelled_at_once_others_and_manual_ones_too() -> None:
    gateway = simulated()
    async with serve(gateway) as server, client(server, 1) as one, client(server, 2) as two:
        spy = await qualified(one, SPY)
        trades = [ib.placeOrder(spy, LimitOrder("BUY", 10, 1, tif="GTC")) for ib in (one, two)]
        manual(gateway, "BUY", 5, 1)
        await until(lambda: all(trade.orderStatus.status == "Submitted" for trade in trades))
        two.reqGlobalCancel()  # type: ignore[no-untyped-call]
        for trade in trades:
            await ended(trade)
        assert await one.reqAllOpenOrdersAsync() == []


async def test_client_0_takes_over_orders_placed_by_hand() -> None:
    gateway = simulated()
    async with serve(gateway) as server, client(server, 0) as zero, client(server, 1) as one:
        manual(gateway, "BUY", 5, 1)
        await until(zero.openTrades)
        [trade] = zero.openTrades()
        assert trade.order.orderId < 0
        assert await one.reqOpenOrdersAsync() == []
        [seen] = await one.reqAllOpenOrdersAsync()
        assert seen.order.permId == trade.order.permId
        zero.cancelOrder(trade.order)
        await until(lambda: not list(gateway.book.open_orders()))


async def test_only_client_0_can_take_them_over() -> None:
    async with connected(simulated(), 5) as ib:
        errors = Errors(ib)
        ib.client.reqAutoOpenOrders(True)  # type: ignore[no-untyped-call]
        await errors.has(-1, 321)


async def test_a_forex_order_exchanges_cash_for_cash() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        await ended(ib.placeOrder(await qualified(ib, EURUSD), MarketOrder("BUY", 30_000, tif="DAY")))
    cash = gateway.accounts["DU1234567"].cash
    assert cash["EUR"] == 30_000
    assert cash["USD"] < 100_000 - 30_000


async def test_executions_can_be_filtered() -> None:
    async with connected(simulated()) as ib:
        spy = await qualified(ib, SPY)
        await ended(ib.placeOrder(spy, MarketOrder("BUY", 10, tif="DAY")))
        await ended(ib.placeOrder(spy, MarketOrder("SELL", 4, tif="DAY")))

        async def shares(**wanted: Any) -> list[float]:
            found = await ib.reqExecutionsAsync(ExecutionFilter(**wanted))
            return [fill.execution.shares for fill in found]

        assert await shares() == [10, 4]
        assert await shares(side="SELL") == [4]
        assert await shares(symbol="AAPL") == []
        assert await shares(clientId=9) == []
        assert await shares(time="20261123-16:00:00") == []
        assert await shares(time="20261123 09:00:00 US/Eastern", secType="STK") == [10, 4]
        with pytest.raises(RequestError, match="321"):
            await shares(time="yesterday")


async def test_a_change_beyond_the_margin_is_refused_and_the_order_stands_as_it_was() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal(500))
    async with connected(gateway) as ib:
        errors = Errors(ib)
        spy = await qualified(ib, SPY)
        order = LimitOrder("BUY", 10, 400, tif="GTC")
        trade = ib.placeOrder(spy, order)
        await until(lambda: trade.orderStatus.status == "Submitted")
        order.totalQuantity = 100_000
        ib.placeOrder(spy, order)
        await errors.has(order.orderId, 201)
    [standing] = gateway.book.open_orders()
    assert standing.quantity == 10


async def test_time_that_is_sped_up_has_its_effect_by_itself() -> None:
    gateway = simulated(speed=200_000)
    async with connected(gateway) as ib:
        trade = ib.placeOrder(await qualified(ib, SPY), LimitOrder("BUY", 10, 1, tif="DAY"))
        await ended(trade)
    assert trade.orderStatus.status == "Cancelled"


async def test_limits_that_the_market_reached_while_the_clock_jumped_have_traded_then() -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal(500))
    async with connected(gateway) as ib:
        trade = ib.placeOrder(await qualified(ib, SPY), LimitOrder("SELL", 10, 505, tif="GTC"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        gateway.market.set_price("SPY", Decimal(505))
        advance(gateway, days=1, hours=12)  # it is night when anybody looks
        await ended(trade)
    assert trade.fills[0].execution.time.date().day == 23
