"""Scenarios that act on orders and the reports of them."""

from pathlib import Path

from ib_insync import Contract, Execution, MarketOrder

from tests.integration.gateway_simulator.stage import AAPL, playing, until


async def test_a_partly_filled_order_can_be_cancelled(tmp_path: Path) -> None:
    async with playing("partly-filled", tmp_path) as stage, stage.client() as client:
        trade = client.buy(10)
        await until(lambda: trade.fills)
        assert (trade.orderStatus.filled, trade.orderStatus.remaining) == (4, 6)
        client.ib.cancelOrder(trade.order)
        await until(lambda: trade.orderStatus.status == "Cancelled")
        assert trade.orderStatus.filled == 4
        assert [held.position for held in await client.ib.reqPositionsAsync()] == [4]
        assert stage.gateway.book.next_order_id > trade.order.orderId


async def test_the_rest_of_a_partly_filled_order_may_fill_later(tmp_path: Path) -> None:
    scenario = "- {when: placeOrder, then: {partly_fill: {quantity: 3, rest_after: 60}}}"
    async with playing(scenario, tmp_path) as stage, stage.client() as client:
        trade = client.buy(10)
        await until(lambda: trade.fills)
        stage.advance(60)
        await until(lambda: trade.orderStatus.status == "Filled")
        assert [fill.execution.shares for fill in trade.fills] == [3, 7]


async def test_a_refused_order_becomes_inactive_and_is_over(tmp_path: Path) -> None:
    async with playing("rejected-then-inactive", tmp_path) as stage, stage.client() as client:
        trade = client.buy()
        await until(lambda: trade.orderStatus.status == "Inactive")
        assert (trade.order.orderId, 201) in client.errors
        assert list(stage.gateway.book.open_orders()) == []
        assert await client.ib.reqAllOpenOrdersAsync() == []


async def test_an_order_held_for_a_locate_is_inactive_and_lives(tmp_path: Path) -> None:
    async with playing("held-for-locate", tmp_path) as stage, stage.client() as client:
        trade = client.ib.placeOrder(AAPL, MarketOrder("SELL", 10, tif="DAY"))
        await until(lambda: (trade.order.orderId, 404) in client.errors)
        await until(lambda: trade.orderStatus.whyHeld == "locate")
        assert trade.orderStatus.status == "Inactive"
        assert len(list(stage.gateway.book.open_orders())) == 1
        stage.advance(60)
        await until(lambda: trade.orderStatus.status == "Filled")


async def test_an_execution_comes_twice_without_a_status_and_its_commission_late(tmp_path: Path) -> None:
    async with playing("fill-reports-astray", tmp_path) as stage, stage.client() as client:
        heard: list[str] = []
        wrapper = client.ib.wrapper
        kept = wrapper.execDetails

        def hear(req_id: int, contract: Contract, execution: Execution) -> None:
            heard.append(execution.execId)
            kept(req_id, contract, execution)

        wrapper.execDetails = hear
        trade = client.buy()
        await until(lambda: len(heard) == 2)
        await client.ib.reqCurrentTimeAsync()  # whatever was sent with it has come
        assert len(trade.fills) == 1
        assert trade.orderStatus.status != "Filled"
        assert trade.fills[0].commissionReport.commission == 0
        stage.advance(10)
        await until(lambda: trade.fills[0].commissionReport.commission)


async def test_an_execution_is_corrected_under_the_same_stem(tmp_path: Path) -> None:
    async with playing("corrected-execution", tmp_path) as stage, stage.client() as client:
        trade = client.buy()
        await until(lambda: trade.fills)
        stage.advance(5)
        await until(lambda: len(trade.fills) == 2)
        first, second = (fill.execution for fill in trade.fills)
        assert first.execId.rsplit(".", 1)[0] == second.execId.rsplit(".", 1)[0]
        assert (first.execId[-2:], second.execId[-2:], second.price) == ("01", "02", 99.5)
        assert [held.position for held in await client.ib.reqPositionsAsync()] == [10]


async def test_a_cancel_that_comes_too_late_is_refused_and_the_fill_counts(tmp_path: Path) -> None:
    async with playing("cancel-comes-too-late", tmp_path) as stage, stage.client() as client:
        trade = client.buy(limit=1)
        await until(lambda: trade.orderStatus.status == "Submitted")
        client.ib.cancelOrder(trade.order)
        await until(lambda: 10148 in client.codes())
        await until(lambda: trade.orderStatus.filled == 10)
        assert [order.filled for order in stage.gateway.book.orders.values()] == [10]


async def test_open_orders_of_a_symbol_fill_when_the_scenario_says(tmp_path: Path) -> None:
    scenario = "- {when: {after: 30}, then: {fill: {symbol: AAPL}}}"
    async with playing(scenario, tmp_path) as stage, stage.client() as client:
        trade = client.buy(limit=1)
        await until(lambda: trade.orderStatus.status == "Submitted")
        stage.advance(30)
        await until(lambda: trade.orderStatus.status == "Filled")
