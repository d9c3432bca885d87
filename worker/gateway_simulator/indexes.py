"""Indexes: numbers to be looked at, and what futures and options are derived from."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files

from gateway_simulator.contracts import Contract, ContractQuery, Tape


class Indexes:
    """Those of indexes.csv whose symbol `exists`."""

    sec_type = "IND"

    def __init__(self, exists: Callable[[str], bool]) -> None:
        self._exists = exists

    def find(self, query: ContractQuery) -> tuple[Contract, ...]:
        """The indexes that fit."""
        return tuple(
            replace(index, exchange=query.exchange or index.exchange)
            for index in known().values()
            if query.fits(index) and self._exists(index.symbol)
        )

    def get(self, con_id: int) -> Contract | None:
        return next((index for index in known().values() if index.con_id == con_id), None)


@lru_cache(maxsize=1)
def known() -> Mapping[str, Contract]:
    """Each index by its symbol."""
    text = files("gateway_simulator").joinpath("indexes.csv").read_text(encoding="utf-8")
    return {
        row["symbol"]: Contract(
            con_id=int(row["con_id"]),
            symbol=row["symbol"],
            sec_type="IND",
            exchange=row["exchange"],
            currency=row["currency"],
            local_symbol=row["symbol"],
            trading_class=row["symbol"],
            long_name=row["name"],
            time_zone=row["time_zone"],
            calendar=row["calendar"],
            moves=row["moves"],
            min_tick=Decimal(row["min_tick"]),
            valid_exchanges=row["exchange"],
            market_rule="",
            round_lot=0,
            tape=Tape.LEVEL,
            level=float(row["level"]),
            volatility=float(row["volatility"]),
        )
        for row in csv.DictReader(text.splitlines())
    }
