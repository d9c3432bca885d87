"""The catalogue: which contracts exist, and what IB says of each."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Contract:
    """One listed contract, with what contract details say of it."""

    con_id: int
    symbol: str
    sec_type: str  # STK, CASH, FUT, OPT, IND
    exchange: str  # where orders go: SMART for stocks
    currency: str
    local_symbol: str
    trading_class: str
    long_name: str
    time_zone: str  # as IB writes it, a ZoneInfo name
    calendar: str  # whose hours it trades: a key of hours.CALENDARS
    primary_exchange: str = ""
    multiplier: Decimal = Decimal(1)
    min_tick: Decimal = Decimal("0.01")
    min_size: Decimal = Decimal(1)
    size_increment: Decimal = Decimal(1)
    last_trade_date: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    valid_exchanges: str = "SMART"
    order_types: str = ""
    stock_type: str = ""  # COMMON, ETF


@dataclass(frozen=True, slots=True)
class ContractQuery:
    """What a client says of the contract it means; empty fields match anything."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    last_trade_date: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    multiplier: str = ""
    include_expired: bool = False


class Catalogue:
    """Every contract that exists here."""

    def find(self, query: ContractQuery) -> tuple[Contract, ...]:
        """Every contract that fits: none is IB's error 200, several are ambiguous."""
        raise NotImplementedError

    def get(self, con_id: int) -> Contract | None:
        raise NotImplementedError
