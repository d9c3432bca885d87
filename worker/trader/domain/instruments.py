"""What can be traded, as a person names it, before the broker resolves it to a contract."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Stock:
    """A share, such as SPY, on the broker's smart routing unless an exchange is named."""

    symbol: str
    currency: str = "USD"
    exchange: str = "SMART"
    primary_exchange: str = ""

    def __str__(self) -> str:
        return self.symbol


@dataclass(frozen=True, slots=True)
class Forex:
    """A currency pair: ``Forex("EUR", "USD")`` is one euro priced in dollars."""

    base: str
    quote: str

    def __str__(self) -> str:
        return f"{self.base}.{self.quote}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A contract by the broker's own number, as a position or an order names it."""

    con_id: int
    exchange: str = ""

    def __str__(self) -> str:
        return f"contract {self.con_id}"


Instrument = Stock | Forex | Listed


@dataclass(frozen=True, slots=True)
class Contract:
    """What the broker resolved an instrument to.

    ``trading_hours`` and ``liquid_hours`` are the broker's own strings, in ``time_zone`` (an IANA name).
    """

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    exchange: str
    local_symbol: str
    multiplier: Decimal
    min_tick: Decimal
    time_zone: str
    trading_hours: str
    liquid_hours: str

    def __str__(self) -> str:
        return self.local_symbol or self.symbol
