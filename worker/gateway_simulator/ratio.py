"""The price of one currency in another: the ratio of two walks, exact for bars of any size."""

import heapq
from collections.abc import Callable, Iterator
from itertools import count

from gateway_simulator.calendars import Segment
from gateway_simulator.cells import Cell, split
from gateway_simulator.walk import Walk

_Pair = tuple[Cell, Cell]


class Inverse:
    """One over a walk: dollars in a currency, of the currency's value in dollars."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def span(self, segment: Segment, start: int, end: int) -> Cell | None:
        """What the price did from `start` until `end`."""
        cell = self._walk.span(segment, start, end)
        return cell and cell._replace(open=-cell.open, high=-cell.low, low=-cell.high, close=-cell.close)


class Ratio:
    """One walk over another.

    Where the ratio is highest can't be told from the two walks' own highs. So the cells are searched, those
    that may reach highest first, each split until a single second is left.
    """

    def __init__(self, base: Walk, other: Walk) -> None:
        self._base = base
        self._other = other

    def span(self, segment: Segment, start: int, end: int) -> Cell | None:
        """What the price did from `start` until `end`."""
        pairs = tuple(
            zip(
                self._base.pieces(segment, start, end),
                self._other.pieces(segment, start, end),
                strict=True,
            )
        )
        if not pairs:
            return None
        (first, first_other), (last, last_other) = pairs[0], pairs[-1]
        return Cell(
            first.start,
            last.end - first.start,
            first.open - first_other.open,
            self._reach(pairs, lambda pair: pair[0].high - pair[1].low),
            -self._reach(pairs, lambda pair: pair[1].high - pair[0].low),
            last.close - last_other.close,
            0,
        )

    def _reach(self, pairs: tuple[_Pair, ...], bound: Callable[[_Pair], float]) -> float:
        """The most that `bound` is of any single second."""
        order = count()  # settles ties, so that cells are never compared
        heap = [(-bound(pair), next(order), pair) for pair in pairs]
        heapq.heapify(heap)
        while True:
            least, _, pair = heapq.heappop(heap)
            if pair[0].seconds == 1:
                return -least
            for part in self._split(pair):
                heapq.heappush(heap, (-bound(part), next(order), part))

    def _split(self, pair: _Pair) -> Iterator[_Pair]:
        return zip(split(self._base.key, pair[0]), split(self._other.key, pair[1]), strict=True)
