"""Stocks and funds: a list of known ones, and any other plausible symbol."""

import csv
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files

from gateway_simulator.contracts import Contract, ContractQuery

_ORDER_TYPES = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALLOC,AVGCOST,BASKET,COND,CONDORDER,DAY,GAT,GTC,GTD,GTT,HID,IOC,"
    "LIT,LMT,LOC,MIT,MKT,MOC,MTL,OCA,OPG,SCALE,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)
_US_EXCHANGES = "SMART,AMEX,NYSE,CBOE,CHX,ARCA,NASDAQ,ISLAND,DRCTEDGE,BEX,BATS,EDGEA,BYX,IEX,PEARL,MEMX,PSX"


@dataclass(frozen=True, slots=True)
class Listing:
    """What the stocks of one market have in common."""

    currency: str
    primary: str  # of a symbol that isn't in the list
    exchanges: str
    time_zone: str  # US/Eastern: what gateways send where they don't send America/New_York
    symbols: str  # what a symbol looks like there
    min_tick: Decimal = Decimal("0.01")
    lot: Decimal = Decimal(1)


LISTINGS = {
    "US": Listing("USD", "NASDAQ", _US_EXCHANGES, "US/Eastern", r"[A-Z]{1,5}|[A-Z]{1,3} [A-Z]"),
    "IBIS": Listing("EUR", "IBIS", "SMART,IBIS", "MET", r"[A-Z][A-Z0-9]{0,4}"),
    "LSE": Listing("GBP", "LSE", "SMART,LSE", "GB-Eire", r"[A-Z]{1,4}\.?", Decimal("0.005")),
    "SEHK": Listing("HKD", "SEHK", "SEHK", "Hongkong", r"[1-9][0-9]{0,4}", Decimal("0.05"), Decimal(100)),
}

# A symbol that begins so exists nowhere: for those who want IB's error 200.
NOWHERE = "ZZZZ"

# The id of a symbol that isn't in the list says which it is, so that nothing has to be remembered.
_ALPHABET = "\0ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ."
_FIRST_ID = 1_000_000_000
_IDS_A_LISTING = len(_ALPHABET) ** 5


class Stocks:
    """Stocks by symbol: `only` these where given, never those `gone`, listed where `also` says."""

    sec_type = "STK"

    def __init__(
        self,
        only: Collection[str] | None = None,
        gone: Collection[str] = (),
        also: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._only = only
        self._gone = gone
        self._also = also or {}

    def find(self, query: ContractQuery) -> tuple[Contract, ...]:
        """The listings of a symbol; its exchange is the one that was asked for, when it trades there."""
        symbol = (query.symbol or query.local_symbol).upper()
        return tuple(
            replace(contract, exchange=query.exchange or contract.exchange)
            for contract in self._listed(symbol)
            if query.currency in {"", contract.currency}
            and query.exchange in {"", *contract.valid_exchanges.split(",")}
            and query.primary_exchange in {"", contract.primary_exchange}
            and query.trading_class in {"", contract.trading_class}
        )

    def get(self, con_id: int) -> Contract | None:
        known = _known_ids().get(con_id)
        if known is not None:
            return known
        where, code = divmod(con_id - _FIRST_ID, _IDS_A_LISTING)
        if not 0 <= where < len(LISTINGS):
            return None
        symbol = _decode(code)
        return next((found for found in self._listed(symbol) if found.con_id == con_id), None)

    def _listed(self, symbol: str) -> Iterable[Contract]:
        absent = symbol in self._gone or (self._only is not None and symbol not in self._only)
        if absent or symbol.startswith(NOWHERE):
            return
        own, where = known().get(symbol), self._also.get(symbol, ())
        if own is not None and (not where or own.calendar in where):
            yield own
        for name in LISTINGS:
            chosen = name in where if where else own is None and _plausible(symbol, name)
            if chosen and not (own is not None and own.calendar == name):
                yield _derived(symbol, name)


def _plausible(symbol: str, listing: str) -> bool:
    return re.fullmatch(LISTINGS[listing].symbols, symbol) is not None


@lru_cache(maxsize=4096)
def _derived(symbol: str, listing: str) -> Contract:
    code = _encode(symbol)
    con_id = _FIRST_ID + list(LISTINGS).index(listing) * _IDS_A_LISTING + code
    # Any spread of levels and volatilities will do, as long as a symbol keeps its own.
    mixed = code * 2654435761 % 2**32
    level, volatility = 20 * 15 ** (mixed / 2**32), 0.15 + mixed % 1000 / 2500
    return _contract(con_id, symbol, listing, LISTINGS[listing].primary, symbol, "COMMON", level, volatility)


def _contract(  # one argument a column of listings.csv
    con_id: int,
    symbol: str,
    listing: str,
    primary: str,
    trading_class: str,
    kind: str,
    level: float,
    volatility: float,
    name: str = "",
) -> Contract:
    where = LISTINGS[listing]
    return Contract(
        con_id=con_id,
        symbol=symbol,
        sec_type="STK",
        exchange=where.exchanges.partition(",")[0],
        currency=where.currency,
        local_symbol=symbol,
        trading_class=trading_class,
        long_name=name or f"{symbol} CORP",
        time_zone=where.time_zone,
        calendar=listing,
        primary_exchange=primary,
        min_tick=where.min_tick,
        min_size=where.lot,
        size_increment=where.lot,
        valid_exchanges=where.exchanges,
        order_types=_ORDER_TYPES,
        stock_type=kind,
        level=level,
        volatility=volatility,
    )


@lru_cache(maxsize=1)
def known() -> Mapping[str, Contract]:
    """Each stock of listings.csv by its symbol."""
    text = files("gateway_simulator").joinpath("listings.csv").read_text(encoding="utf-8")
    return {
        row["symbol"]: _contract(
            int(row["con_id"]),
            row["symbol"],
            row["listing"],
            row["exchange"],
            row["class"],
            row["type"],
            float(row["level"]),
            float(row["volatility"]),
            row["name"],
        )
        for row in csv.DictReader(text.splitlines())
    }


@lru_cache(maxsize=1)
def _known_ids() -> Mapping[int, Contract]:
    return {contract.con_id: contract for contract in known().values()}


def _encode(symbol: str) -> int:
    code = 0
    for letter in symbol.ljust(5, _ALPHABET[0]):
        code = code * len(_ALPHABET) + _ALPHABET.index(letter)
    return code


def _decode(code: int) -> str:
    letters = ""
    for _ in range(5):
        code, letter = divmod(code, len(_ALPHABET))
        letters = _ALPHABET[letter] + letters
    return letters.rstrip(_ALPHABET[0])
