"""The broker's answer to what an order would do to the account."""

import ib_insync

from trader.adapters.ib.numbers import from_text
from trader.domain.errors import Rejected
from trader.domain.orders import Order
from trader.domain.portfolio import Margin


def to_margin(order: Order, told: ib_insync.OrderState) -> Margin:
    """Return the figures of a what-if order. Raises Rejected ``margin`` when any is missing."""
    figures = {
        "initial_after": told.initMarginAfter,
        "initial_change": told.initMarginChange,
        "equity_after": told.equityWithLoanAfter,
        "equity_change": told.equityWithLoanChange,
    }
    found = {name: from_text(text) for name, text in figures.items()}
    if missing := [name for name, value in found.items() if value is None]:
        said = told.warningText or "nothing"
        raise Rejected(
            "margin",
            f"expected the margin of {order.quantity} {order.contract} from the broker, found no "
            f"{' and no '.join(missing)}; it said {said}",
        )
    return Margin.model_validate(found)
