"""Currencies and the pairs that IDEALPRO trades."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import combinations

from gateway_simulator.contracts import Contract, ContractQuery, Tape

_ORDER_TYPES = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AVGCOST,BASKET,CASHQTY,COND,CONDORDER,DAY,GAT,GTC,GTD,GTT,"
    "HID,IOC,LIT,LMT,MIT,MKT,OCA,REL,SCALE,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)
_FIRST_ID = 900_000_000  # of the pairs whose own id isn't below


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency: the value in dollars that its walk moves about, and IDEALPRO's least order in it."""

    name: str
    dollars: float
    volatility: float
    least: int


# In the market's order: of two currencies the earlier one is the base of their pair.
CURRENCIES = {
    "EUR": Currency("European Monetary Union Euro", 1.10, 0.075, 20_000),
    "GBP": Currency("British pound", 1.29, 0.08, 20_000),
    "AUD": Currency("Australian dollar", 0.66, 0.10, 25_000),
    "NZD": Currency("New Zealand dollar", 0.60, 0.10, 35_000),
    "USD": Currency("United States dollar", 1.0, 0.0, 25_000),
    "CAD": Currency("Canadian dollar", 0.72, 0.06, 25_000),
    "CHF": Currency("Swiss franc", 1.15, 0.075, 25_000),
    "HKD": Currency("Hong Kong dollar", 0.1285, 0.006, 200_000),
    "SGD": Currency("Singapore dollar", 0.75, 0.045, 35_000),
    "CNH": Currency("Chinese renminbi (offshore)", 0.139, 0.045, 150_000),
    "SEK": Currency("Swedish krona", 0.096, 0.09, 175_000),
    "NOK": Currency("Norwegian krone", 0.093, 0.10, 150_000),
    "DKK": Currency("Danish krone", 0.147, 0.075, 150_000),
    "MXN": Currency("Mexican peso", 0.053, 0.12, 300_000),
    "JPY": Currency("Japanese yen", 0.0067, 0.09, 2_500_000),
}

_KNOWN_IDS = {
    "EUR.USD": 12087792,
    "GBP.USD": 12087797,
    "AUD.USD": 14433401,
    "NZD.USD": 39453441,
    "USD.CAD": 15016062,
    "USD.CHF": 12087820,
    "USD.HKD": 12345777,
    "USD.JPY": 15016059,
    "EUR.GBP": 12087807,
    "EUR.CHF": 12087817,
    "EUR.JPY": 14321016,
}


class Forex:
    """Currency pairs, each in the market's direction alone: EUR.USD exists, USD.EUR doesn't."""

    sec_type = "CASH"

    def find(self, query: ContractQuery) -> tuple[Contract, ...]:
        """Symbol and currency, or the local symbol `EUR.USD`, name a pair."""
        local = query.local_symbol or f"{query.symbol}.{query.currency}"
        found = _pairs().get(local.upper())
        exchanges = {"", "SMART", "IDEALPRO"}
        return (found,) if found is not None and query.exchange in exchanges else ()

    def get(self, con_id: int) -> Contract | None:
        return _pair_ids().get(con_id)


@lru_cache(maxsize=1)
def _pairs() -> Mapping[str, Contract]:
    both = enumerate(combinations(CURRENCIES, 2))
    return {f"{base}.{other}": _pair(base, other, _FIRST_ID + number) for number, (base, other) in both}


@lru_cache(maxsize=1)
def _pair_ids() -> Mapping[int, Contract]:
    return {pair.con_id: pair for pair in _pairs().values()}


def _pair(base: str, other: str, con_id: int) -> Contract:
    local = f"{base}.{other}"
    return Contract(
        con_id=_KNOWN_IDS.get(local, con_id),
        symbol=base,
        sec_type="CASH",
        exchange="IDEALPRO",
        currency=other,
        local_symbol=local,
        trading_class=local,
        long_name=CURRENCIES[base].name,
        time_zone="US/Eastern",
        calendar="FOREX",
        min_tick=Decimal("0.005") if other == "JPY" else Decimal("0.00005"),
        # Below it an order goes to a worse venue at IB, it isn't refused: contract details say 1.
        min_size=Decimal(1),
        size_increment=Decimal(1),
        valid_exchanges="IDEALPRO",
        order_types=_ORDER_TYPES,
        tape=Tape.QUOTES,
    )


def least_order(contract: Contract) -> Decimal:
    """IDEALPRO's minimum for a pair, in its base currency; a smaller order is an odd lot."""
    return Decimal(CURRENCIES[contract.symbol].least)
