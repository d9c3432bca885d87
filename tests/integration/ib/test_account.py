"""The account, read from what the connection keeps subscribed: every kind of thing it may hold."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal

import pytest
from ib_insync import Contract

from gateway_simulator.accounts import Account
from gateway_simulator.server import serve
from tests.support.ib import OPEN, Client, GatewayTime, client, connected, drop, simulated, tell, until
from tests.support.ordering import FAR_BELOW, filled, limit, market, place, working
from trader.adapters.ib.placing import to_ib_contract, to_ib_order
from trader.domain.errors import GatewayNotReady
from trader.domain.gateway import GatewayState
from trader.domain.instruments import Stock
from trader.domain.orders import Order


async def test_two_hundred_readings_send_nothing_to_the_gateway() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        place(worker, market())
        place(worker, limit())
        await filled(worker)
        await working(worker, 1)
        before = dict(gateway.requests)

        for _ in range(200):
            worker.broker.require_ready()
            assert worker.broker.account().value("NetLiquidation") is not None
            assert len(worker.broker.positions()) == 1
            assert len(worker.broker.open_orders()) == 1
            assert len(worker.broker.fills()) == 1
        await worker.connection.session().current_time()  # all that was sent before it has arrived now

        assert {**gateway.requests, "reqCurrentTime": before["reqCurrentTime"]} == before


async def test_the_base_currency_is_that_of_the_account_and_every_balance_is_there() -> None:
    cash = {"EUR": Decimal("50000.25"), "USD": Decimal(-1200), "JPY": Decimal(3_000_000)}
    gateway = simulated(accounts={"DU7": Account("DU7", "EUR", cash)})
    async with connected(gateway) as worker:
        account = worker.broker.account()

        assert (account.id, account.base_currency) == ("DU7", "EUR")
        assert {currency: account.value("TotalCashBalance", currency) for currency in cash} == cash
        assert account.value("NetLiquidation") == account.value("NetLiquidation", "EUR")
        assert all(value.value.is_finite() for value in account.values)


@pytest.mark.parametrize("sign", [1, -1])
async def test_a_fill_and_its_position_have_the_sign_of_the_trade(sign: int) -> None:
    gateway = simulated()
    gateway.market.set_price("SPY", Decimal("671.35"))
    async with connected(gateway) as worker:
        place(worker, market(sign * 10, reference="r1"))
        await filled(worker)
        await until(lambda: worker.broker.positions()[0].market_price is not None)

        [fill], [position] = worker.broker.fills(), worker.broker.positions()
        assert (fill.symbol, fill.quantity, fill.price) == ("SPY", Decimal(sign * 10), Decimal("671.35"))
        assert (fill.reference, fill.client_id, fill.commission_currency) == ("r1", 1, "USD")
        assert abs((fill.at - gateway.clock.now()).total_seconds()) < 60
        assert (position.symbol, position.quantity) == ("SPY", Decimal(sign * 10))
        assert position.market_price == Decimal("671.35")
        assert position.market_value == Decimal(sign) * Decimal("6713.5")
        assert worker.broker.open_orders() == []


async def test_a_closed_position_is_gone() -> None:
    async with connected(simulated()) as worker:
        place(worker, market())
        await filled(worker)
        place(worker, market(-10))
        await filled(worker, 2)

        await until(lambda: worker.broker.positions() == [])


async def test_an_order_is_open_from_its_placing_to_its_cancelling() -> None:
    async with connected(simulated()) as worker:
        order_id = place(worker, limit(10, FAR_BELOW, reference="r1"))
        await working(worker, 1)

        [found] = worker.broker.open_orders()
        assert (found.symbol, found.quantity, found.filled) == ("SPY", Decimal(10), Decimal(0))
        assert (found.order_type, found.tif, found.limit_price) == ("LMT", "GTC", Decimal(100))
        assert (found.reference, found.client_id, found.order_id) == ("r1", 1, order_id)
        worker.orders.cancel(order_id, worker.orders.link())
        await working(worker, 0)


async def test_an_error_that_ib_insync_takes_for_a_cancel_does_not_close_an_order() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        order_id = place(worker, limit())
        await working(worker, 1)
        for session in gateway.sessions:
            session.error(order_id, 161, "Cancel attempted when order is not in a cancellable state")
        await worker.connection.session().current_time()

        assert [found.status for found in worker.broker.open_orders()] == ["Submitted"]


def place_for(account: str, worker: Client, order: Order) -> None:
    """Place ``order`` as a client of that account would."""
    ib, [order_id] = worker.connection.session().ib, worker.orders.reserve(1)
    ib.client.placeOrder(order_id, to_ib_contract(order.contract), to_ib_order(order, order_id, 1, account))


async def test_what_belongs_to_another_account_of_the_login_is_not_ours() -> None:
    gateway = simulated(accounts={name: Account(name) for name in ("DU1", "DU2")})
    async with connected(gateway, account="DU2") as worker:
        for account, quantity in (("DU1", 3), ("DU2", 5)):
            for order in (market(quantity), limit(quantity)):
                place_for(account, worker, order)
        await until(lambda: sum(1 for _ in gateway.book.open_orders()) == 2)
        await worker.connection.session().current_time()

        assert [fill.quantity for fill in worker.broker.fills()] == [Decimal(5)]
        assert [order.quantity for order in worker.broker.open_orders()] == [Decimal(5)]
        assert [position.quantity for position in worker.broker.positions()] == [Decimal(5)]


async def test_orders_of_others_are_known_after_a_synchronisation() -> None:
    gateway = simulated()
    async with serve(gateway) as server, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                client(server.port, clock=GatewayTime(gateway), client_id=client_id)
            )
            for client_id in (7, 1)
        ]
        other, ours = clients
        await other.ready()
        await ours.ready()
        place(other, limit(5))
        await working(other, 1)
        assert ours.broker.open_orders() == []

        drop(gateway)
        await ours.reaches(GatewayState.DISCONNECTED)
        await ours.ready()
        assert [(order.client_id, order.quantity) for order in ours.broker.open_orders()] == [(7, Decimal(5))]


async def test_client_0_is_told_of_an_order_by_hand_at_once() -> None:
    by_hand = {"manual_order": {"symbol": "SPY", "side": "SELL", "quantity": 7, "limit_price": 900}}
    gateway = simulated(("reqContractDetails", by_hand))
    async with connected(gateway, client_id=0) as worker:
        await worker.market_data.contract(Stock("SPY"))
        await until(lambda: [o.quantity for o in worker.broker.open_orders()] == [Decimal(-7)])

        assert worker.broker.open_orders()[0].reference == ""


async def test_an_order_by_hand_is_known_after_a_synchronisation() -> None:
    by_hand = {"manual_order": {"symbol": "SPY", "side": "SELL", "quantity": 7, "limit_price": 900}}
    async with connected(simulated(("startApi", by_hand))) as worker:
        [order] = worker.broker.open_orders()

        assert (order.quantity, order.limit_price, order.order_id) == (Decimal(-7), Decimal(900), 0)


def everything(worker: Client) -> tuple[object, ...]:
    broker = worker.broker
    quantities = [(position.symbol, position.quantity) for position in broker.positions()]
    return quantities, broker.open_orders(), broker.fills()


@pytest.mark.parametrize("interrupt", ["drop", "1101", "1102"])
async def test_after_a_reconnect_or_an_outage_the_same_is_known_as_before(interrupt: str) -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        place(worker, market())
        place(worker, limit())
        cancelled = place(worker, limit(3))
        await filled(worker)
        await working(worker, 2)
        worker.orders.cancel(cancelled, worker.orders.link())
        await working(worker, 1)
        before = everything(worker)

        if interrupt == "drop":
            drop(gateway)
        else:
            tell(gateway, int(interrupt))
        await worker.reaches(GatewayState.SYNCHRONISING)
        await worker.ready()
        assert everything(worker) == before


async def test_an_execution_that_is_told_twice_is_one_fill() -> None:
    async with connected(simulated(("fill", "duplicate"))) as worker:
        place(worker, market())
        await filled(worker)
        await worker.connection.session().current_time()  # all that was sent before it has arrived now

        assert [fill.quantity for fill in worker.broker.fills()] == [Decimal(10)]


async def test_a_corrected_execution_is_the_correction_alone() -> None:
    async with connected(simulated(("fill", {"correct": {"shares": 8}}))) as worker:
        place(worker, market())
        await until(lambda: [fill.quantity for fill in worker.broker.fills()] == [Decimal(8)])

        assert worker.broker.fills()[0].exec_id.endswith(".02")


async def test_a_commission_is_none_until_it_is_reported() -> None:
    gateway = simulated(("fill", {"late_commission": {"seconds": 3600}}))
    async with connected(gateway) as worker:
        place(worker, market())
        await until(lambda: [fill.commission for fill in worker.broker.fills()] == [None])

        gateway.clock.set(OPEN + timedelta(hours=2))
        await filled(worker)


async def test_an_order_that_was_rejected_is_not_open() -> None:
    async with connected(simulated(("placeOrder", "inactive"))) as worker:
        place(worker, limit(3))
        place(worker, limit(5))
        await until(lambda: [o.quantity for o in worker.broker.open_orders()] == [Decimal(5)])


async def test_an_order_that_waits_for_shares_to_be_located_is_open() -> None:
    async with connected(simulated(("placeOrder", "hold"))) as worker:
        place(worker, market(-10))

        await until(lambda: [o.status for o in worker.broker.open_orders()] == ["Inactive"])


async def test_a_partly_filled_order_is_open_with_what_it_filled() -> None:
    async with connected(simulated(("placeOrder", {"partly_fill": {"quantity": 4}}))) as worker:
        place(worker, market(-10))
        await filled(worker)

        [order] = worker.broker.open_orders()
        assert (order.quantity, order.filled) == (Decimal(-10), Decimal(-4))


@pytest.mark.parametrize("back", [1101, 1102])
async def test_a_fill_in_an_outage_is_known_before_anything_is_ready_again(back: int) -> None:
    outage = {"outage": {"seconds": 60, "back": back}}
    gateway = simulated(("reqContractDetails", [outage, {"fill": {"symbol": "SPY"}}]))
    async with connected(gateway) as worker:
        place(worker, limit())
        await working(worker, 1)
        asking = asyncio.ensure_future(worker.market_data.contract(Stock("SPY")))
        await worker.reaches(GatewayState.DEGRADED)

        gateway.clock.set(OPEN + timedelta(minutes=2))
        await worker.ready()
        assert [fill.quantity for fill in worker.broker.fills()] == [Decimal(10)]
        assert worker.broker.open_orders() == []
        assert [position.quantity for position in worker.broker.positions()] == [Decimal(10)]
        await asyncio.gather(asking, return_exceptions=True)


@pytest.mark.parametrize(
    ("held", "exchange"),
    [
        (Contract(secType="STK", exchange="NASDAQ"), "SMART"),
        (Contract(secType="STK"), "SMART"),
        (Contract(secType="OPT", exchange="CBOE"), "SMART"),
        (Contract(secType="CASH"), "IDEALPRO"),
        (Contract(secType="FUT", exchange="CME"), "CME"),
        (Contract(secType="FUT", primaryExchange="CME"), "CME"),
    ],
)
async def test_a_position_says_where_it_is_closed(held: Contract, exchange: str) -> None:
    async with connected(simulated()) as worker:
        worker.connection.session().ib.wrapper.position("DU1234567", held, 10, 100)

        assert [position.exchange for position in worker.broker.positions()] == [exchange]


async def test_an_account_that_the_broker_is_resetting_is_not_read() -> None:
    async with connected(simulated()) as worker:
        wrapper = worker.connection.session().ib.wrapper
        wrapper.updateAccountValue("AccountReady", "false", "", "DU1234567")

        with pytest.raises(GatewayNotReady, match="resetting account DU1234567"):
            worker.broker.account()
