"""The market file (`--market`): which symbols exist, their prices, their data permissions, real bars."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo

from gateway_simulator.calendars import always
from gateway_simulator.contracts import Catalogue, Contract
from gateway_simulator.forex import CURRENCIES, Forex
from gateway_simulator.futures import ContinuousFutures, Futures
from gateway_simulator.indexes import Indexes
from gateway_simulator.options import Options
from gateway_simulator.replay import Row, read_bars
from gateway_simulator.stocks import LISTINGS, Stocks
from gateway_simulator.yaml_file import Part, checked, one_of, read_yaml


@dataclass(frozen=True, slots=True)
class Permission:
    """What market data the user has bought for a contract; code and message answer one for live data."""

    level: Literal["live", "delayed", "none"] = "live"
    code: int = 0
    message: str = ""


_REFUSALS = {
    "live": (0, ""),
    "delayed": (
        10089,
        (
            "Requested market data requires additional subscription for API. See link in "
            "'Market Data Connections' dialog for more details.Delayed market data is available."
        ),
    ),
    "none": (354, "Requested market data is not subscribed."),
}


def _price(value: Any) -> Decimal:
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        price = Decimal(-1)
    if price.is_nan() or (price.is_finite() and price >= 0):
        return price
    raise ValueError(f"expected a price or nan, found {value!r}")


def _listing(value: str) -> str:
    if value not in LISTINGS:
        raise one_of("a listing", value, LISTINGS)
    return value


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise one_of("a currency", value, CURRENCIES)
    return value


def named(value: object) -> str:
    """A symbol as it is kept: text, in capitals, a pair without its dot."""
    text = str(value).upper()
    base, _, other = text.partition(".")
    return base + other if base in CURRENCIES and other in CURRENCIES else text


def _bars(value: Any, info: ValidationInfo) -> Mapping[str, tuple[Row, ...]]:
    """The bars in the file of that name, relative to the market file."""
    folder = (info.context or {}).get("folder", Path())
    try:
        return {named(symbol): rows for symbol, rows in read_bars(folder / str(value)).items()}
    except OSError as error:
        raise ValueError(f"expected a readable CSV file, found {value!r}: {error.strerror}") from error


Price = Annotated[Decimal, PlainValidator(_price)]


class Refusal(Part):
    """An error as IB sends it."""

    code: int
    message: str


class Symbol(Part):
    """What is special about one symbol; all of it may be left out."""

    price: float | None = Field(None, gt=0)  # the level that the walk moves about
    volatility: float | None = Field(None, ge=0, le=5)  # of a year
    drift: float = Field(0.0, ge=-5, le=5)  # of a year
    fixed: Price | None = None  # this price and no other; nan: none at all
    exists: bool = True
    listings: tuple[Annotated[str, AfterValidator(_listing)], ...] = ()  # more than one: ambiguous
    data: Literal["live", "delayed", "none"] = "live"
    refusal: Refusal | None = None  # in place of the usual error where data isn't live


class MarketFile(Part):
    """A market file, checked."""

    others: bool = True  # symbols that aren't listed here exist too
    hours: Literal["own", "always"] = "own"  # each market's own, or none ever closes
    symbols: Mapping[Annotated[str, BeforeValidator(named)], Symbol] = Field(default_factory=dict)
    currencies: Mapping[Annotated[str, AfterValidator(_currency)], Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict
    )  # their value in dollars
    replay: Annotated[Mapping[str, tuple[Row, ...]], PlainValidator(_bars)] = Field(default_factory=dict)

    def calendar(self, name: str) -> str:
        """The calendar that a market of that name keeps here."""
        return always(name) if self.hours == "always" else name

    def permission(self, contract: Contract) -> Permission:
        """What the file says of a contract's data."""
        symbol = self.symbols.get(market_key(contract), Symbol())
        code, message = _REFUSALS[symbol.data]
        if symbol.refusal:
            code, message = symbol.refusal.code, symbol.refusal.message
        return Permission(symbol.data, code, message)


def load_market(path: Path) -> MarketFile:
    """Read a market file; ValueError is one line: file, where, what was expected, what was found."""
    return checked(path, MarketFile, read_yaml(path))


def market_key(contract: Contract) -> str:
    """A contract's name in a market file: AAPL, EURUSD, SPX, ESZ6, `SPY   261218C00600000`."""
    if contract.sec_type == "CASH":
        return f"{contract.symbol}{contract.currency}"
    return contract.local_symbol if contract.last_trade_date else contract.symbol


def catalogue(
    prices: MarketFile | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Catalogue:
    """Everything that exists in this market; what expires, as it is listed at the time that `now` tells."""
    prices = prices or MarketFile()
    only = None if prices.others else {name for name, symbol in prices.symbols.items() if symbol.exists}
    gone = {name for name, symbol in prices.symbols.items() if not symbol.exists}
    also = {name: symbol.listings for name, symbol in prices.symbols.items() if symbol.listings}

    def exists(symbol: str) -> bool:
        return symbol not in gone and (only is None or symbol in only)

    def told(found: Contract) -> Contract:
        return replace(
            found,
            calendar=prices.calendar(found.calendar),
            moves=found.moves and prices.calendar(found.moves),
            underlying=found.underlying and told(found.underlying),
        )

    kinds = (
        Stocks(only, gone, also),
        Forex(),
        Indexes(exists),
        Futures(exists, now),
        ContinuousFutures(exists, now),
        Options(exists, now),
    )
    return Catalogue(kinds, told)
