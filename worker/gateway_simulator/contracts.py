"""The catalogue: which contracts exist, and what IB says of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Contract:
    """One listed contract, with what contract details say of it."""

    con_id: int
    symbol: str
    sec_type: str  # STK, CASH
    exchange: str  # where orders go: SMART for stocks
    currency: str
    local_symbol: str
    trading_class: str
    long_name: str
    time_zone: str  # as IB writes it, a ZoneInfo name
    calendar: str  # whose hours it trades: a key of calendars.CALENDARS
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
    level: float = 100.0  # the price that its walk moves about
    volatility: float = 0.25  # of a year


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


class Listings(Protocol):
    """Contracts of one kind. A new kind is one more of these, given to the catalogue."""

    sec_type: str

    def find(self, query: ContractQuery) -> tuple[Contract, ...]:
        """Every contract that fits the query's symbol, currency and exchange."""
        ...

    def get(self, con_id: int) -> Contract | None:
        """The contract of that id."""
        ...


class Catalogue:
    """Every contract that exists here, as ``told``: with what a market file says of them all."""

    def __init__(self, kinds: Sequence[Listings], told: Callable[[Contract], Contract]) -> None:
        self._kinds = tuple(kinds)
        self._told = told

    def find(self, query: ContractQuery) -> tuple[Contract, ...]:
        """Every contract that fits: none is IB's error 200, several are ambiguous."""
        kinds = [kind for kind in self._kinds if query.sec_type in {"", kind.sec_type}]
        if query.con_id:
            found = self.get(query.con_id)
            fits = found is not None and query.sec_type in {"", found.sec_type}
            return (found,) if found is not None and fits else ()
        return tuple(self._told(contract) for kind in kinds for contract in kind.find(query))

    def get(self, con_id: int) -> Contract | None:
        """The contract of that id."""
        found = (kind.get(con_id) for kind in self._kinds)
        return next((self._told(contract) for contract in found if contract is not None), None)
