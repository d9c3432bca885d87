"""Orders as they are planned, placed and reported."""

from enum import StrEnum

from pydantic import Field

from trader.domain.wire import Amount, Wire


class OrderState(StrEnum):
    """Where an order stands."""

    PLANNED = "planned"  # decided, not sent: all that a dry run's orders ever are
    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNRESOLVED = "unresolved"


class OrderType(StrEnum):
    """How an order is priced."""

    MKT = "MKT"
    LMT = "LMT"
    MOC = "MOC"


class TimeInForce(StrEnum):
    """How long an order stands."""

    DAY = "DAY"
    GTC = "GTC"


class OrderReport(Wire):
    """One order of a result."""

    instrument: str = Field(description="Such as `SPY` or `EUR.USD`.")
    quantity: Amount = Field(description="Signed: a sale is negative.")
    order_type: OrderType
    tif: TimeInForce
    limit_price: Amount | None = None
    state: OrderState
    filled: Amount = Field(description="Signed, like quantity.")
    average_price: Amount | None = None
    currency: str
