"""What IB checks of an order before it accepts one; each rule raises the refusal that IB gives."""

from decimal import Decimal

from gateway_simulator.book import Order
from gateway_simulator.contracts import Contract
from gateway_simulator.refusal import Refusal, invalid
from gateway_simulator.wire.orders import PlaceOrder

ORDER_TYPES = frozenset({"MKT", "LMT", "STP", "MOC"})
TIMES_IN_FORCE = frozenset({"", "DAY", "GTC", "GTD", "IOC"})
NEEDED_PRICE = {"LMT": "lmt_price", "STP": "aux_price"}


def check(contract: Contract, terms: PlaceOrder) -> None:
    """Refuse what could never trade."""
    if not terms.contract.exchange:
        raise invalid("Missing order exchange")
    if terms.action not in {"BUY", "SELL"}:
        raise invalid(f"Invalid order action {terms.action!r}")
    _check_type(contract, terms)
    if terms.tif not in TIMES_IN_FORCE:
        raise invalid(f"Invalid time in force {terms.tif!r}")
    _check_quantity(contract, terms.total_quantity)
    _check_price(contract, terms)


def check_change(order: Order, contract: Contract, terms: PlaceOrder) -> None:
    """Refuse a change that makes another order of an open one."""
    check(contract, terms)
    account = terms.account or order.account
    if (contract.con_id, terms.action, account) != (order.contract.con_id, order.terms.action, order.account):
        raise Refusal(105, "Order being modified does not match original order.")
    if terms.total_quantity <= order.filled:
        raise Refusal(
            201, "Order rejected - reason:The new order size must be larger than the filled quantity."
        )


def _check_type(contract: Contract, terms: PlaceOrder) -> None:
    if not contract.order_types:  # an index, or a continuous future
        raise Refusal(412, "The contract is not available for trading.")
    if terms.order_type not in ORDER_TYPES or terms.order_type not in contract.order_types.split(","):
        raise Refusal(387, "Unsupported order type for this exchange and security type.")


def _check_quantity(contract: Contract, quantity: Decimal) -> None:
    if not quantity.is_finite() or quantity <= 0:
        raise Refusal(434, "The order size cannot be zero.")
    if quantity % contract.size_increment:
        raise Refusal(10243, "Fractional-sized order cannot be placed via API. Please use desktop version.")


def _check_price(contract: Contract, terms: PlaceOrder) -> None:
    needed = NEEDED_PRICE.get(terms.order_type)
    if needed is None:
        return
    price: Decimal | None = getattr(terms, needed)
    if price is None or not price.is_finite() or price <= 0:
        raise invalid(f"Missing or invalid price for a {terms.order_type} order")
    if price % contract.min_tick:
        raise Refusal(110, "The price does not conform to the minimum price variation for this contract.")
