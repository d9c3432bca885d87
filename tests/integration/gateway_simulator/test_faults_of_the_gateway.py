"""Scenarios that act on the gateway itself, its market and its clock."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from ib_insync import MarketOrder, Stock

from gateway_simulator.market_file import MarketFile, Symbol
from tests.integration.gateway_simulator.stage import AAPL, MORNING, PATIENCE_S, playing, until


async def test_data_farms_flap_without_a_teardown(tmp_path: Path) -> None:
    async with playing("data-farms-flap", tmp_path) as stage, stage.client() as client:
        stage.advance(5)
        await until(lambda: {2103, 2105} <= set(client.codes()))
        stage.advance(3)
        await until(lambda: client.codes()[-2:] == [2104, 2106])
        assert client.ib.isConnected()
        assert (await client.ib.reqCurrentTimeAsync()) == MORNING + timedelta(seconds=8)


async def test_fills_during_an_outage_are_told_to_those_who_ask_after_it(tmp_path: Path) -> None:
    async with playing("fills-during-an-outage", tmp_path) as stage, stage.client() as client:
        trade = client.buy(10)
        await until(lambda: 1100 in client.codes())
        assert [fill.execution.shares for fill in trade.fills] == [5]
        stage.advance(10)
        await until(lambda: [order.filled for order in stage.gateway.book.orders.values()] == [10])
        stage.advance(20)
        await until(lambda: 1102 in client.codes())
        assert client.ib.isConnected()
        assert len(trade.fills) == 1
        fills = await client.ib.reqExecutionsAsync()
        assert sorted(fill.execution.cumQty for fill in fills) == [5, 10]


async def test_nothing_is_read_or_sent_while_it_is_frozen(tmp_path: Path) -> None:
    async with playing("silence", tmp_path) as stage, stage.client() as client:
        trades = [client.buy() for _ in range(3)]
        await until(lambda: stage.gateway.is_frozen)
        asked = asyncio.ensure_future(client.ib.reqCurrentTimeAsync())
        await until(lambda: trades[1].orderStatus.status == "Filled")
        stage.advance(3600)
        assert len(stage.gateway.book.orders) == 3
        assert not asked.done()
        assert trades[2].orderStatus.status == "PendingSubmit"
        assert client.ib.isConnected()
        asked.cancel()


async def test_what_was_held_up_goes_on_when_it_thaws(tmp_path: Path) -> None:
    scenario = "- {when: placeOrder, then: {freeze: {seconds: 60}}}"
    async with playing(scenario, tmp_path) as stage, stage.client() as client:
        trade = client.buy()
        await until(lambda: stage.gateway.is_frozen)
        asked = asyncio.ensure_future(client.ib.reqCurrentTimeAsync())
        stage.advance(60)
        assert await asked == MORNING + timedelta(seconds=60)
        await until(lambda: trade.orderStatus.status == "Filled")


async def test_every_connection_can_be_closed_at_once(tmp_path: Path) -> None:
    async with (
        playing("closes-every-connection", tmp_path) as stage,
        stage.client(1) as one,
        stage.client(2) as two,
    ):
        stage.advance(30)
        await until(lambda: not one.ib.isConnected() and not two.ib.isConnected())
        async with stage.client(1) as again:
            assert again.ib.isConnected()


async def test_a_competing_session_throws_everybody_out_for_a_while(tmp_path: Path) -> None:
    async with playing("competing-session", tmp_path) as stage, stage.client() as client:
        stage.advance(30)
        await until(lambda: not client.ib.isConnected())
        assert client.codes()[-2:] == [10197, 1100]
        assert not stage.gateway.is_logged_in
        stage.advance(300)
        await until(lambda: stage.gateway.is_logged_in)
        async with stage.client() as again:
            assert again.ib.isConnected()


async def test_a_restart_loses_the_order_of_that_second_and_counts_ids_from_the_start(tmp_path: Path) -> None:
    async with playing("restart-rolls-ids-back", tmp_path) as stage, stage.client() as client:
        first = client.buy().order.orderId
        trades = [client.buy(), client.buy()]
        await until(lambda: not client.ib.isConnected())
        assert trades[1].order.orderId == first + 2
        await until(stage.gateway.goes_down.is_set)
        with pytest.raises(ConnectionRefusedError):
            await refused(stage.port)
        stage.advance(5)
        await until(stage.gateway.comes_up.is_set)
        async with stage.client() as again:
            assert stage.gateway.book.next_order_id == 1
            assert sorted(fill.execution.orderId for fill in again.ib.fills()) == [first, first + 1]


async def refused(port: int) -> None:
    """Connect until the port is closed: the listener goes a moment after the connections."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()


async def test_a_fresh_container_has_forgotten_executions_but_not_positions(tmp_path: Path) -> None:
    async with playing("fresh-container", tmp_path) as stage:
        async with stage.client() as client:
            trade = client.buy()
            await until(lambda: trade.orderStatus.status == "Filled")
            stage.advance(60)
            await until(lambda: not client.ib.isConnected())
        stage.advance(10)
        await until(stage.gateway.comes_up.is_set)
        async with stage.client() as again:
            assert again.ib.fills() == []
            assert again.ib.trades() == []
            assert [held.position for held in again.ib.positions()] == [10]
            assert stage.gateway.book.next_order_id == stage.gateway.book.first_order_id


