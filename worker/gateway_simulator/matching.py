"""When an order trades and at what price: pure rules on an order, a quote and exchange hours."""

from datetime import datetime
from decimal import Decimal

from gateway_simulator import hours
from gateway_simulator.book import Order, Schedule
from gateway_simulator.contracts import Contract
from gateway_simulator.market import Quote
from gateway_simulator.wire.orders import PlaceOrder


def schedule(contract: Contract, terms: PlaceOrder, start: datetime, end: datetime | None) -> Schedule:
    """The instants of an order that starts now or at its good-after time; `end` is its good-till time."""
    regular = not is_extended(terms)
    opens = hours.next_open(contract, start, regular=regular)
    closes = hours.session_close(contract, opens, regular=regular)
    if terms.order_type == "MOC":
        return Schedule(opens, due_at=closes)
    ends = ({"": closes, "DAY": closes, "GTD": end}.get(terms.tif), contract.expires_at)
    return Schedule(opens, expires_at=min((at for at in ends if at is not None), default=None))


def is_trading(order: Order, now: datetime) -> bool:
    """Whether the order may trade now."""
    if now < order.schedule.active_at or order.terms.order_type == "MOC":
        return False
    return hours.is_open(order.contract, now, regular=not is_extended(order.terms))


def is_extended(terms: PlaceOrder) -> bool:
    """Only limit orders trade outside regular hours, if they want to."""
    return terms.outside_rth and terms.order_type == "LMT"


def price(order: Order, quote: Quote) -> Decimal | None:
    """The price at which the order trades at this quote, if it does: the far side of the market."""
    terms, buys = order.terms, order.sign > 0
    far = quote.ask if buys else quote.bid
    if far is None or not far.is_finite() or far <= 0:
        return None
    match terms.order_type:
        case "MKT":
            return far
        case "LMT" if terms.lmt_price is not None:
            return far if (far - terms.lmt_price) * order.sign <= 0 else None
        case "STP" if terms.aux_price is not None and quote.last is not None:
            return far if (quote.last - terms.aux_price) * order.sign >= 0 else None
    return None
