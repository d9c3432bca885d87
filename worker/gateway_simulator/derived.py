"""Prices that follow another's: of an index at night, of futures by their carry, of options by a formula."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from math import exp, log

from gateway_simulator.black_scholes import Terms, price
from gateway_simulator.calendars import Calendar, Segment, segments
from gateway_simulator.cells import Cell, Path, merge
from gateway_simulator.pins import Pins

_DAY = timedelta(days=1)


class Seen:
    """A path that moves in hours of its own, seen in those of another market."""

    def __init__(self, path: Path, calendar: Calendar) -> None:
        self._path = path
        self._calendar = calendar

    def span(self, segment: Segment, start: int, end: int) -> Cell | None:
        """What the price did from `start` until `end`."""
        return merge(cell for cell in self._cells(segment, start, end) if cell is not None)

    def _cells(self, segment: Segment, start: int, end: int) -> Iterator[Cell | None]:
        for day in (segment.day - _DAY, segment.day, segment.day + _DAY):
            for own in segments(self._calendar, day):
                first, last = max(start, own.start), min(end, own.end)
                if first < last:
                    yield self._path.span(own, first, last)


class Pinned:
    """A path with the prices that are pinned under a name in its place."""

    def __init__(self, path: Path, pins: Pins, name: str) -> None:
        self._path = path
        self._pins = pins
        self._name = name

    def span(self, segment: Segment, start: int, end: int) -> Cell | None:
        """What the price did from `start` until `end`; None while no price is pinned on purpose."""
        return merge(cell for cell in self._cells(segment, start, end) if cell is not None)

    def _cells(self, segment: Segment, start: int, end: int) -> Iterator[Cell | None]:
        for first, last, pin in self._pins.cut(self._name, start, end):
            if pin is None:
                yield self._path.span(segment, first, last)
            elif pin.is_finite() and pin > 0:
                still = log(float(pin))
                yield Cell(first, last - first, still, still, still, still, 0)


class Carried:
    """A future's price: the spot's, moved by a rate a year until the last day that it trades."""

    def __init__(self, spot: Path, rate: float, last_day: date) -> None:
        self._spot = spot
        self._rate = rate
        self._last_day = last_day

    def span(self, segment: Segment, start: int, end: int) -> Cell | None:
        """What the price did from `start` until `end`; the carry changes from one trading day to the next."""
        cell = self._spot.span(segment, start, end)
        if cell is None:
            return None
        move = self._rate * max((self._last_day - segment.day).days, 0) / 365
        return cell._replace(
            open=cell.open + move, high=cell.high + move, low=cell.low + move, close=cell.close + move
        )


class Formula:
    """An option's price: a formula of the underlying's, which never turns back, so that bars stay exact."""

    def __init__(self, underlying: Path, terms: Callable[[date], Terms], traded: float) -> None:
        self._underlying = underlying
        self._terms = terms
        self._traded = traded

    def span(self, segment: Segment, start: int, end: int) -> Cell | None:
        """What the price did from `start` until `end`; time passes from one trading day to the next."""
        cell = self._underlying.span(segment, start, end)
        if cell is None:
            return None
        terms = self._terms(segment.day)
        opening, high, low, close = (log(price(exp(value), terms)) for value in cell[2:6])
        if not terms.is_call:
            high, low = low, high
        return Cell(cell.start, cell.seconds, opening, high, low, close, int(cell.volume * self._traded))
