"""One function for each request, by subject."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gateway_simulator.handlers import (
    accounts,
    connection,
    contracts,
    history,
    market_data,
    order_reports,
    orders,
)
from gateway_simulator.wire.layout import Message

HANDLERS: Mapping[type[Message], Callable[[Any, Any], None]] = MappingProxyType(
    {
        **connection.HANDLERS,
        **accounts.HANDLERS,
        **orders.HANDLERS,
        **order_reports.HANDLERS,
        **contracts.HANDLERS,
        **market_data.HANDLERS,
        **history.HANDLERS,
    }
)
"""The handler of each request; it gets the session and the request."""
