"""How the orders of one plan are placed: the configuration's terms, and what the message says otherwise."""

from dataclasses import dataclass
from datetime import datetime

from trader.domain.configuration import AdaptivePriority, OrderTerms
from trader.domain.errors import Rejected
from trader.domain.orders import OrderType, TimeInForce


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms in force; ``good_after`` is when orders start to work, None for at once."""

    order: OrderTerms
    good_after: datetime | None = None

    @property
    def adaptive(self) -> str | None:
        """The priority of the broker's adaptive algorithm, which knows no MOC."""
        priority = self.order.adaptive_priority
        has_it = self.order.type is not OrderType.MOC and priority is not AdaptivePriority.NONE
        return priority.value if has_it else None


def terms(
    configured: OrderTerms,
    order_type: OrderType | None = None,
    tif: TimeInForce | None = None,
    good_after: datetime | None = None,
) -> Terms:
    """Return ``configured`` with what a message says laid over it.

    A message that says MOC, and nothing of how long, means the day. Raises Rejected ``contradictory-terms``.
    """
    kind = order_type or configured.type
    is_moc = kind is OrderType.MOC
    lasting = tif or (TimeInForce.DAY if is_moc and order_type else configured.tif)
    if is_moc and lasting is not TimeInForce.DAY:
        raise Rejected(
            "contradictory-terms",
            f"expected tif DAY with order type MOC, found {lasting}; an order at the close can't outlive its "
            "day: leave tif out, or take LMT",
            field="tif",
        )
    if is_moc and good_after is not None:
        raise Rejected(
            "contradictory-terms",
            "expected no goodAfter with order type MOC, found one; an order at the close has its own time: "
            "leave goodAfter out, or take MKT or LMT",
            field="goodAfter",
        )
    return Terms(configured.model_copy(update={"type": kind, "tif": lasting}), good_after)
