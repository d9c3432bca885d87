"""The account as the broker reported it at one moment, kept for whoever looks later."""

from typing import Literal

from trader.domain.orders import BrokerOrder
from trader.domain.portfolio import Account, Position
from trader.domain.wire import Time, Wire


class Snapshot(Wire):
    """Positions, every open order (of other clients and entered by hand too) and the account's values."""

    version: Literal[1] = 1
    run: str
    at: Time
    positions: tuple[Position, ...]
    open_orders: tuple[BrokerOrder, ...]
    account: Account
