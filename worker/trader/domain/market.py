"""Bars and prices as the broker reported them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

DELAYED = frozenset({3, 4})
"""Market data types: 1 live, 2 frozen, 3 delayed, 4 delayed frozen."""
DELAY = timedelta(minutes=15)
"""How old the broker's delayed data is at least."""


class BarSize(StrEnum):
    """The broker's names for the length of a bar."""

    MINUTE_1 = "1 min"
    MINUTES_2 = "2 mins"
    MINUTES_3 = "3 mins"
    MINUTES_5 = "5 mins"
    MINUTES_10 = "10 mins"
    MINUTES_15 = "15 mins"
    MINUTES_20 = "20 mins"
    MINUTES_30 = "30 mins"
    HOUR_1 = "1 hour"
    HOURS_2 = "2 hours"
    HOURS_3 = "3 hours"
    HOURS_4 = "4 hours"
    HOURS_8 = "8 hours"
    DAY_1 = "1 day"

    @property
    def seconds(self) -> int:
        """The length of a bar; a daily bar's is a calendar day's."""
        count, unit = self.value.split()
        return int(count) * {"min": 60, "hour": 3600, "day": 86_400}[unit.rstrip("s")]


class WhatToShow(StrEnum):
    """The broker's names for what bars are made of."""

    TRADES = "TRADES"
    MIDPOINT = "MIDPOINT"
    BID = "BID"
    ASK = "ASK"
    BID_ASK = "BID_ASK"

    @property
    def requests(self) -> int:
        """As how many requests the broker counts one."""
        return 2 if self is WhatToShow.BID_ASK else 1


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
class BarSeries:
    """What bars are of; ``instrument`` is the contract as a person names it."""

    instrument: str
    con_id: int
    size: BarSize
    show: WhatToShow


@dataclass(frozen=True, slots=True)
class Price:
    """A price to size an order with; ``delayed`` when the broker sent delayed data."""

    value: Decimal
    kind: PriceKind
    currency: str
    at: datetime
    delayed: bool = False
