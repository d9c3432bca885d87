"""The two shapes in which contracts travel: as a client names one, and as the gateway reports one."""

from dataclasses import dataclass

from gateway_simulator.wire.fields import ZERO, Int, Number, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedContract:
    """A contract in a request; fields that the client left open are empty."""

    con_id: Int = 0
    symbol: Text = ""
    sec_type: Text = ""
    last_trade_date: Text = ""
    strike: Number = ZERO
    right: Text = ""
    multiplier: Text = ""
    exchange: Text = ""
    primary_exchange: Text = ""
    currency: Text = ""
    local_symbol: Text = ""
    trading_class: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownContract:
    """A contract in an order, an execution or a position."""

    con_id: Int = 0
    symbol: Text = ""
    sec_type: Text = ""
    last_trade_date: Text = ""
    strike: Number = ZERO
    right: Text = ""
    multiplier: Text = ""
    exchange: Text = ""
    currency: Text = ""
    local_symbol: Text = ""
    trading_class: Text = ""
