"""Futures: the months of each product in futures.csv, which roll as time passes."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from gateway_simulator import indexes
from gateway_simulator.contracts import Contract, ContractQuery
from gateway_simulator.expiries import MONTHS, last_trade, months_from

_ORDER_TYPES = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AVGCOST,BASKET,COND,CONDORDER,DAY,GAT,GTC,GTD,GTT,ICE,IOC,"
    "LIT,LMT,MIT,MKT,MTL,OCA,SCALE,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)
# The id of a future says which it is, so that it never changes and nothing has to be remembered.
_FIRST_ID = 1_400_000_000
_IDS_A_PRODUCT = 4096  # months since 2000, until 2341
_REMEMBERED = timedelta(days=2 * 365)  # for which IB still knows an expired future


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """What the futures of one name have in common: a line of futures.csv."""

    number: int  # never given to another
    symbol: str
    exchange: str
    trading_class: str
    multiplier: Decimal
    currency: str
    min_tick: Decimal
    time_zone: str
    calendar: str
    months: str  # the letters of those that are traded
    listed: int  # how many of them at a time
    rule: str  # of the last trading day
    last_time: str
    roll_days: int  # before its last day, the next month is the one that most trade
    carry: float
    fee: Decimal
    underlying: Contract
    name: str


class Futures:
    """The futures whose symbol `exists`, at the time that `now` tells."""

    sec_type = "FUT"

    def __init__(self, exists: Callable[[str], bool], now: Callable[[], datetime]) -> None:
        self._exists = exists
        self._now = now

    def find(self, query: ContractQuery) -> tuple[Contract, ...]:
        """The months that fit, the nearest first; expired ones only if they are asked for."""
        now = self._now()
        return tuple(
            replace(future, exchange=query.exchange or future.exchange)
            for product in products()
            if self._exists(product.symbol)
            for future in (_known(product, now) if query.include_expired else chain(product, now))
            if query.fits(future)
        )

    def get(self, con_id: int) -> Contract | None:
        number, months = divmod(con_id - _FIRST_ID, _IDS_A_PRODUCT)
        product = next((product for product in products() if product.number == number), None)
        if product is None:
            return None
        month = date(2000 + months // 12, months % 12 + 1, 1)
        found = _future(product, month)
        traded = MONTHS[month.month - 1] in product.months
        return found if traded and not found.has_expired(self._now()) else None


class ContinuousFutures:
    """The one contract of each product that stands for its month that most trade; its id is that month's."""

    sec_type = "CONTFUT"

    def __init__(self, exists: Callable[[str], bool], now: Callable[[], datetime]) -> None:
        self._exists = exists
        self._now = now

    def find(self, query: ContractQuery) -> tuple[Contract, ...]:
        """The continuous contracts that fit."""
        found = (self._of(product) for product in products() if self._exists(product.symbol))
        return tuple(
            replace(future, exchange=query.exchange or future.exchange)
            for future in found
            if query.fits(future)
        )

    def get(self, con_id: int) -> Contract | None:
        found = (self._of(product) for product in products())
        return next((future for future in found if future.con_id == con_id), None)

    def _of(self, product: Product) -> Contract:
        now = self._now()
        later = now + timedelta(days=product.roll_days)
        lead = next(future for future in chain(product, now) if not future.has_expired(later))
        # It can be looked at, and is never ordered.
        return replace(lead, sec_type="CONTFUT", order_types="")


def chain(product: Product, now: datetime) -> Iterator[Contract]:
    """The months of a product that are traded now, the nearest first."""
    alive = (future for future in _months(product, now) if not future.has_expired(now))
    return islice(alive, product.listed)


def _known(product: Product, now: datetime) -> Iterator[Contract]:
    """Those of the last two years, and those that are traded."""
    yield from takewhile(lambda future: future.has_expired(now), _months(product, now - _REMEMBERED))
    yield from chain(product, now)


def _months(product: Product, at: datetime) -> Iterator[Contract]:
    """The months of a product from that of `at` on, without end."""
    today = at.astimezone(ZoneInfo(product.time_zone)).date()
    for month in months_from(today):
        if MONTHS[month.month - 1] in product.months:
            yield _future(product, month)


@lru_cache(maxsize=4096)
def _future(product: Product, month: date) -> Contract:
    last = last_trade(product.rule, month, product.underlying.calendar)
    return Contract(
        con_id=_FIRST_ID + product.number * _IDS_A_PRODUCT + (month.year - 2000) * 12 + month.month - 1,
        symbol=product.symbol,
        sec_type="FUT",
        exchange=product.exchange,
        currency=product.currency,
        local_symbol=f"{product.trading_class}{MONTHS[month.month - 1]}{month.year % 10}",
        trading_class=product.trading_class,
        long_name=product.name,
        time_zone=product.time_zone,
        calendar=product.calendar,
        multiplier=product.multiplier,
        min_tick=product.min_tick,
        last_trade_date=f"{last:%Y%m%d}",
        last_trade_time=product.last_time,
        contract_month=f"{month:%Y%m}",
        valid_exchanges=product.exchange,
        order_types=_ORDER_TYPES,
        market_rule="",
        round_lot=1,
        underlying=product.underlying,
        carry=product.carry,
        fee=product.fee,
    )


@lru_cache(maxsize=1)
def products() -> tuple[Product, ...]:
    """Every product there is."""
    text = files("gateway_simulator").joinpath("futures.csv").read_text(encoding="utf-8")
    return tuple(
        Product(
            number=int(row["number"]),
            symbol=row["symbol"],
            exchange=row["exchange"],
            trading_class=row["class"],
            multiplier=Decimal(row["multiplier"]),
            currency=row["currency"],
            min_tick=Decimal(row["min_tick"]),
            time_zone=row["time_zone"],
            calendar=row["calendar"],
            months=row["months"],
            listed=int(row["listed"]),
            rule=row["last_trade"],
            last_time=row["last_time"],
            roll_days=int(row["roll_days"]),
            carry=float(row["carry"]),
            fee=Decimal(row["fee"]),
            underlying=indexes.known()[row["underlying"]],
            name=row["name"],
        )
        for row in csv.DictReader(text.splitlines())
    )
