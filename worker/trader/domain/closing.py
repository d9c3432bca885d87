"""How a position is closed: by how much, and on whose account."""

from collections.abc import Mapping
from decimal import Decimal

from trader.domain.ledger import EXTERNAL
from trader.domain.sharing import share


def closing_parts(position: Decimal, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return whose holdings an order that closes ``position`` closes, as signed parts of its quantity.

    Owners that hold on the position's side give up what they hold, in proportion if that is more than the
    position; what nobody owns is EXTERNAL's.
    """
    same_side = {owner: quantity for owner, quantity in held.items() if quantity * position > 0}
    owned = sum(same_side.values(), Decimal(0))
    if abs(owned) > abs(position):
        return {owner: -part for owner, part in share(position, same_side).items() if part}
    parts = {owner: -quantity for owner, quantity in same_side.items()}
    rest = position - owned
    if rest:
        parts[EXTERNAL] = parts.get(EXTERNAL, Decimal(0)) - rest
    return parts


def reducible(position: Decimal, wanted: Decimal) -> Decimal:
    """Return as much of the signed order ``wanted`` as only makes ``position`` smaller."""
    if position * wanted >= 0:
        return Decimal(0)
    return wanted if abs(wanted) <= abs(position) else -position
