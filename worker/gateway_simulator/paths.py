"""Which path each contract's price takes: a walk of its own, real bars, or one currency over another."""

from datetime import UTC, datetime
from functools import lru_cache

from gateway_simulator.calendars import CALENDARS, days_back, segments
from gateway_simulator.cells import Path
from gateway_simulator.contracts import Contract
from gateway_simulator.forex import CURRENCIES
from gateway_simulator.market_file import MarketFile, Symbol, market_key
from gateway_simulator.ratio import Inverse, Ratio
from gateway_simulator.replay import Replay
from gateway_simulator.walk import Walk

_TURNOVER = 1e9  # of a stock in a day, in its currency


class Paths:
    """The paths of one seed and one market file, each made when it is first asked for."""

    def __init__(self, seed: int, prices: MarketFile) -> None:
        self._seed = seed
        self._file = prices
        self._forex = CALENDARS[prices.calendar("FOREX")]
        self.of = lru_cache(maxsize=None)(self._made)
        self._value = lru_cache(maxsize=None)(self._currency)

    def dollars(self, currency: str, second: int) -> float:
        """The logarithm of a currency's value then, or when it was last traded."""
        forex = self._forex
        day = next(days_back(forex, datetime.fromtimestamp(second + 1, UTC), regular=True))
        segment = segments(forex, day)[-1]
        moment = min(second, segment.end - 1)
        cell = self._value(currency).span(segment, moment, moment + 1)
        if cell is None:
            raise AssertionError("a walk has a price whenever its market is open")
        return cell.open if second < segment.end else cell.close

    def _made(self, contract: Contract) -> Path:
        calendar, key = CALENDARS[contract.calendar], market_key(contract)
        if key in self._file.replay:
            return Replay(self._file.replay[key], calendar)
        if contract.sec_type == "CASH":
            return self._pair(contract)
        told = self._file.symbols.get(key, Symbol())
        level = told.price or contract.level
        return Walk(
            f"{contract.symbol}.{contract.currency}",
            self._seed,
            calendar,
            level,
            contract.volatility if told.volatility is None else told.volatility,
            told.drift,
            _TURNOVER / level,
        )

    def _pair(self, contract: Contract) -> Path:
        base, other = self._value(contract.symbol), self._value(contract.currency)
        if contract.currency == "USD":
            return base
        return Inverse(other) if contract.symbol == "USD" else Ratio(base, other)

    def _currency(self, name: str) -> Walk:
        currency = CURRENCIES[name]
        dollars = self._file.currencies.get(name, currency.dollars)
        return Walk(name, self._seed, self._forex, dollars, currency.volatility)
