"""The catalogue: which contracts exist, and what IB says of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo


class Tape(StrEnum):
    """What there is to be seen of a contract."""

    TRADES = "trades"  # quotes and trades
    QUOTES = "quotes"  # quotes alone, as of currencies
    LEVEL = "level"  # a number that is worked out: no quotes, no volume, and nothing to be ordered


@dataclass(frozen=True, slots=True)
class Contract:
    """One listed contract, with what contract details say of it."""

    con_id: int
    symbol: str
    sec_type: str  # STK, CASH, IND, FUT, CONTFUT, OPT
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
    last_trade_date: str = ""  # 20261218
    last_trade_time: str = ""  # 08:30:00, in its time zone
    contract_month: str = ""  # 202612
    strike: Decimal = Decimal(0)
    right: str = ""  # C, P
    valid_exchanges: str = "SMART"
    order_types: str = ""
    stock_type: str = ""  # COMMON, ETF
    market_rule: str = "26"
    round_lot: int = 100  # sizes are shown in whole ones; 0 of what isn't traded
    tape: Tape = Tape.TRADES
    level: float = 100.0  # the price that its walk moves about
    volatility: float = 0.25  # of a year
    moves: str = ""  # the calendar of its walk, where that is another than its own
    underlying: "Contract | None" = None  # whose price its own follows
    carry: float = 0.0  # of a year, from the underlying's price to a future's
    fee: Decimal = Decimal(0)  # of a future: what IB and the exchange charge for one

    @property
    def expires_at(self) -> datetime | None:
        """When it is traded for the last time; None: it has no end."""
        if not self.last_trade_date:
            return None
        last = datetime.strptime(self.last_trade_date + self.last_trade_time, "%Y%m%d%H:%M:%S")  # noqa: DTZ007
        return last.replace(tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)

    def has_expired(self, at: datetime) -> bool:
        """Whether it is traded no more."""
        end = self.expires_at
        return end is not None and end <= at


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

    def fits(self, contract: Contract) -> bool:
        """Whether a contract is one of those that are meant; its id apart."""
        return (
            self.symbol.upper() in {"", contract.symbol}
            and self.currency in {"", contract.currency}
            and self.exchange in {"", *contract.valid_exchanges.split(",")}
            and self.primary_exchange in {"", contract.primary_exchange, contract.exchange}
            and self.trading_class in {"", contract.trading_class}
            and self.local_symbol in {"", contract.local_symbol}
            and self.last_trade_date in {"", contract.contract_month, contract.last_trade_date}
            and self.strike in {0, contract.strike}
            and self.right[:1].upper() in {"", contract.right}  # CALL and PUT are understood too
            and self.multiplier in {"", format(contract.multiplier, "f")}
        )


class Listings(Protocol):
    """Contracts of one kind. A new kind is one more of these, given to the catalogue."""

    sec_type: str

    def find(self, query: ContractQuery) -> tuple[Contract, ...]:
        """Every contract that fits the query, at the exchange that was asked for."""
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
            by_id = (kind.get(query.con_id) for kind in kinds)
            return tuple(self._told(contract) for contract in by_id if contract is not None)[:1]
        return tuple(self._told(contract) for kind in kinds for contract in kind.find(query))

    def get(self, con_id: int) -> Contract | None:
        """The contract of that id."""
        return next(iter(self.find(ContractQuery(con_id=con_id))), None)