async def test_executions_can_be_forgotten_without_a_restart(tmp_path: Path) -> None:
    async with playing("forgets-executions", tmp_path) as stage, stage.client() as client:
        trade = client.buy()
        await until(lambda: trade.orderStatus.status == "Filled")
        assert len(await client.ib.reqExecutionsAsync()) == 1
        stage.advance(60)
        await until(lambda: stage.gateway.book.next_order_id == 1)
        assert await client.ib.reqExecutionsAsync() == []


async def test_an_order_id_that_was_used_is_refused(tmp_path: Path) -> None:
    async with playing("duplicate-order-id", tmp_path) as stage, stage.client() as client:
        done = client.buy()
        await until(lambda: done.orderStatus.status == "Filled")
        before = stage.gateway.book.next_order_id
        client.ib.client.reqIds(1)
        await until(lambda: stage.gateway.book.next_order_id < before)
    async with playing("", tmp_path) as stage:
        async with stage.client() as client:
            done = client.buy()
            await until(lambda: done.orderStatus.status == "Filled")
        async with stage.client() as again:
            order = MarketOrder("BUY", 10, orderId=done.order.orderId, tif="DAY")
            again.ib.client.placeOrder(order.orderId, AAPL, order)
            await until(lambda: (done.order.orderId, 103) in again.errors)


async def test_at_midnight_the_executions_of_the_day_are_gone(tmp_path: Path) -> None:
    async with playing("midnight", tmp_path) as stage, stage.client() as client:
        trade = client.buy()
        await until(lambda: trade.orderStatus.status == "Filled")
        assert len(await client.ib.reqExecutionsAsync()) == 1
        stage.advance(60)
        await until(lambda: stage.gateway.clock.now() == datetime(2026, 11, 24, 5, tzinfo=UTC))
        assert await client.ib.reqExecutionsAsync() == []


async def test_prices_can_be_missing_or_zero(tmp_path: Path) -> None:
    async with playing("prices-missing-and-zero", tmp_path) as stage, stage.client() as client:
        missing, zero = await client.ib.reqTickersAsync(AAPL, Stock("MSFT", "SMART", "USD"))
        assert missing.bid != missing.bid  # NaN: no tick came
        assert (zero.bid, zero.ask, zero.last) == (0, 0, 0)
        trade = client.buy()
        await until(lambda: trade.orderStatus.status == "PreSubmitted")
        assert trade.fills == []
        stage.gateway.market.set_price("AAPL", Decimal(100))
        stage.advance(1)
        await until(lambda: trade.orderStatus.status == "Filled")


async def test_a_manual_order_belongs_to_nobody_and_is_seen_by_those_who_ask(tmp_path: Path) -> None:
    async with playing("manual-order", tmp_path) as stage, stage.client() as client:
        trade = client.buy(limit=1)
        await until(lambda: trade.orderStatus.status == "Submitted")
        found = await client.ib.reqAllOpenOrdersAsync()
        by_hand = [order for order in found if order.orderStatus.clientId != 1]
        assert [(order.order.action, order.order.totalQuantity) for order in by_hand] == [("SELL", 100)]
        assert [order.order.orderRef for order in by_hand] == [""]


async def test_data_without_permission_is_refused(tmp_path: Path) -> None:
    async with playing("no-data-permission", tmp_path) as stage, stage.client() as client:
        client.ib.reqMktData(AAPL)
        await until(lambda: 10168 in client.codes())
        assert not await client.ib.reqHistoricalDataAsync(AAPL, "", "2 D", "1 day", "TRADES", useRTH=True)
        assert 162 in client.codes()
        assert stage.gateway.requests["reqMktData"] == 1


@pytest.mark.parametrize(("kind", "code"), [(1, 10089), (3, 10167)])
async def test_delayed_data_is_refused_as_live_and_marked_as_delayed(
    tmp_path: Path, kind: int, code: int
) -> None:
    prices = MarketFile(symbols={"AAPL": Symbol(data="delayed")})
    async with playing("", tmp_path, prices=prices) as stage, stage.client() as client:
        client.ib.reqMarketDataType(kind)
        ticker = client.ib.reqMktData(AAPL)
        await until(lambda: code in client.codes())
        if kind == 3:
            await until(lambda: ticker.bid == ticker.bid)
            assert ticker.marketDataType == 3
        assert stage.gateway.requests["reqMktData"] == 1


async def test_on_a_holiday_hours_say_closed_and_an_order_waits(tmp_path: Path) -> None:
    thanksgiving = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
    async with playing("", tmp_path, at=thanksgiving) as stage, stage.client() as client:
        (details,) = await client.ib.reqContractDetailsAsync(AAPL)
        assert details.liquidHours.split(";")[:2] == ["20261126:CLOSED", "20261127:0930-20261127:1300"]
        trade = client.buy()
        await until(lambda: 399 in client.codes())
        assert trade.orderStatus.status == "PreSubmitted"
        assert trade.fills == []
        assert len(list(stage.gateway.book.open_orders())) == 1


async def test_a_manual_order_in_a_symbol_that_does_not_exist_is_no_harm(tmp_path: Path) -> None:
    scenario = "- {when: placeOrder, then: {manual_order: {symbol: ZZZZ, side: BUY, quantity: 1}}}"
    async with playing(scenario, tmp_path) as stage, stage.client() as client:
        trade = client.buy()
        await until(lambda: trade.orderStatus.status == "Filled")
        assert len(stage.gateway.book.orders) == 1
