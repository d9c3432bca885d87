"""Bars and prices as the broker reported them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class BarSize(StrEnum):
    """The broker's names for the length of a bar."""

    MINUTES_30 = "30 mins"
    DAY_1 = "1 day"

    @property
    def seconds(self) -> int:
        """The length of a bar; a daily bar's is a calendar day's."""
        return {BarSize.MINUTES_30: 1800, BarSize.DAY_1: 86_400}[self]


class PriceKind(StrEnum):
    """Which of the broker's prices was used, in the order of preference."""

    LAST = "last"
    MIDPOINT = "midpoint"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; ``start`` is aware UTC, prices are floats because they only feed indicators."""

    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Price:
    """A price to size an order with; ``delayed`` when the broker sent delayed data."""

    value: Decimal
    kind: PriceKind
    currency: str
    at: datetime
    delayed: bool = False
