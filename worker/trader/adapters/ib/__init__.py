"""Interactive Brokers through ib_insync: the only package that imports it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from trader.domain.gateway import GatewayStatus
from trader.ports import Clock
from trader.settings import Settings

if TYPE_CHECKING:
    from trader.adapters.ib.account import IbBroker
    from trader.adapters.ib.connection import Connection
    from trader.adapters.ib.market_data import IbMarketData


def open_ib(
    settings: Settings, clock: Clock, on_state: Callable[[GatewayStatus], None] = lambda _status: None
) -> "tuple[Connection, IbBroker, IbMarketData]":
    """Return the connection, not connected until its ``run`` runs, and the two ports that use it."""
    from trader.adapters.ib.account import IbBroker
    from trader.adapters.ib.connection import Connection
    from trader.adapters.ib.market_data import IbMarketData

    connection = Connection(settings, clock, on_state)
    return connection, IbBroker(connection), IbMarketData(connection, clock)
