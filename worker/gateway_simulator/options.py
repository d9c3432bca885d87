"""Options: the classes of options.csv, whose expiries roll as time passes."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from itertools import islice
from zoneinfo import ZoneInfo

from gateway_simulator import indexes, stocks
from gateway_simulator.contracts import Contract, ContractQuery
from gateway_simulator.expiries import last_of_week, last_trade, months_from

_ORDER_TYPES = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AVGCOST,BASKET,COND,CONDORDER,DAY,GAT,GTC,GTD,GTT,IOC,"
    "LIT,LMT,MIT,MKT,MTL,OCA,SCALE,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)
RIGHTS = "CP"
_WEEK = timedelta(days=7)
# The id of an option says which it is, so that it never changes and nothing has to be remembered.
_FIRST_ID = 1_500_000_000
_FIRST_FRIDAY = date(2020, 1, 3)
_WEEKS, _STRIKES = 1024, 2048  # of each class: until 2039, and steps of the strike from 0
_IDS_A_CLASS = _WEEKS * _STRIKES * len(RIGHTS)


@dataclass(frozen=True, slots=True, eq=False)
class OptionClass:
    """What the options of one trading class have in common: a line of options.csv."""

    number: int  # never given to another
    name: str
    exchanges: tuple[str, ...]
    multiplier: Decimal
    min_tick: Decimal
    time_zone: str
    calendar: str
    rule: str  # of the last trading day
    last_time: str
    months: int  # how many of them at a time
    weeks: int  # so many more, week after week
    strikes: tuple[Decimal, ...]
    step: Decimal
    underlying: Contract


class Options:
    """The options whose underlying's symbol `exists`, at the time that `now` tells."""

    sec_type = "OPT"

    def __init__(self, exists: Callable[[str], bool], now: Callable[[], datetime]) -> None:
        self._exists = exists
        self._now = now

    def find(self, query: ContractQuery) -> tuple[Contract, ...]:
        """The options that fit, by class, expiry, strike and right."""
        return tuple(
            replace(option, exchange=query.exchange or option.exchange)
            for of in self._classes(query)
            for expiry in expiries(of, self._now())
            for option in _narrowed(of, expiry, query)
            if query.fits(option)
        )

    def get(self, con_id: int) -> Contract | None:
        number, rest = divmod(con_id - _FIRST_ID, _IDS_A_CLASS)
        of = next((of for of in classes() if of.number == number), None)
        if of is None:
            return None
        week, rest = divmod(rest, _STRIKES * len(RIGHTS))
        steps, right = divmod(rest, len(RIGHTS))
        strike = steps * of.step
        friday = _FIRST_FRIDAY + week * _WEEK
        # An expiry that is listed no more, or not yet, keeps its id; one that never is has none.
        expiry = next((day for day in _back_from(friday) if day in _ever(of, friday)), None)
        if expiry is None or strike not in of.strikes:
            return None
        option = _option(of, expiry, strike, RIGHTS[right])
        return None if option.has_expired(self._now()) else option

    def _classes(self, query: ContractQuery) -> Iterator[OptionClass]:
        for of in classes():
            symbol = of.underlying.symbol
            # A local symbol begins with its class, which spares making all others.
            named = query.symbol.upper() == symbol or query.local_symbol.split(" ")[0] == of.name
            if named and self._exists(symbol):
                yield of


def chains(underlying: Contract, now: datetime) -> Iterator[tuple[OptionClass, tuple[date, ...]]]:
    """The classes of options on an underlying, each with its expiries."""
    for of in classes():
        if of.underlying.con_id == underlying.con_id:
            yield of, expiries(of, now)


