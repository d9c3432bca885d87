"""Scenarios that act on connections and requests."""

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.integration.gateway_simulator.stage import AAPL, MORNING, playing, until


async def test_drop_closes_the_connection_before_the_order_stands(tmp_path: Path) -> None:
    async with playing("drops-while-orders-wait", tmp_path) as stage, stage.client() as client:
        trades = [client.buy() for _ in range(4)]
        await until(lambda: not client.ib.isConnected())
        standing = [order.order_id for order in stage.gateway.book.orders.values()]
        assert standing == [trade.order.orderId for trade in trades[:2]]


async def test_drop_after_lets_the_order_stand_without_a_word(tmp_path: Path) -> None:
    scenario = "- {when: placeOrder, then: {drop: {when: after}}}"
    async with playing(scenario, tmp_path) as stage, stage.client() as client:
        trade = client.buy()
        await until(lambda: not client.ib.isConnected())
        (order,) = stage.gateway.book.orders.values()
        assert order.filled == 10
        assert trade.fills == []
        async with stage.client() as again:
            assert [fill.execution.shares for fill in again.ib.fills()] == [10]


async def test_delay_holds_up_the_request_and_those_behind_it(tmp_path: Path) -> None:
    scenario = "- {when: reqCurrentTime, then: {delay: {seconds: 20}}}"
    async with playing(scenario, tmp_path) as stage, stage.client() as client:
        asked = asyncio.ensure_future(client.ib.reqCurrentTimeAsync())
        await stage.received("reqCurrentTime")
        trade = client.buy()
        await asyncio.sleep(0)
        stage.advance(19)
        assert not asked.done()
        stage.advance(1)
        assert await asked == MORNING + timedelta(seconds=20)
        await until(lambda: trade.orderStatus.status == "Filled")


async def test_reject_answers_with_the_error_and_nothing_else(tmp_path: Path) -> None:
    scenario = "- {when: placeOrder, then: {reject: {code: 103, message: Duplicate order id}}}"
    async with playing(scenario, tmp_path) as stage, stage.client() as client:
        refused = client.buy()
        await until(lambda: (refused.order.orderId, 103) in client.errors)
        assert not stage.gateway.book.orders
        accepted = client.buy()
        await until(lambda: accepted.orderStatus.status == "Filled")


async def test_requests_for_bars_are_paced(tmp_path: Path) -> None:
    async with playing("pacing", tmp_path) as stage, stage.client() as client:
        found = [
            await client.ib.reqHistoricalDataAsync(AAPL, "", "2 D", "1 day", "TRADES", useRTH=True)
            for _ in range(3)
        ]
        assert [len(bars) for bars in found] == [0, 0, 2]
        assert client.codes()[-2:] == [162, 100]


async def test_error_is_only_said_and_the_order_lives(tmp_path: Path) -> None:
    async with playing("tif-set-to-day", tmp_path) as stage, stage.client() as client:
        trade = client.buy()
        await until(lambda: trade.fills)
        assert (trade.order.orderId, 10349) in client.errors
        assert [order.filled for order in stage.gateway.book.orders.values()] == [10]


async def test_silent_leaves_one_request_without_an_answer(tmp_path: Path) -> None:
    async with playing("- {when: placeOrder, then: silent}", tmp_path) as stage, stage.client() as client:
        lost, kept = client.buy(), client.buy()
        await until(lambda: kept.orderStatus.status == "Filled")
        assert lost.log[-1].status == "PendingSubmit"
        assert [order.order_id for order in stage.gateway.book.orders.values()] == [kept.order.orderId]


async def test_any_request_can_be_meant(tmp_path: Path) -> None:
    scenario = "- {when: {event: request, times: always, client_id: 7}, then: silent}"
    async with playing(scenario, tmp_path) as stage, stage.client(1) as client:
        assert await client.ib.reqCurrentTimeAsync() == MORNING
        assert len(stage.gateway.sessions) == 1


async def test_silent_from_the_connection_on_answers_nothing_at_all(tmp_path: Path) -> None:
    async with playing("- {when: connect, then: silent}", tmp_path) as stage:
        reader, writer = await stage.raw()
        await stage.received("connect")
        async with stage.client():
            pass  # the next one is let in
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()


async def test_nobody_is_let_in_until_somebody_has_logged_in(tmp_path: Path) -> None:
    async with playing("second-factor-pending", tmp_path) as stage:
        early, early_writer = await stage.raw()
        late, late_writer = await stage.raw()
        await stage.received("connect", 2)
        for reader, writer in ((early, early_writer), (late, late_writer)):
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
        stage.advance(120)
        async with stage.client() as client:
            assert client.ib.managedAccounts()


async def test_a_client_id_in_use_is_refused_and_the_connection_closed(tmp_path: Path) -> None:
    async with playing("client-id-in-use", tmp_path) as stage:
        for _ in range(2):
            reader, writer = await stage.raw()
            writer.write(b"\x00\x00\x00\x0871\x002\x001\x00\x00")
            assert b"\x00326\x00Unable to connect as the client id is already in use" in await reader.read()
            writer.close()
        async with stage.client() as client:
            assert client.ib.isConnected()
