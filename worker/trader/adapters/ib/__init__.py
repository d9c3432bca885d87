"""Interactive Brokers through ib_insync: the only package that imports it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from trader.domain.gateway import GatewayStatus
from trader.ports import Clock, Nonces
from trader.settings import Settings

if TYPE_CHECKING:
    from trader.adapters.ib.account import IbBroker
    from trader.adapters.ib.connection import Connection
    from trader.adapters.ib.market_data import IbMarketData
    from trader.adapters.ib.orders import IbOrders


def open_ib(
    settings: Settings,
    clock: Clock,
    nonce: Nonces,
    on_state: Callable[[GatewayStatus], None] = lambda _status: None,
) -> "tuple[Connection, IbBroker, IbMarketData, IbOrders]":
    """Return the connection, not connected until its ``run`` runs, and the three ports that use it."""
    from trader.adapters.ib.account import IbBroker
    from trader.adapters.ib.connection import Connection
    from trader.adapters.ib.market_data import IbMarketData
    from trader.adapters.ib.orders import IbOrders

    connection = Connection(settings, clock, on_state, nonce=nonce)
    broker, market_data = IbBroker(connection), IbMarketData(connection, clock)
    return connection, broker, market_data, IbOrders(connection, clock)