def expiries(of: OptionClass, now: datetime) -> tuple[date, ...]:
    """The last trading days of the options of a class that are listed, the nearest first."""
    today = now.astimezone(ZoneInfo(of.time_zone)).date()

    def alive(day: date) -> bool:
        return not _option(of, day, of.strikes[0], RIGHTS[0]).has_expired(now)

    friday = today + timedelta(days=(4 - today.weekday()) % 7)
    weekly = (last_of_week(friday + ahead * _WEEK, of.calendar) for ahead in range(of.weeks + 1))
    monthly = filter(alive, (last_trade(of.rule, month, of.calendar) for month in months_from(today)))
    return tuple(sorted({*islice(filter(alive, weekly), of.weeks), *islice(monthly, of.months)}))


def _ever(of: OptionClass, friday: date) -> set[date]:
    """Every expiry that a class may ever have in the week of that Friday."""
    months = islice(months_from(friday - 2 * _WEEK), 2)
    monthly = {last_trade(of.rule, month, of.calendar) for month in months}
    return monthly | ({last_of_week(friday, of.calendar)} if of.weeks else set())


def _back_from(friday: date) -> Iterator[date]:
    """The days of the week that ends on that Friday, the last first."""
    for back in range(5):
        yield friday - timedelta(days=back)


def _narrowed(of: OptionClass, expiry: date, query: ContractQuery) -> Iterator[Contract]:
    """The options of one expiry, but for those that a strike or a right leaves out."""
    strikes: Iterable[Decimal] = of.strikes
    if query.strike:
        strikes = [query.strike] if query.strike in of.strikes else []
    for strike in strikes:
        for right in RIGHTS:
            yield _option(of, expiry, strike, right)


@lru_cache(maxsize=32768)
def _option(of: OptionClass, expiry: date, strike: Decimal, right: str) -> Contract:
    friday = expiry + timedelta(days=4 - expiry.weekday())
    week = (friday - _FIRST_FRIDAY) // _WEEK
    offset = (week * _STRIKES + int(strike / of.step)) * len(RIGHTS) + RIGHTS.index(right)
    under = of.underlying
    return Contract(
        con_id=_FIRST_ID + of.number * _IDS_A_CLASS + offset,
        symbol=under.symbol,
        sec_type="OPT",
        exchange=of.exchanges[0],
        currency=under.currency,
        local_symbol=f"{of.name:<6}{expiry:%y%m%d}{right}{int(strike * 1000):08d}",  # OCC's
        trading_class=of.name,
        long_name=under.long_name,
        time_zone=of.time_zone,
        calendar=of.calendar,
        multiplier=of.multiplier,
        min_tick=of.min_tick,
        last_trade_date=f"{expiry:%Y%m%d}",
        last_trade_time=of.last_time,
        contract_month=f"{expiry:%Y%m}",
        strike=strike,
        right=right,
        valid_exchanges=",".join(of.exchanges),
        order_types=_ORDER_TYPES,
        market_rule="",
        round_lot=1,
        underlying=under,
    )


@lru_cache(maxsize=1)
def classes() -> tuple[OptionClass, ...]:
    """Every class there is."""
    text = files("gateway_simulator").joinpath("options.csv").read_text(encoding="utf-8")
    return tuple(_read(row) for row in csv.DictReader(text.splitlines()))


def _read(row: Mapping[str, str]) -> OptionClass:
    first, last, step = (Decimal(row[column]) for column in ("first_strike", "last_strike", "step"))
    known = {"STK": stocks.known, "IND": indexes.known}[row["type"]]()
    return OptionClass(
        number=int(row["number"]),
        name=row["class"],
        exchanges=tuple(row["exchanges"].split(",")),
        multiplier=Decimal(row["multiplier"]),
        min_tick=Decimal(row["min_tick"]),
        time_zone=row["time_zone"],
        calendar=row["calendar"],
        rule=row["last_trade"],
        last_time=row["last_time"],
        months=int(row["months"]),
        weeks=int(row["weeks"]),
        strikes=tuple(first + n * step for n in range(int((last - first) / step) + 1)),
        step=step,
        underlying=known[row["symbol"]],
    )
