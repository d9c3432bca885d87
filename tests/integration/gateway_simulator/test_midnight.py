"""What the gateway remembers: across its midnight, a restart, and a fresh container."""

from datetime import timedelta
from decimal import Decimal

from ib_insync import LimitOrder, MarketOrder

from gateway_simulator.gateway import Gateway
from gateway_simulator.server import Server, serve
from tests.support.simulator import SPY, client, ended, qualified, simulated, until


async def trade_once(server: Server) -> int:
    """One order that fills and one that stays open; the highest order id that was used."""
    async with client(server) as ib:
        spy = await qualified(ib, SPY)
        await ended(ib.placeOrder(spy, MarketOrder("BUY", 10, tif="DAY")))
        waiting = ib.placeOrder(spy, LimitOrder("BUY", 10, 1, tif="GTC"))
        await until(lambda: waiting.orderStatus.status == "Submitted")
        return waiting.order.orderId


def to_the_next_day(gateway: Gateway) -> None:
    gateway.clock.set(gateway.clock.now() + timedelta(days=1))


async def test_a_restart_closes_connections_and_keeps_what_the_gateway_knows() -> None:
    gateway = simulated()
    async with serve(gateway) as server:
        highest = await trade_once(server)
        async with client(server) as ib:
            gateway.restart()
            await until(lambda: not ib.isConnected())
        async with client(server) as ib:
            assert ib.client.getReqId() > highest
            assert len(ib.fills()) == 1
            assert len(ib.openTrades()) == 1
            assert len(ib.positions()) == 1


async def test_executions_and_completed_orders_end_at_midnight_but_the_counter_goes_on() -> None:
    gateway = simulated()
    async with serve(gateway) as server:
        highest = await trade_once(server)
        to_the_next_day(gateway)
        async with client(server) as ib:
            assert ib.fills() == []
            assert await ib.reqCompletedOrdersAsync(apiOnly=False) == []
            assert ib.client.getReqId() > highest
            assert len(ib.openTrades()) == 1
            assert [p.position for p in ib.positions()] == [10]


async def test_midnight_is_the_gateways_own() -> None:
    gateway = simulated(time_zone="Asia/Tokyo")  # 10:00 in New York is midnight there
    async with serve(gateway) as server:
        await trade_once(server)
        async with client(server) as ib:
            assert len(ib.fills()) == 1
        to_the_next_day(gateway)
        async with client(server) as ib:
            assert ib.fills() == []


async def test_a_fresh_container_answers_nothing_of_before_and_counts_from_the_start() -> None:
    gateway = simulated()
    async with serve(gateway) as server:
        await trade_once(server)
        to_the_next_day(gateway)
        gateway.restart(fresh=True)
        assert gateway.book.next_order_id == 1
        async with client(server) as ib:
            assert ib.fills() == []
            assert await ib.reqCompletedOrdersAsync(apiOnly=False) == []
            assert len(ib.openTrades()) == 1  # IB's servers know it
            assert [p.position for p in ib.positions()] == [10]


async def test_a_fresh_container_accepts_an_id_that_was_used_before() -> None:
    gateway = simulated()
    async with serve(gateway) as server:
        async with client(server) as ib:
            spy = await qualified(ib, SPY)
            first = await ended(ib.placeOrder(spy, MarketOrder("BUY", 10, tif="DAY")))
        gateway.clock.set(gateway.clock.now() + timedelta(seconds=1))
        gateway.restart(fresh=True)
        async with client(server) as ib:
            again = MarketOrder("BUY", 10, tif="DAY", orderId=first.order.orderId)
            ib.placeOrder(spy, again)
            await until(lambda: len(gateway.book.orders) == 2)
    assert sum(order.filled for order in gateway.book.orders.values()) == 20


async def test_an_order_that_fills_while_nobody_is_connected_is_found_afterwards() -> None:
    gateway = simulated()
    async with serve(gateway) as server:
        async with client(server) as ib:
            spy = await qualified(ib, SPY)
            waiting = ib.placeOrder(spy, LimitOrder("BUY", 10, 10, tif="GTC", orderRef="late"))
            await until(lambda: waiting.orderStatus.status == "Submitted")
        gateway.market.set_price("SPY", Decimal(9))
        gateway.clock.set(gateway.clock.now() + timedelta(seconds=1))
        async with client(server) as ib:
            await until(lambda: ib.fills() or gateway.book.executions)
            [fill] = await ib.reqExecutionsAsync()
            [done] = await ib.reqCompletedOrdersAsync(apiOnly=False)
    assert fill.execution.orderRef == done.order.orderRef == "late"
