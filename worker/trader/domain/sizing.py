"""From a weight and a capital to a quantity, and from there to an order's quantity and price."""

from contextlib import AbstractContextManager
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Context, Decimal, localcontext

from trader.domain.targets import Flat, Weight

# Wide enough that products of broker figures are exact; what must be rounded goes toward zero.
_EXACT = Context(prec=60, rounding=ROUND_DOWN)


def exactly() -> AbstractContextManager[Context]:
    """Compute so that nothing is rounded but by intent. Entering it takes as long as ten quantities."""
    return localcontext(_EXACT)


def capital(net_liquidation: Decimal, overall: Decimal, share: Decimal) -> Decimal:
    """Return what a strategy may use, in the base currency; of an account in debt, nothing."""
    with exactly():
        return max(net_liquidation, Decimal(0)) * overall * share


def unit_value(price: Decimal, multiplier: Decimal, fx: Decimal) -> Decimal:
    """Return what one unit is worth in the base currency; ``fx`` is the base for one of the contract's."""
    for name, value in (("price", price), ("multiplier", multiplier), ("fx", fx)):
        if not value.is_finite() or value <= 0:
            raise ValueError(f"expected a {name} above 0, found {value}; the data gate comes first")
    with exactly():
        return price * multiplier * fx


def target_quantity(target: Weight | Flat, capital: Decimal, unit: Decimal) -> Decimal:
    """Return the whole units to hold, signed and rounded toward zero, so never above ``capital``.

    Exact within ``exactly`` alone.
    """
    if isinstance(target, Flat):
        return Decimal(0)
    return capital * target.value // unit or Decimal(0)  # -0.5 rounds to -0


def limit_price(price: Decimal, quantity: Decimal, offset_percent: Decimal, min_tick: Decimal) -> Decimal:
    """Return ``price`` moved in favour of filling, on a tick: up for a purchase, down for a sale.

    A sale never goes below one tick.
    """
    if quantity == 0 or min_tick <= 0:
        raise ValueError(f"expected a quantity other than 0 and a tick above 0, found {quantity}, {min_tick}")
    buying = quantity > 0
    with exactly():
        moved = price * (1 + (offset_percent if buying else -offset_percent) / 100)
        ticks = (moved / min_tick).to_integral_value(ROUND_CEILING if buying else ROUND_FLOOR)
        return max(ticks, Decimal(1)) * min_tick
