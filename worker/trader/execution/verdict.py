"""How a run ended, from where its orders stand."""

from collections.abc import Sequence

from trader.domain.errors import Failed, OutcomeUnknown, Terminal
from trader.domain.orders import OrderReport, OrderState

_ACCEPTED = (OrderState.PLANNED, OrderState.WORKING, OrderState.HELD, OrderState.FILLED)


def verdict(orders: Sequence[OrderReport]) -> Terminal | None:
    """Return how a run with ``orders`` has failed, or None: each was accepted, working or filled.

    Codes: ``order-unresolved``, ``partly-done``, ``orders-rejected``.
    """
    in_doubt = [order for order in orders if order.state is OrderState.UNRESOLVED or _is_unheard_of(order)]
    if in_doubt:
        return OutcomeUnknown("order-unresolved", f"{_named(in_doubt)}; it may or may not stand")
    refused = [order for order in orders if order.state not in _ACCEPTED]
    if not refused:
        return None
    if len(refused) < len(orders) or any(order.filled for order in refused):
        return Failed("partly-done", f"{len(refused)} of {len(orders)} orders did not go: {_named(refused)}")
    return Failed("orders-rejected", _named(refused))


def _is_unheard_of(order: OrderReport) -> bool:
    """Return whether an order was to be sent, and nothing is known of it; a dry run's has no reference."""
    return order.state is OrderState.PLANNED and order.reference is not None


def _named(orders: Sequence[OrderReport]) -> str:
    first = orders[0]
    more = f", and {len(orders) - 1} more" if len(orders) > 1 else ""
    return f"{first.quantity} {first.instrument} is {first.state} ({first.text or 'no reason given'}){more}"
