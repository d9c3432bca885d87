"""Small orders of SPY, and placing them as the worker does."""

from decimal import Decimal
from itertools import count
from typing import Any

from tests.support.ib import Client, until
from trader.domain.orders import Order, OrderContract, OrderType, TimeInForce

SPY = OrderContract(con_id=756733, symbol="SPY", sec_type="STK", currency="USD", exchange="SMART")
FAR_BELOW = Decimal(100)
_numbers = count(1)


def market(quantity: int = 10, **given: Any) -> Order:
    """Return an order that fills at once; a negative quantity sells."""
    defaults = {
        "reference": f"r{next(_numbers)}",
        "contract": SPY,
        "quantity": Decimal(quantity),
        "order_type": OrderType.MKT,
        "tif": TimeInForce.DAY,
    }
    return Order(**{**defaults, **given})


def limit(quantity: int = 10, price: Decimal = FAR_BELOW, **given: Any) -> Order:
    """Return an order that stays open."""
    terms = {"order_type": OrderType.LMT, "limit_price": price, "tif": TimeInForce.GTC}
    return market(quantity, **{**terms, **given})


def place(worker: Client, order: Order) -> int:
    """Place ``order`` under a fresh id, and return the id."""
    [order_id] = worker.orders.reserve(1)
    worker.orders.place(order, order_id, worker.orders.link())
    return order_id


async def filled(worker: Client, count: int = 1) -> None:
    """Wait until so many fills are known, each with its commission."""
    await until(lambda: [f.commission is not None for f in worker.broker.fills()] == [True] * count)


async def working(worker: Client, count: int) -> None:
    """Wait until so many orders are open."""
    await until(lambda: [order.status for order in worker.broker.open_orders()] == ["Submitted"] * count)
