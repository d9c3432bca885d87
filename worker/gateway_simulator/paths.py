"""Which path each contract's price takes: its own walk, real bars, or what it makes of another's."""

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache, partial

from gateway_simulator.black_scholes import Terms
from gateway_simulator.calendars import CALENDARS, days_back, segments
from gateway_simulator.cells import Path
from gateway_simulator.contracts import Contract
from gateway_simulator.derived import Carried, Formula, Pinned, Seen
from gateway_simulator.forex import CURRENCIES
from gateway_simulator.market_file import MarketFile, Symbol, market_key
from gateway_simulator.pins import Pins
from gateway_simulator.ratio import Inverse, Ratio
from gateway_simulator.replay import Replay
from gateway_simulator.walk import Walk

_TURNOVER = 1e9  # of a stock in a day, in its currency
_OPTIONS_A_SHARE = 0.002  # that trade in the hours of both
_INTEREST = 0.04  # of a year, in the prices of options


class Paths:
    """The paths of one seed and one market file, each made when it is first asked for.

    What is derived from another price follows that too while it is pinned.
    """

    def __init__(self, seed: int, prices: MarketFile, pins: Pins | None = None) -> None:
        self._seed = seed
        self._file = prices
        self._pins = pins or Pins()
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
        if contract.underlying is not None:
            return self._derived(contract, contract.underlying)
        if contract.moves and contract.moves != contract.calendar:
            return Seen(self.of(replace(contract, calendar=contract.moves)), CALENDARS[contract.moves])
        told = self._file.symbols.get(key, Symbol())
        level = told.price or contract.level
        return Walk(
            f"{contract.symbol}.{contract.currency}",
            self._seed,
            calendar,
            level,
            self._volatility(contract),
            told.drift,
            _TURNOVER / level,
        )

    def terms(self, contract: Contract, day: date) -> Terms:
        """What the price of an option depends on that day, but for the underlying's."""
        left = (datetime.strptime(contract.last_trade_date, "%Y%m%d").date() - day).days  # noqa: DTZ007
        return Terms(
            strike=float(contract.strike),
            years=(max(left, 0) + 1) / 365,  # the whole of its last day is left until it ends
            volatility=self._volatility(contract.underlying or contract),
            rate=_INTEREST,
            is_call=contract.right == "C",
        )

    def _derived(self, contract: Contract, underlying: Contract) -> Path:
        moves = underlying.moves or underlying.calendar
        path = Pinned(
            self.of(replace(underlying, calendar=moves, exchange="")), self._pins, market_key(underlying)
        )
        seen = Seen(path, CALENDARS[moves])
        if contract.right:
            return Formula(seen, partial(self.terms, contract), _OPTIONS_A_SHARE)
        last_day = datetime.strptime(contract.last_trade_date, "%Y%m%d").date()  # noqa: DTZ007
        return Carried(seen, contract.carry, last_day)

    def _volatility(self, contract: Contract) -> float:
        told = self._file.symbols.get(market_key(contract), Symbol()).volatility
        return contract.volatility if told is None else told

    def _pair(self, contract: Contract) -> Path:
        base, other = self._value(contract.symbol), self._value(contract.currency)
        if contract.currency == "USD":
            return base
        return Inverse(other) if contract.symbol == "USD" else Ratio(base, other)

    def _currency(self, name: str) -> Walk:
        currency = CURRENCIES[name]
        dollars = self._file.currencies.get(name, currency.dollars)
        return Walk(name, self._seed, self._forex, dollars, currency.volatility)
