"""How trades move a position.

IB puts the commission of an opening trade into the average cost, that of a closing one into the profit.
"""

from dataclasses import replace
from decimal import Decimal

from gateway_simulator.records import ZERO, Execution, Position


def after(
    position: Position, signed: Decimal, price: Decimal, commission: Decimal
) -> tuple[Decimal | None, Position]:
    """What a trade realises (None: it closed nothing), and the position after it."""
    before, after = position.quantity, position.quantity + signed
    value = price * position.contract.multiplier
    if before * signed >= 0:
        cost = (
            position.average_cost * abs(before)
            + value * abs(signed)
            + (commission if signed > 0 else -commission)
        )
        return None, replace(position, quantity=after, average_cost=cost / abs(after))
    closed = min(abs(signed), abs(before)) * (1 if before > 0 else -1)
    realized = (value - position.average_cost) * closed - commission
    if before * after > 0:
        return realized, replace(position, quantity=after)
    return realized, replace(position, quantity=after, average_cost=value if after else ZERO)


def corrected(position: Position, execution: Execution, revised: Execution) -> tuple[Execution, Position]:
    """The revised execution with what it realises, and the position as if it had been so."""
    quantity = position.quantity - execution.signed + revised.signed
    if execution.realized_pnl is not None:
        gain = execution.realized_pnl + execution.commission
        a_share = gain / execution.shares + execution.sign * execution.price * execution.contract.multiplier
        realized = (a_share - execution.sign * revised.price * execution.contract.multiplier) * revised.shares
        return replace(revised, realized_pnl=realized - revised.commission), replace(
            position, quantity=quantity
        )
    cost = position.average_cost * position.quantity + _cost(revised) - _cost(execution)
    return revised, replace(position, quantity=quantity, average_cost=cost / quantity if quantity else ZERO)


def _cost(execution: Execution) -> Decimal:
    """What an opening trade adds to the cost of a position, below zero for a short one."""
    return execution.commission - execution.cash
