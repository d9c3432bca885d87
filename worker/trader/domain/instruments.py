"""What can be traded or looked at, as a person names it, before the broker resolves it to a contract."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

CONTINUOUS = "continuous"
"""In place of a future's month: the series of whichever month most trade."""

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9 .-]{0,31}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_EXCHANGE = re.compile(r"[A-Z0-9]{1,16}", re.ASCII)


class Right(StrEnum):
    """What an option gives the right to: to buy or to sell."""

    CALL = "C"
    PUT = "P"


@dataclass(frozen=True, slots=True)
class Stock:
    """A share, such as SPY, on the broker's smart routing unless an exchange is named."""

    symbol: str
    currency: str = "USD"
    exchange: str = "SMART"
    primary_exchange: str = ""

    def __str__(self) -> str:
        primary = f"/{self.primary_exchange}" if self.primary_exchange else ""
        where = f"@{self.exchange}{primary}" if primary or self.exchange != "SMART" else ""
        return f"{_named(self.symbol, self.currency)}{where}"


@dataclass(frozen=True, slots=True)
class Forex:
    """A currency pair: ``Forex("EUR", "USD")`` is one euro priced in dollars."""

    base: str
    quote: str

    def __str__(self) -> str:
        return f"{self.base}.{self.quote}"


@dataclass(frozen=True, slots=True)
class Future:
    """A future by its month (202612) or last trading day (20261218); without either, its whole chain.

    ``CONTINUOUS`` in place of a month is the broker's series of the months that most trade: it has bars
    and a price, and can't be ordered.
    """

    symbol: str
    exchange: str
    expiry: str = ""
    currency: str = "USD"
    trading_class: str = ""  # where a symbol has several, as weekly futures do

    def __post_init__(self) -> None:
        _check(self, self.symbol, self.currency, self.exchange, self.trading_class)
        if self.expiry not in {"", CONTINUOUS} and not _is_month_or_day(self.expiry):
            raise ValueError(
                f"expected a month like 202612, a day like 20261218 or {CONTINUOUS} for the future "
                f"{self.symbol}, found {self.expiry!r}"
            )

    def __str__(self) -> str:
        return f"{_named(self.symbol, self.currency)} {self.expiry or 'future'}{_at(self, '')}"


@dataclass(frozen=True, slots=True)
class Option:
    """An option by last trading day (20261218) or month (202612), strike and right; each left out is all."""

    symbol: str
    expiry: str = ""
    strike: Decimal | None = None
    right: Right | None = None
    exchange: str = "SMART"
    currency: str = "USD"
    trading_class: str = ""  # where an expiry has several, as SPX and SPXW

    def __post_init__(self) -> None:
        _check(self, self.symbol, self.currency, self.exchange, self.trading_class)
        if self.expiry and not _is_month_or_day(self.expiry):
            raise ValueError(
                f"expected a day like 20261218 or a month like 202612 for the option on {self.symbol}, "
                f"found {self.expiry!r}"
            )
        if self.strike is not None and not (self.strike.is_finite() and self.strike > 0):
            raise ValueError(
                f"expected a strike above 0 for the option on {self.symbol}, found {self.strike}"
            )

    def __str__(self) -> str:
        strike = "*" if self.strike is None else format(self.strike, "f")
        what = f"{self.expiry or '*'} {strike} {self.right or '*'}"
        return f"{_named(self.symbol, self.currency)} {what}{_at(self, 'SMART')}"


@dataclass(frozen=True, slots=True)
class Index:
    """An index, such as the VIX: it has bars and a price, and can't be ordered."""

    symbol: str
    exchange: str = "CBOE"
    currency: str = "USD"

    def __post_init__(self) -> None:
        _check(self, self.symbol, self.currency, self.exchange)

    def __str__(self) -> str:
        where = "" if self.exchange == "CBOE" else f"@{self.exchange}"
        return f"{_named(self.symbol, self.currency)} index{where}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A contract by the broker's own number, as a position or an order names it."""

    con_id: int
    exchange: str = ""

    def __str__(self) -> str:
        return f"contract {self.con_id}"


Instrument = Stock | Forex | Future | Option | Index | Listed


@dataclass(frozen=True, slots=True)
class Contract:
    """What the broker resolved an instrument to.

    ``trading_hours`` and ``liquid_hours`` are the broker's own strings, in ``time_zone`` (an IANA name).
    ``sec_type`` is STK, CASH, FUT, CONTFUT, OPT or IND. What expires has an ``expiry``, its last trading
    day, and a ``contract_month`` (202612), which is another one than the expiry's for crude oil.
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
    primary_exchange: str = ""
    trading_class: str = ""
    expiry: date | None = None
    contract_month: str = ""
    strike: Decimal | None = None
    right: Right | None = None
    lot: Decimal = Decimal(1)  # the step of an order's quantity
    price_magnifier: int = 1  # by how much prices are above amounts: 100 where they are in pence

    @property
    def can_be_ordered(self) -> bool:
        """Whether orders in it exist; an index and a continuous future are only looked at."""
        return self.sec_type not in {"IND", "CONTFUT"}

    def __str__(self) -> str:
        return self.local_symbol or self.symbol


def _named(symbol: str, currency: str) -> str:
    return symbol if currency in {"USD", ""} else f"{symbol}:{currency}"


def _at(instrument: Future | Option, usual: str) -> str:
    """Where it trades, if that isn't the usual place, and its class if it has one."""
    if not instrument.trading_class:
        return "" if instrument.exchange == usual else f"@{instrument.exchange}"
    return f"@{instrument.exchange}/{instrument.trading_class}"


def _check(of: object, symbol: str, currency: str, exchange: str, trading_class: str = "") -> None:
    """Raise ValueError, one line, for a name that no instrument can have."""
    kind = type(of).__name__.lower()
    for what, like, pattern, found in (
        ("a symbol", "ES", _SYMBOL, symbol),
        ("a currency", "USD", _CURRENCY, currency),
        ("an exchange", "CME", _EXCHANGE, exchange),
        ("a trading class", "SPXW", _SYMBOL, trading_class or "ES"),
    ):
        if not pattern.fullmatch(found):
            raise ValueError(f"expected {what} like {like} for the {kind} {symbol!r}, found {found!r}")


def _is_month_or_day(text: str) -> bool:
    if not (text.isascii() and text.isdigit() and len(text) in {6, 8}):
        return False
    try:
        datetime.strptime(text[:6] + (text[6:] or "01"), "%Y%m%d")  # noqa: DTZ007
    except ValueError:
        return False
    return True
