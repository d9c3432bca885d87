"""Orders over a real socket: sent at once or not at all, and told of as the broker does, whatever it does."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway_simulator import reports
from gateway_simulator.accounts import Account
from gateway_simulator.actions import ManualOrder
from gateway_simulator.effects import perform
from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from tests.support.ib import (
    OPEN,
    PATIENCE_S,
    Client,
    GatewayTime,
    client,
    connected,
    drop,
    simulated,
    tell,
    until,
)
from tests.support.ordering import filled, limit, market, place, working
from trader.domain.errors import GatewayNotReady, Rejected
from trader.domain.gateway import GatewayState
from trader.domain.instruments import Stock
from trader.domain.market import BarSize
from trader.domain.orders import BrokerOrder, Complaint, Order, OrderState, OrderType

BY_HAND = ManualOrder(symbol="SPY", side="SELL", quantity=Decimal(7), limit_price=Decimal(900))


async def told(worker: Client, order: Order, *states: OrderState) -> BrokerOrder:
    """Wait as a caller does until the order is told to be in one of ``states``."""
    while True:
        found = worker.orders.told(order.reference)
        if found is not None and found.state in states:
            return found
        assert await worker.orders.change(within_s=PATIENCE_S)


async def all_has_arrived(worker: Client) -> None:
    """Return when everything that was sent either way before has arrived."""
    await worker.connection.session().current_time()


@asynccontextmanager
async def beside_another(gateway: Gateway) -> AsyncIterator[tuple[Client, Client]]:
    """Yield our client, and another one of the same account."""
    async with (
        serve(gateway) as server,
        client(server.port, clock=GatewayTime(gateway)) as ours,
        client(server.port, clock=GatewayTime(gateway), client_id=7) as other,
    ):
        await ours.ready()
        await other.ready()
        yield ours, other


async def dropped(worker: Client, close: Callable[[], None]) -> None:
    """Lose the connection, and return when it is made again."""
    close()
    await worker.reaches(GatewayState.DISCONNECTED)
    await worker.ready()


def transport_of(worker: Client) -> asyncio.Transport:
    transport = worker.connection.session().ib.client.conn.transport
    assert isinstance(transport, asyncio.Transport)
    return transport


# Sending


async def test_two_hundred_orders_at_once_all_leave_though_the_socket_drops_right_after_the_last() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        orders, link = [limit(1) for _ in range(200)], worker.orders.link()
        for order, order_id in zip(orders, worker.orders.reserve(200), strict=True):
            worker.orders.place(order, order_id, link)
        transport_of(worker).abort()
        await worker.ready()

        lookup = await worker.orders.look_up()
        assert gateway.requests["placeOrder"] == 200
        assert [found.reference for found in lookup.open] == [order.reference for order in orders]


async def test_of_a_burst_that_the_gateway_drops_the_lookup_tells_what_it_has_taken() -> None:
    gateway = simulated(({"event": "placeOrder", "nth": 3}, "drop"))
    async with connected(gateway) as worker:
        orders, link = [limit() for _ in range(5)], worker.orders.link()
        ids = worker.orders.reserve(5)
        for order, order_id in zip(orders, ids, strict=True):
            worker.orders.place(order, order_id, link)
        await worker.reaches(GatewayState.DISCONNECTED)
        await worker.ready()

        lookup = await worker.orders.look_up()
        assert [found.order_id for found in lookup.open] == list(ids[:2])
        assert (lookup.completed, lookup.fills, lookup.next_order_id) == ((), (), ids[2])
        states = [worker.orders.told(order.reference) for order in orders]
        assert [found is not None for found in states] == [True, True, False, False, False]


@pytest.mark.parametrize("message", ["place", "cancel", "cancel_everything"])
async def test_nothing_is_sent_on_a_link_that_is_no_longer_in_use(message: str) -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        link, [order_id] = worker.orders.link(), worker.orders.reserve(1)
        await dropped(worker, lambda: drop(gateway))

        orders = worker.orders
        send = {
            "place": lambda: orders.place(market(), order_id, link),
            "cancel": lambda: orders.cancel(order_id, link),
            "cancel_everything": lambda: orders.cancel_everything(link),
        }[message]

        with pytest.raises(GatewayNotReady, match="gateway-reconnected"):
            send()
        await all_has_arrived(worker)
        assert gateway.requests.keys().isdisjoint({"placeOrder", "cancelOrder", "reqGlobalCancel"})


async def test_nothing_is_sent_while_the_gateway_has_lost_the_broker() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        link, [order_id] = worker.orders.link(), worker.orders.reserve(1)
        tell(gateway, 1100)
        await worker.reaches(GatewayState.DEGRADED)

        for refused in (
            lambda: worker.orders.place(market(), order_id, link),
            lambda: worker.orders.told("r1"),
            worker.orders.link,
            lambda: worker.orders.reserve(1),
        ):
            with pytest.raises(GatewayNotReady, match="gateway-lost-broker"):
                refused()
        with pytest.raises(GatewayNotReady, match="gateway-lost-broker"):
            await worker.orders.slot()
        with pytest.raises(GatewayNotReady, match="gateway-lost-broker"):
            await worker.orders.look_up()
        assert gateway.requests["placeOrder"] == 0


async def test_nothing_is_sent_on_a_socket_that_is_closing_unnoticed() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        link, [order_id] = worker.orders.link(), worker.orders.reserve(1)
        transport_of(worker).abort()

        with pytest.raises(GatewayNotReady, match="closing"):
            worker.orders.place(market(), order_id, link)
        await worker.ready()
        assert gateway.requests["placeOrder"] == 0


async def test_an_order_never_waits_behind_what_the_gateway_does_not_take() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        [session] = gateway.sessions
        assert session._transport is not None
        session._transport.pause_reading()
        transport_of(worker).write(b"\0\x7f\xff\xff" + bytes(8_000_000))

        with pytest.raises(GatewayNotReady, match="gateway-silent"):
            place(worker, market())
        transport_of(worker).abort()
        session._transport.resume_reading()
        await worker.ready()
        assert gateway.requests["placeOrder"] == 0


async def test_reserved_ids_are_taken_by_no_request_and_no_error_of_one() -> None:
    refused = {"reject": {"code": 162, "message": "Historical Market Data Service error message:no data"}}
    gateway = simulated(("reqHistoricalData", refused))
    async with connected(gateway) as worker:
        link, ids = worker.orders.link(), worker.orders.reserve(3)
        contract = await worker.market_data.contract(Stock("SPY"))
        with pytest.raises(Rejected):
            await worker.market_data.bars(contract, BarSize.MINUTES_30, days=1)
        orders = [limit() for _ in ids]
        for order, order_id in zip(orders, ids, strict=True):
            worker.orders.place(order, order_id, link)

        for order, order_id in zip(orders, ids, strict=True):
            found = await told(worker, order, OrderState.WORKING)
            assert (found.order_id, worker.orders.complaint(order.reference)) == (order_id, None)
        assert set(ids).isdisjoint(worker.orders.reserve(3))


async def test_a_link_is_unlike_any_other_of_the_same_gateway_and_client() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        before = worker.orders.link()
        place(worker, market())
        await filled(worker)
        await dropped(worker, lambda: drop(gateway))

        after = worker.orders.link()
        assert before.id != after.id
        assert (before.gateway, before.client_id) == (after.gateway, after.client_id)
        assert after.first_order_id == gateway.book.next_order_id > before.first_order_id


async def test_an_order_reaches_the_broker_as_it_was_meant() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        at = OPEN + timedelta(hours=1)
        order = limit(-5, Decimal("650.5"), good_after=at, adaptive_priority="Patient")
        place(worker, order)
        await told(worker, order, OrderState.WORKING)

        [placed] = gateway.book.orders.values()
        terms = placed.terms
        assert (terms.action, terms.total_quantity, terms.order_type) == ("SELL", Decimal(5), "LMT")
        assert (terms.lmt_price, terms.tif, terms.order_ref) == (Decimal("650.5"), "GTC", order.reference)
        assert (terms.account, terms.algo_strategy) == ("DU1234567", "Adaptive")
        assert (terms.transmit, terms.outside_rth) == (True, False)
        assert placed.schedule.active_at == at
        gateway.clock.set(at + timedelta(seconds=1))
        await told(worker, order, OrderState.FILLED)


async def test_an_order_for_the_close_works_until_then() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        order = market(order_type=OrderType.MOC)
        place(worker, order)
        await told(worker, order, OrderState.WORKING)

        gateway.clock.set(OPEN.replace(hour=21, minute=1))
        assert (await told(worker, order, OrderState.FILLED)).filled == Decimal(10)


# What the broker says of an order


async def test_nothing_is_told_of_an_order_before_the_broker_has_said_anything() -> None:
    async with connected(simulated(("placeOrder", "silent"))) as worker:
        order = market()
        place(worker, order)
        await all_has_arrived(worker)

        assert worker.orders.told(order.reference) is None
        assert worker.orders.complaint(order.reference) is None
        lookup = await worker.orders.look_up()
        assert (lookup.open, lookup.completed, lookup.next_order_id) == (
            (),
            (),
            worker.orders.link().first_order_id,
        )
        assert worker.broker.open_orders() == []


async def test_an_order_whose_tif_was_set_to_day_is_not_taken_for_cancelled() -> None:
    error = {"code": 10349, "message": "Order TIF was set to DAY based on order preset."}
    async with connected(simulated(("placeOrder", {"error": error}))) as worker:
        order = limit()
        order_id = place(worker, order)
        await told(worker, order, OrderState.WORKING)
        await all_has_arrived(worker)
        complaint = worker.orders.complaint(order.reference)
        found = worker.orders.told(order.reference)

        assert complaint == Complaint(code=10349, text=error["message"])
        assert found is not None
        assert (found.state, found.order_id) == (OrderState.WORKING, order_id)


async def test_an_order_that_is_rejected_ends_with_the_broker_s_text() -> None:
    text = "Order rejected - reason:NO MARGIN."
    async with connected(simulated(("placeOrder", {"inactive": {"message": text}}))) as worker:
        order = market()
        place(worker, order)
        found = await told(worker, order, OrderState.REJECTED)

        assert (found.text, found.filled) == (text, Decimal(0))
        lookup = await worker.orders.look_up()
        assert lookup.open == ()
        assert lookup.completed == (found,)


async def test_an_order_that_was_rejected_before_a_drop_is_found_rejected() -> None:
    gateway = simulated(("placeOrder", ["inactive", {"drop": {"when": "after"}}]))
    async with connected(gateway) as worker:
        order = market()
        place(worker, order)
        await worker.reaches(GatewayState.DISCONNECTED)
        await worker.ready()

        found = worker.orders.told(order.reference)
        assert found is not None
        assert (found.state, found.text) == (
            OrderState.REJECTED,
            "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED.",
        )


@pytest.mark.parametrize("code", [201, 110, 321, 103, 100])
async def test_an_error_alone_says_nothing_of_an_order_but_that_it_is_to_be_looked_up(code: int) -> None:
    refused = {"reject": {"code": code, "message": "refused"}}
    async with connected(simulated(("placeOrder", refused))) as worker:
        order = limit()
        place(worker, order)
        while worker.orders.complaint(order.reference) is None:
            assert await worker.orders.change(within_s=PATIENCE_S)

        assert worker.orders.complaint(order.reference) == Complaint(code=code, text="refused")
        assert worker.orders.told(order.reference) is None
        lookup = await worker.orders.look_up()
        assert (lookup.open, lookup.completed, lookup.fills) == ((), (), ())


async def test_an_order_that_waits_for_shares_to_be_located_is_held_and_fills_later() -> None:
    gateway = simulated(("placeOrder", {"hold": {"seconds": 60}}))
    async with connected(gateway) as worker:
        order = market(-10)
        place(worker, order)
        await told(worker, order, OrderState.HELD)
        await all_has_arrived(worker)
        found = worker.orders.told(order.reference)
        assert found is not None
        assert found.text == "Order held while securities are located."
        assert (await worker.orders.look_up()).open == (found,)

        gateway.clock.set(OPEN + timedelta(minutes=2))
        assert (await told(worker, order, OrderState.FILLED)).filled == Decimal(-10)


async def test_a_fill_counts_once_though_it_is_told_twice_without_a_status_or_a_commission() -> None:
    late = {"late_commission": {"seconds": 3600}}
    gateway = simulated((("fill"), ["duplicate", "no_status", late]))
    gateway.market.set_price("SPY", Decimal(670))
    async with connected(gateway) as worker:
        order = market()
        place(worker, order)
        found = await told(worker, order, OrderState.FILLED)

        assert (found.filled, found.average_price) == (Decimal(10), Decimal(670))
        [fill] = (await worker.orders.look_up()).fills
        assert (fill.reference, fill.quantity) == (order.reference, Decimal(10))


async def test_a_late_commission_wakes_who_waits() -> None:
    gateway = simulated(("fill", {"late_commission": {"seconds": 3600}}))
    async with connected(gateway) as worker:
        order = market()
        place(worker, order)
        await told(worker, order, OrderState.FILLED)
        [fill] = worker.broker.fills()
        assert fill.commission is None

        gateway.clock.set(OPEN + timedelta(hours=2))
        while worker.broker.fills()[0].commission is None:
            assert await worker.orders.change(within_s=PATIENCE_S)


async def test_what_filled_before_a_cancel_is_told_with_it() -> None:
    gateway = simulated(("placeOrder", {"partly_fill": {"quantity": 4}}))
    gateway.market.set_price("SPY", Decimal(670))
    async with connected(gateway) as worker:
        order = market()
        order_id = place(worker, order)
        await filled(worker)
        assert (await told(worker, order, OrderState.WORKING)).filled == Decimal(4)
        worker.orders.cancel(order_id, worker.orders.link())
        found = await told(worker, order, OrderState.CANCELLED)

        assert (found.filled, found.average_price) == (Decimal(4), Decimal(670))
        await all_has_arrived(worker)
        lookup = await worker.orders.look_up()
        assert [(o.state, o.filled, o.average_price) for o in lookup.completed] == [
            (OrderState.CANCELLED, Decimal(4), Decimal(670))
        ]


async def test_a_cancel_that_comes_too_late_leaves_the_fill() -> None:
    async with connected(simulated(("cancelOrder", "fill"))) as worker:
        order = limit()
        order_id = place(worker, order)
        await working(worker, 1)
        worker.orders.cancel(order_id, worker.orders.link())
        await told(worker, order, OrderState.FILLED)
        await all_has_arrived(worker)

        found = worker.orders.told(order.reference)
        assert found is not None
        assert (found.state, found.filled, found.text) == (OrderState.FILLED, Decimal(10), "")
        assert worker.orders.complaint(order.reference) is None


async def test_a_cancel_of_what_was_never_placed_breaks_nothing() -> None:
    async with connected(simulated()) as worker:
        order, link = limit(), worker.orders.link()
        place(worker, order)
        [unused] = worker.orders.reserve(1)
        worker.orders.cancel(unused, link)
        await told(worker, order, OrderState.WORKING)
        await all_has_arrived(worker)

        assert [o.status for o in worker.broker.open_orders()] == ["Submitted"]


async def test_an_order_of_an_earlier_link_can_be_cancelled() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        order = limit()
        order_id = place(worker, order)
        await working(worker, 1)
        await dropped(worker, lambda: drop(gateway))

        worker.orders.cancel(order_id, worker.orders.link())
        await told(worker, order, OrderState.CANCELLED)


async def test_an_order_id_that_was_used_proves_nothing_and_a_fresh_one_fills_once() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        first, second = market(3), market(5)
        used = place(worker, first)
        await told(worker, first, OrderState.FILLED)
        await dropped(worker, lambda: drop(gateway))
        worker.orders.place(second, used, worker.orders.link())
        await all_has_arrived(worker)

        complaint = worker.orders.complaint(second.reference)
        assert complaint is not None
        assert complaint.code == 103
        assert worker.orders.told(second.reference) is None
        lookup = await worker.orders.look_up()
        assert [o.reference for o in (*lookup.open, *lookup.completed)] == [first.reference]
        assert lookup.next_order_id > used
        place(worker, second)
        assert (await told(worker, second, OrderState.FILLED)).filled == Decimal(5)
        assert [fill.quantity for fill in worker.broker.fills()] == [Decimal(3), Decimal(5)]


async def test_an_older_order_with_an_id_that_counts_again_is_not_mixed_up_with_the_new_one() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        old, new = market(10), limit(10)
        old_id = place(worker, old)
        await told(worker, old, OrderState.FILLED)
        gateway.book.count_from(1)
        await dropped(worker, gateway.restart)
        new_id = place(worker, new)
        found = await told(worker, new, OrderState.WORKING)

        assert (old_id, found.filled) == (new_id, Decimal(0))
        lookup = await worker.orders.look_up()
        assert [(o.reference, o.filled) for o in lookup.open] == [(new.reference, Decimal(0))]
        assert [(o.reference, o.filled) for o in lookup.completed] == [(old.reference, Decimal(10))]


@pytest.mark.parametrize("back", [1101, 1102])
async def test_a_fill_in_an_outage_is_told_as_soon_as_anything_is(back: int) -> None:
    outage = {"outage": {"seconds": 60, "back": back}}
    gateway = simulated(("reqContractDetails", [outage, {"fill": {"symbol": "SPY"}}]))
    async with connected(gateway) as worker:
        order = limit()
        place(worker, order)
        await working(worker, 1)
        asking = asyncio.ensure_future(worker.market_data.contract(Stock("SPY")))
        await worker.reaches(GatewayState.DEGRADED)
        gateway.clock.set(OPEN + timedelta(minutes=2))
        await worker.ready()

        found = worker.orders.told(order.reference)
        assert found is not None
        assert (found.state, found.filled) == (OrderState.FILLED, Decimal(10))
        await asyncio.gather(asking, return_exceptions=True)


async def test_nothing_is_told_of_an_open_order_that_has_vanished() -> None:
    gateway = simulated(("placeOrder", {"partly_fill": {"quantity": 4}}))
    async with connected(gateway) as worker:
        order = market()
        place(worker, order)
        await told(worker, order, OrderState.WORKING)
        await filled(worker)
        gateway.book.restore(replace(gateway.book.state(), orders=()))
        tell(gateway, 1102)
        await worker.reaches(GatewayState.SYNCHRONISING)
        await worker.ready()

        assert worker.orders.told(order.reference) is None
        assert worker.broker.open_orders() == []
        assert [fill.quantity for fill in (await worker.orders.look_up()).fills] == [Decimal(4)]


async def test_a_completed_order_that_is_told_unasked_is_taken_as_said() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        order = limit()
        place(worker, order)
        await working(worker, 1)
        [session], [placed] = gateway.sessions, gateway.book.orders.values()
        gateway.announcer.tell = lambda *_: None  # type: ignore[method-assign]
        cancelled = gateway.exchange.cancel(placed)
        session.send(reports.completed_order(cancelled, gateway.time_zone))

        await told(worker, order, OrderState.CANCELLED)


async def test_everything_is_cancelled_even_what_others_placed() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        order = limit()
        place(worker, order)
        await working(worker, 1)
        perform(gateway, [BY_HAND])
        worker.orders.cancel_everything(worker.orders.link())
        await told(worker, order, OrderState.CANCELLED)

        await until(lambda: list(gateway.book.open_orders()) == [])


# Looking up


async def test_an_order_that_was_answered_by_a_drop_is_found() -> None:
    gateway = simulated(("placeOrder", {"drop": {"when": "after"}}))
    async with connected(gateway) as worker:
        order = limit()
        order_id = place(worker, order)
        await worker.reaches(GatewayState.DISCONNECTED)
        await worker.ready()

        [found] = (await worker.orders.look_up()).open
        assert (found.reference, found.order_id, found.state) == (
            order.reference,
            order_id,
            OrderState.WORKING,
        )
        assert worker.orders.told(order.reference) == found


async def test_a_lookup_tells_of_all_clients_and_hands_but_of_one_account() -> None:
    gateway = simulated(accounts={name: Account(name) for name in ("DU1", "DU2")})
    async with serve(gateway) as server, AsyncExitStack() as stack:

        async def log_in(client_id: int, account: str) -> Client:
            opened = client(server.port, clock=GatewayTime(gateway), client_id=client_id, account=account)
            worker = await stack.enter_async_context(opened)
            await worker.ready()
            return worker

        ours, other, stranger = await log_in(1, "DU1"), await log_in(7, "DU1"), await log_in(8, "DU2")
        orders = [limit(2), market(3)]
        for order in orders:
            place(other, order)
            place(stranger, order)
        await told(other, orders[1], OrderState.FILLED)
        await told(stranger, orders[1], OrderState.FILLED)
        perform(gateway, [BY_HAND])

        lookup = await ours.orders.look_up()
        assert [(o.client_id, o.quantity, o.reference) for o in lookup.open] == [
            (7, Decimal(2), orders[0].reference),
            (0, Decimal(-7), ""),
        ]
        assert [(o.quantity, o.filled, o.state) for o in lookup.completed] == [
            (Decimal(3), Decimal(3), OrderState.FILLED)
        ]
        assert [(fill.client_id, fill.quantity) for fill in lookup.fills] == [(7, Decimal(3))]
        assert lookup.at <= gateway.clock.now()
        assert tuple(await ours.orders.standing()) == lookup.open


async def test_where_nothing_stands_only_what_has_filled_is_asked_besides() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        place(worker, market())
        await filled(worker)
        asked = Counter(gateway.requests)
        assert await worker.orders.standing() == ()
        assert Counter(gateway.requests) - asked == {"reqAllOpenOrders": 1, "reqExecutions": 1}


async def test_what_another_client_has_filled_is_known_once_it_was_asked_what_stands() -> None:
    async with beside_another(simulated()) as (ours, other):
        place(other, market())
        await filled(other)
        assert not ours.broker.fills()
        assert await ours.orders.standing() == ()
        assert [fill.quantity for fill in ours.broker.fills()] == [market().quantity]


@pytest.mark.parametrize("fills", [True, False])
async def test_of_an_order_that_is_not_listed_as_open_any_more_it_is_asked_what_became(fills: bool) -> None:
    gateway = simulated()
    async with beside_another(gateway) as (ours, other):
        order = limit()
        order_id = place(other, order)
        await working(other, 1)
        assert [found.reference for found in await ours.orders.standing()] == [order.reference]
        if fills:
            gateway.exchange.fill_at_market(*gateway.book.open_orders())
        else:
            other.orders.cancel(order_id, other.orders.link())
        await told(other, order, OrderState.FILLED if fills else OrderState.CANCELLED)  # and nobody tells us

        assert await ours.orders.standing() == ()
        assert ours.broker.open_orders() == []
        assert [fill.reference for fill in ours.broker.fills()] == [order.reference] * fills


async def test_no_order_id_is_given_out_that_an_order_of_another_client_has() -> None:
    gateway = simulated()
    async with beside_another(gateway) as (ours, other):
        other.orders.place(limit(), 5000, other.orders.link())
        await working(other, 1)
        await ours.orders.standing()
        [order_id] = ours.orders.reserve(1)
        assert order_id > 5000


async def test_a_lookup_tells_the_gateway_s_own_counter_though_ours_has_moved_on() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        worker.orders.reserve(50)

        assert (await worker.orders.look_up()).next_order_id == worker.orders.link().first_order_id
        order_id = place(worker, market())
        await filled(worker)
        assert (await worker.orders.look_up()).next_order_id == order_id + 1


async def test_lookups_at_once_are_each_complete() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        orders = [limit() for _ in range(20)]
        for order in orders:
            place(worker, order)
        await working(worker, 20)
        lookups = await asyncio.gather(*(worker.orders.look_up() for _ in range(5)))

        assert [len(lookup.open) for lookup in lookups] == [20] * 5


@pytest.mark.parametrize("question", ["reqAllOpenOrders", "reqCompletedOrders", "reqExecutions", "reqIds"])
@pytest.mark.parametrize(
    "trouble",
    [
        [{"notice": {"code": 1100}}, {"notice": {"code": 1102}}],
        [{"notice": {"code": 1101}}],
        "drop",
        {"drop": {"when": "after"}},
        "silent",
        {"reject": {"code": 321, "message": "no"}},
    ],
)
async def test_a_lookup_that_anything_came_between_is_none(question: str, trouble: Any) -> None:
    nth = 1 if question == "reqIds" else 2
    gateway = simulated(({"event": question, "nth": nth}, trouble))
    async with connected(gateway, broker_call_s=0.2) as worker:
        order = limit()
        place(worker, order)
        await working(worker, 1)

        with pytest.raises(GatewayNotReady):
            await worker.orders.look_up()
        await worker.ready()
        assert [found.reference for found in (await worker.orders.look_up()).open] == [order.reference]


@pytest.mark.parametrize(
    "trouble", [[{"notice": {"code": 1100}}, {"notice": {"code": 1102}}], "drop", "silent"]
)
async def test_what_stands_is_not_said_if_anything_came_between(trouble: Any) -> None:
    gateway = simulated(({"event": "reqAllOpenOrders", "nth": 2}, trouble))
    async with connected(gateway, broker_call_s=0.2) as worker:
        with pytest.raises(GatewayNotReady):
            await worker.orders.standing()
        await worker.ready()
        assert await worker.orders.standing() == ()


async def test_a_lookup_whose_answer_can_not_be_read_whole_is_none(caplog: pytest.LogCaptureFixture) -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        place(worker, limit())
        await working(worker, 1)
        worker.connection.session().ib.client.decoder.handlers[5] = lambda fields: int(fields[999])

        with pytest.raises(GatewayNotReady, match="open orders could not be read"):
            await worker.orders.look_up()
        await worker.ready()
        assert len((await worker.orders.look_up()).open) == 1
        caplog.clear()


async def test_a_lookup_that_is_given_up_spoils_none_that_follows() -> None:
    gateway = simulated(({"event": "reqAllOpenOrders", "nth": 2}, {"delay": {"seconds": 3600}}))
    async with connected(gateway) as worker:
        order = limit()
        place(worker, order)
        await working(worker, 1)
        given_up = asyncio.ensure_future(worker.orders.look_up())
        await until(lambda: gateway.requests["reqAllOpenOrders"] == 2)
        given_up.cancel()
        await worker.reaches(GatewayState.DISCONNECTED)
        await worker.ready()

        assert [found.reference for found in (await worker.orders.look_up()).open] == [order.reference]


# Waiting


async def test_who_waits_is_told_that_nothing_has_changed() -> None:
    async with connected(simulated()) as worker:
        assert not await worker.orders.change(within_s=0)


@pytest.mark.parametrize("end", ["drop", "1100", "stop"])
async def test_who_waits_for_an_order_wakes_when_the_link_is_lost(end: str) -> None:
    gateway = simulated(("placeOrder", "silent"))
    async with connected(gateway) as worker:
        order = market()
        place(worker, order)
        await until(lambda: gateway.requests["placeOrder"] == 1)
        waiting = [asyncio.ensure_future(worker.orders.change(within_s=PATIENCE_S)) for _ in range(3)]
        await asyncio.sleep(0)
        match end:
            case "drop":
                drop(gateway)
            case "1100":
                tell(gateway, 1100)
            case _:
                await worker.connection.close()

        assert await asyncio.gather(*waiting) == [True] * 3
        with pytest.raises(GatewayNotReady):
            await told(worker, order, OrderState.FILLED)


async def test_who_waits_wakes_when_the_position_changes() -> None:
    async with connected(simulated()) as worker:
        place(worker, market())
        while not worker.broker.positions():
            assert await worker.orders.change(within_s=PATIENCE_S)
        assert worker.broker.positions()[0].exchange == "SMART"
