"""The conditions that an order may wait for, each with its number on the wire."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from gateway_simulator.wire.fields import ZERO, Flag, Int, Number, Text
from gateway_simulator.wire.layout import Many, Tagged


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCondition:
    """The price of a contract passes a value."""

    conjunction: Text = "a"
    is_more: Flag = True
    price: Number = ZERO
    con_id: Int = 0
    exchange: Text = ""
    trigger_method: Int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCondition:
    """A time has come."""

    conjunction: Text = "a"
    is_more: Flag = True
    time: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCondition:
    """The margin cushion passes a percentage."""

    conjunction: Text = "a"
    is_more: Flag = True
    percent: Number = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionCondition:
    """A trade in a contract happens."""

    conjunction: Text = "a"
    sec_type: Text = ""
    exchange: Text = ""
    symbol: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeCondition:
    """The volume of a contract passes a value."""

    conjunction: Text = "a"
    is_more: Flag = True
    volume: Int = 0
    con_id: Int = 0
    exchange: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentChangeCondition:
    """The change of a contract's price passes a percentage."""

    conjunction: Text = "a"
    is_more: Flag = True
    change_percent: Number = ZERO
    con_id: Int = 0
    exchange: Text = ""


Condition = (
    PriceCondition
    | TimeCondition
    | MarginCondition
    | ExecutionCondition
    | VolumeCondition
    | PercentChangeCondition
)

TABLES: MappingProxyType[int, type] = MappingProxyType(
    {
        1: PriceCondition,
        3: TimeCondition,
        4: MarginCondition,
        5: ExecutionCondition,
        6: VolumeCondition,
        7: PercentChangeCondition,
    }
)

Conditions = Annotated[tuple[Condition, ...], Many(Tagged(TABLES))]
