"""Orders as ib_insync keeps them, read on the broker's word alone."""

from decimal import Decimal

from ib_insync import Trade

from trader.adapters.ib.fills import to_fills
from trader.adapters.ib.numbers import number, price
from trader.domain.portfolio import OpenOrder

AT_ITS_END = frozenset({"Filled", "Cancelled", "ApiCancelled"})
ORDER_REJECTED = 201
"""Before Inactive it says that the order has ended; an order that is Inactive without it is only held."""


def take_back_cancel(trade: Trade) -> None:
    """Give an order back the broker's last status: ib_insync marks it Cancelled on any error of its id.

    Such orders were seen to live and fill (errors 10349, 161, 100, 103, 10197).
    """
    if trade.log and trade.log[-1].errorCode and trade.orderStatus.status == "Cancelled":
        told = (entry.status for entry in reversed(trade.log) if not entry.errorCode)
        trade.orderStatus.status = next(told, "Submitted")


def is_open(trade: Trade) -> bool:
    """Whether the order may still trade."""
    status = trade.orderStatus.status
    if status == "Inactive":
        return all(entry.errorCode != ORDER_REJECTED for entry in trade.log)
    return status not in AT_ITS_END


def to_open_order(trade: Trade) -> OpenOrder:
    """Return the order in our terms: a sale's quantities are negative."""
    order, contract = trade.order, trade.contract
    sign = -1 if order.action == "SELL" else 1
    executed = sum((abs(fill.quantity) for fill in to_fills(trade.fills)), Decimal(0))
    # A status isn't sent for every fill, and executions of the days before aren't reported.
    filled = max(number(trade.orderStatus.filled), executed)
    return OpenOrder(
        order_id=order.orderId,
        perm_id=order.permId,
        client_id=order.clientId,
        reference=order.orderRef,
        con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        currency=contract.currency,
        quantity=sign * number(order.totalQuantity),
        filled=sign * filled,
        order_type=order.orderType,
        tif=order.tif,
        limit_price=price(order.lmtPrice) if "LMT" in order.orderType else None,
        status=trade.orderStatus.status,
    )
