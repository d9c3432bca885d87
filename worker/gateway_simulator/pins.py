"""Prices held still: by a market file, a scenario or a test, each from a moment on."""

from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

_EVER = -(2**62)


class Pins:
    """For each symbol, the price that is pinned since when; None: free again."""

    def __init__(self) -> None:
        self._pins: dict[str, list[tuple[int, Decimal | None]]] = {}

    def put(self, symbol: str, price: Decimal | None, since: int = _EVER) -> None:
        """Pin a price from a second on; what was pinned for later than that is forgotten."""
        earlier = [pin for pin in self._pins.get(symbol, []) if pin[0] < since]
        self._pins[symbol] = [*earlier, (since, price)]

    def at(self, symbol: str, second: int) -> Decimal | None:
        """The price pinned then; None: it is free."""
        pins = self._pins.get(symbol, [])
        before = bisect_right(pins, second, key=lambda pin: pin[0])
        return pins[before - 1][1] if before else None

    def cut(self, symbol: str, start: int, end: int) -> Iterator[tuple[int, int, Decimal | None]]:
        """The stretch cut where pins change, each part with its price."""
        inner = [since for since, _ in self._pins.get(symbol, []) if start < since < end]
        for first, last in pairwise([start, *inner, end]):
            yield first, last, self.at(symbol, first)
