"""Orders in the broker's terms. All that the broker would otherwise fill in by itself is set here."""

from datetime import UTC

import ib_insync
from ib_insync import TagValue

from trader.domain.orders import Order, OrderContract, OrderType

ADAPTIVE = frozenset({OrderType.MKT, OrderType.LMT})
"""The broker's Adaptive algorithm knows no other type."""


def to_ib_contract(contract: OrderContract) -> ib_insync.Contract:
    """Return a new ib_insync contract to place an order in."""
    return ib_insync.Contract(
        conId=contract.con_id,
        symbol=contract.symbol,
        secType=contract.sec_type,
        currency=contract.currency,
        exchange=contract.exchange,
        localSymbol=contract.local_symbol,
    )


def to_ib_order(order: Order, order_id: int, client_id: int, account: str) -> ib_insync.Order:
    """Return a new ib_insync order.

    A time of day in UTC has a dash before it; without one it would be in the gateway's time zone.
    """
    if not order.quantity or (order.limit_price is None) == (order.order_type is OrderType.LMT):
        raise ValueError(f"expected a quantity, and a limit price for LMT alone, found {order!r}")
    placed = ib_insync.Order(
        orderId=order_id,
        clientId=client_id,
        action="BUY" if order.quantity > 0 else "SELL",
        totalQuantity=float(abs(order.quantity)),
        orderType=order.order_type.value,
        tif=order.tif.value,
        account=account,
        orderRef=order.reference,
        transmit=True,
        outsideRth=False,
        eTradeOnly=False,
        firmQuoteOnly=False,
    )
    if order.limit_price is not None:
        placed.lmtPrice = float(order.limit_price)
    if order.good_after is not None:
        placed.goodAfterTime = f"{order.good_after.astimezone(UTC):%Y%m%d-%H:%M:%S}"
    if order.adaptive_priority is not None and order.order_type in ADAPTIVE:
        placed.algoStrategy = "Adaptive"
        placed.algoParams = [TagValue("adaptivePriority", order.adaptive_priority)]
    return placed
