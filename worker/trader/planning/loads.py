"""What stands at the broker, valued: positions and open orders by contract, ours and anyone's."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal

from trader.books import Books
from trader.domain.headroom import Load
from trader.domain.instruments import Listed
from trader.domain.rebalance import Quote
from trader.planning.market import SMART, Market
from trader.ports import Ports

CASH = "CASH"
"""A position in a currency pair only mirrors cash; it counts when the plan trades it."""


async def loads(
    quotes: Mapping[int, Quote], books: Books, market: Market, ports: Ports, *, without: Collection[str] = ()
) -> dict[int, Load]:
    """Return what stands in each contract; orders of the references ``without`` count as gone.

    Where our books hold more than the broker's position shows, that counts: a position comes after the fill
    that moved it.
    """
    found: dict[int, Load] = {}
    for position in ports.broker.positions():
        con_id = position.con_id
        if not position.quantity or (position.sec_type == CASH and con_id not in quotes):
            continue
        unit = quotes[con_id].unit if con_id in quotes else await market.unit(position)
        found[con_id] = Load(position.symbol, unit, position.quantity)
    for con_id, held in _held(books).items():
        if con_id not in found and held:
            unit = quotes[con_id].unit if con_id in quotes else await market.unit_of(Listed(con_id, SMART))
            if unit is not None:  # it may have expired; nothing is opened in it before it is reconciled
                found[con_id] = Load(books.name(con_id), unit, held)
        elif con_id in found and abs(held) > abs(found[con_id].position):
            found[con_id] = replace(found[con_id], position=held)
    for order in ports.broker.open_orders():
        con_id = order.con_id
        if order.reference in without or (order.sec_type == CASH and con_id not in quotes):
            continue
        if con_id not in found:
            unit = quotes[con_id].unit if con_id in quotes else await market.unit_of(Listed(con_id, SMART))
            found[con_id] = Load(order.symbol, unit)
        found[con_id] = found[con_id].adding(order.quantity - order.filled)
    return found


def _held(books: Books) -> dict[int, Decimal]:
    """Return what our books hold in all of each contract; a position in currencies only mirrors cash."""
    sums: defaultdict[int, Decimal] = defaultdict(Decimal)
    for (_, con_id), quantity in books.held.items():
        if con_id not in books.virtual:
            sums[con_id] += quantity
    return sums
