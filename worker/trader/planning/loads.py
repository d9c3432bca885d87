"""What stands at the broker, valued: positions and open orders by contract, ours and anyone's."""

from collections.abc import Collection, Mapping

from trader.domain.headroom import Load
from trader.domain.instruments import Listed
from trader.domain.rebalance import Quote
from trader.planning.market import SMART, Market
from trader.ports import Ports

CASH = "CASH"
"""A position in a currency pair only mirrors cash; it counts when the plan trades it."""


async def loads(
    quotes: Mapping[int, Quote], market: Market, ports: Ports, *, without: Collection[str] = ()
) -> dict[int, Load]:
    """Return what stands in each contract; orders of the references ``without`` count as gone."""
    found: dict[int, Load] = {}
    for position in ports.broker.positions():
        con_id = position.con_id
        if not position.quantity or (position.sec_type == CASH and con_id not in quotes):
            continue
        unit = quotes[con_id].unit if con_id in quotes else await market.unit(position)
        found[con_id] = Load(position.symbol, unit, position.quantity)
    for order in ports.broker.open_orders():
        con_id = order.con_id
        if order.reference in without or (order.sec_type == CASH and con_id not in quotes):
            continue
        if con_id not in found:
            unit = quotes[con_id].unit if con_id in quotes else await market.unit_of(Listed(con_id, SMART))
            found[con_id] = Load(order.symbol, unit)
        found[con_id] = found[con_id].adding(order.quantity - order.filled)
    return found
