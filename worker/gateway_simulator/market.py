"""The market: quotes and bars of any contract, a function of seed, contract and time alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from math import exp

from gateway_simulator.bars import slots
from gateway_simulator.black_scholes import Greeks, Terms, greeks
from gateway_simulator.calendars import (
    CALENDARS,
    Segment,
    days_back,
    regular_segments,
    segment_at,
    segments,
)
from gateway_simulator.cells import Cell
from gateway_simulator.clock import Clock
from gateway_simulator.contracts import Contract, Tape
from gateway_simulator.durations import HistoryError, invalid, parse_bar_size, parse_duration
from gateway_simulator.hours import trading_day
from gateway_simulator.market_file import MarketFile, Permission, market_key, named
from gateway_simulator.paths import Paths
from gateway_simulator.pins import Pins
from gateway_simulator.prices import SHOWN, Bar, Quote, joined, mark, shown_ask, shown_bid

__all__ = ["Bar", "HistoryError", "Market", "Model", "Quote"]

DELAY = timedelta(minutes=15)  # of delayed data
BOTH_SIDES = "BID_ASK"  # IB's bars whose open and low are bids, whose high and close are asks
_COUNTLESS = Decimal(-1)  # IB's volume of what isn't traded


@dataclass(frozen=True, slots=True)
class Model:
    """An option's terms, its price and what it depends on, and the underlying's price."""

    terms: Terms
    greeks: Greeks
    spot: float


class Market:
    """Prices by seeded walks, or from a market file."""

    def __init__(self, clock: Clock, seed: int = 0, prices: MarketFile | None = None) -> None:
        self._clock = clock
        self._file = prices or MarketFile()
        self._pins = Pins()
        for symbol, told in self._file.symbols.items():
            if told.fixed is not None:
                self._pins.put(symbol, told.fixed)
        self._paths = Paths(seed, self._file, self._pins)
        self._shown: dict[int, Quote] = {}  # the last of each contract, which is good for its second

    def quote(self, contract: Contract, at: datetime | None = None) -> Quote:
        """The quote now, or at an earlier time; the same seed and time give the same one, whenever asked."""
        at = at or self._clock.now()
        second = int(at.timestamp())
        shown = self._shown.get(contract.con_id)
        if shown is None or int(shown.at.timestamp()) != second:
            shown = self._shown[contract.con_id] = self._quote(contract, at, second)
        return shown

    def _quote(self, contract: Contract, at: datetime, second: int) -> Quote:
        calendar = CALENDARS[contract.calendar]
        today, before = islice(days_back(calendar, at + timedelta(seconds=1), regular=False), 2)
        regular = joined(self._parts(contract, regular_segments(calendar, today), None, second, "TRADES"))
        whole = joined(self._parts(contract, segments(calendar, today), None, second, "TRADES"))
        previous = joined(self._parts(contract, regular_segments(calendar, before), None, second, "TRADES"))
        bid, ask, last = self._now(contract, second, segment_at(calendar, at))
        size = Decimal(1 + second * 7919 % 19)  # in lots, and different each second
        return Quote(
            at=at,
            bid=bid,
            ask=ask,
            last=last if last is not None or whole is None else whole.close,
            open=regular.open if regular else None,
            high=regular.high if regular else None,
            low=regular.low if regular else None,
            close=previous.close if previous else None,
            bid_size=size * contract.round_lot,
            ask_size=(20 - size) * contract.round_lot,
            last_size=Decimal(contract.round_lot),
            volume=max(whole.volume, Decimal(0)) if whole else Decimal(0),
            last_at=at
            if last is not None
            else self._last_traded(contract, segments(calendar, today), second),
        )

    def bars(
        self,
        contract: Contract,
        end: datetime,
        duration: str,
        bar_size: str,
        what_to_show: str,
        regular_hours: bool,
    ) -> tuple[Bar, ...]:
        """Bars as IB counts them; the last may be unfinished. HistoryError for what IB refuses."""
        reach, size = parse_duration(duration), parse_bar_size(bar_size)
        if what_to_show.upper() not in {*SHOWN, BOTH_SIDES}:
            raise invalid(f"What to show value of {what_to_show} rejected.")
        of_trades = SHOWN.get(what_to_show.upper()) is SHOWN["TRADES"]
        if contract.tape is (Tape.QUOTES if of_trades else Tape.LEVEL):
            of_what = f"{contract.symbol}/{contract.sec_type}@{contract.exchange}"
            raise _none(f"No historical market data for {of_what} {'Last' if of_trades else what_to_show}")
        level = self.permission(contract).level
        if level == "none":
            raise _none(f"No market data permissions for {contract.primary_exchange} {contract.sec_type}")
        until = min(end, self._clock.now() - (DELAY if level == "delayed" else timedelta(0)))
        places = slots(CALENDARS[contract.calendar], until, reach, size, regular=regular_hours)
        second = int(until.timestamp())
        made = (
            joined(
                self._parts(contract, slot.segments, slot.start, min(slot.end, second), what_to_show.upper())
            )
            for slot in places
        )
        found = tuple(bar for bar in made if bar is not None)
        if not found:
            raise _none(
                f"HMDS query returned no data: {contract.local_symbol}@{contract.exchange} {what_to_show}"
            )
        return found

    def rate(self, source: str, target: str) -> Decimal:
        """How many of `target` one `source` is worth now; consistent across currencies, open or closed."""
        second = int(self._clock.now().timestamp())
        for pair, turned in ((source + target, False), (target + source, True)):
            pinned = self._pins.at(pair, second)
            if pinned is not None and pinned.is_finite() and pinned > 0:
                return 1 / pinned if turned else pinned
        return Decimal(
            f"{exp(self._paths.dollars(source, second) - self._paths.dollars(target, second)):.9g}"
        )

    def set_price(self, symbol: str, price: Decimal | None) -> None:
        """Pin a price from now on: bid, ask and last are it. NaN: no price at all. None: free again.

        A pair is EURUSD or EUR.USD.
        """
        self._pins.put(named(symbol), price, int(self._clock.now().timestamp()))
        self._shown.clear()

    def model(self, contract: Contract, at: datetime | None = None) -> Model | None:
        """What the model that options are priced with says of one; None of anything else."""
        if contract.underlying is None or not contract.right:
            return None
        spot = mark(self.quote(contract.underlying, at))
        if spot is None:
            return None
        terms = self._paths.terms(contract, trading_day(contract, at or self._clock.now()))
        return Model(terms, greeks(float(spot), terms), float(spot))

    def permission(self, contract: Contract) -> Permission:
        """Whether its data is live, delayed or not to be had, with IB's error for what is not."""
        return self._file.permission(contract)

    def _now(
        self, contract: Contract, second: int, segment: Segment | None
    ) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        """Bid, ask and last while the market is open."""
        pinned = self._pins.at(market_key(contract), second)
        if segment is None:
            return None, None, pinned if pinned is not None and pinned.is_finite() else None
        quoted = contract.tape is not Tape.LEVEL
        if pinned is not None:
            shown = pinned if pinned.is_finite() else None
            return (shown if quoted else None), (shown if quoted else None), shown
        cell = self._paths.of(contract).span(segment, second, second + 1)
        if cell is None:
            return None, None, None
        last = SHOWN[_valued(contract)](cell.open, contract.min_tick)
        if not quoted:
            return None, None, last
        # Nobody bids less than a tick.
        return shown_bid(cell.open, contract.min_tick) or None, shown_ask(cell.open, contract.min_tick), last

    def _last_traded(self, contract: Contract, stretches: Iterable[Segment], second: int) -> datetime | None:
        """When there was a price at last, on the day of these stretches."""
        key = market_key(contract)
        ends = [
            until
            for segment in stretches
            for since, until, pin in self._pins.cut(key, segment.start, min(second, segment.end))
            if since < until and (pin is None or pin.is_finite())
        ]
        return datetime.fromtimestamp(max(ends), UTC) if ends else None

    def _parts(
        self, contract: Contract, stretches: Iterable[Segment], start: int | None, end: int, what: str
    ) -> Iterator[Bar]:
        """What a bar from `start` (None: the first stretch's) until `end` is joined from."""
        what = _valued(contract) if what == "TRADES" else what
        for segment in stretches:
            first = segment.start if start is None else max(start, segment.start)
            for since, until, pin in self._pins.cut(market_key(contract), first, min(end, segment.end)):
                cell = self._paths.of(contract).span(segment, since, until) if since < until else None
                if cell and (pin is None or pin.is_finite()):
                    yield _bar(contract, segment, cell, pin, what)


def _bar(contract: Contract, segment: Segment, cell: Cell, pin: Decimal | None, what: str) -> Bar:
    tick = contract.min_tick
    shows = (shown_bid, shown_ask, shown_bid, shown_ask) if what == BOTH_SIDES else (SHOWN[what],) * 4
    shown = [show(price, tick) for show, price in zip(shows, cell[2:6], strict=True)]
    prices = shown if pin is None else [pin] * 4
    traded = SHOWN.get(what) is SHOWN["TRADES"]
    volume = Decimal(cell.volume if contract.round_lot else 0)
    return Bar(
        start=datetime.fromtimestamp(cell.start, UTC),
        day=segment.day,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=volume if traded else _COUNTLESS,
        wap=round(sum(prices, Decimal(0)) / 4, 4) if traded else _COUNTLESS,
        count=int(volume) // 100 + 1 if traded else -1,
    )


def _valued(contract: Contract) -> str:
    """What stands for the last price where there are no trades."""
    return "MIDPOINT" if contract.tape is Tape.QUOTES else "TRADES"


def _none(text: str) -> HistoryError:
    return HistoryError(162, f"Historical Market Data Service error message:{text}")
