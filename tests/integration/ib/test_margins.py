"""What an order would do to the account's margin: asked over a real socket, and nothing is placed."""

from decimal import Decimal

import pytest

from tests.support.ib import connected, simulated
from tests.support.ordering import limit, market
from trader.domain.errors import GatewayNotReady, Rejected


async def test_the_broker_tells_margin_and_equity_and_places_nothing() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        one = await worker.orders.margin(market(10))
        two = await worker.orders.margin(market(20))
        assert one.initial_after == one.initial_change > 0
        assert two.initial_change == pytest.approx(2 * one.initial_change, rel=Decimal("0.001"))
        assert 0 < one.equity_after + -one.equity_change <= 100_000
        assert gateway.requests["whatIfOrder"] == 2
        assert gateway.requests["placeOrder"] == 0
        assert gateway.book.orders == {}
        assert (await worker.orders.look_up()).open == ()


async def test_a_question_for_a_margin_takes_no_orders_id() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        (before,) = worker.orders.reserve(1)
        await worker.orders.margin(market(10))
        (after,) = worker.orders.reserve(1)
        assert after > before + 1, "it has an id of its own"
        assert not worker.orders.has_placed("")


@pytest.mark.parametrize("order", [market(10), limit(10), market(-10)])
async def test_any_order_may_be_asked_about(order: object) -> None:
    async with connected(simulated()) as worker:
        assert (await worker.orders.margin(order)).initial_change > 0  # type: ignore[arg-type]


async def test_an_order_that_the_broker_would_refuse_has_its_words() -> None:
    refuses = {"reject": {"code": 201, "message": "Order rejected - reason:no trading permission"}}
    async with connected(simulated(("whatIfOrder", refuses))) as worker:
        with pytest.raises(Rejected, match="no trading permission") as refused:
            await worker.orders.margin(market(10))
        assert refused.value.code == "margin"


async def test_a_question_that_is_not_answered_is_no_answer() -> None:
    async with connected(simulated(("whatIfOrder", "silent")), broker_call_s=0.2) as worker:
        with pytest.raises(GatewayNotReady, match="gateway-silent"):
            await worker.orders.margin(market(10))
