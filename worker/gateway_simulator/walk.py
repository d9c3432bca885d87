"""A seeded random walk that can be asked about any moment without walking there."""

import hashlib
from datetime import date
from functools import lru_cache
from math import log, sqrt

from gateway_simulator.calendars import Calendar, Segment, segments
from gateway_simulator.cells import Cell, bridge, cover, merge, noise, shock, wick

# The walk is pinned at one point in so many quarters of a day, near its level; between two such points it is
# Brownian. So it stays within reach of the level for ever, and any moment is a dozen halvings away.
_BLOCK = 1024
_QUARTERS_A_YEAR = 4 * 365
_EPOCH = 4 * date(2026, 1, 1).toordinal()  # where drift counts from
_EXTENDED = 0.1  # how lively extended hours are beside regular ones


class Walk:
    """A path about `level`, in logarithms: annual `volatility` and `drift`, `volume` shares a regular day."""

    def __init__(
        self,
        name: str,
        seed: int,
        calendar: Calendar,
        level: float,
        volatility: float,
        drift: float = 0.0,
        volume: float = 0.0,
    ) -> None:
        self._key = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
        self._calendar = calendar
        self._level = log(level)
        self._sd = volatility / sqrt(_QUARTERS_A_YEAR)
        self._drift = drift / _QUARTERS_A_YEAR
        self._volume = volume
        self._cell = lru_cache(maxsize=4096)(self._whole)
        self._normal = lru_cache(maxsize=4096)(self._drawn)

    @property
    def key(self) -> bytes:
        """What its cells are split with."""
        return self._key

    def span(self, segment: Segment, start: int, end: int) -> Cell | None:
        """What the price did from `start` until `end`."""
        return merge(self.pieces(segment, start, end))

    def pieces(self, segment: Segment, start: int, end: int) -> tuple[Cell, ...]:
        """The largest cells that make up [start, end)."""
        return tuple(cover(self._key, (self._cell(segment),), start, end))

    def _whole(self, segment: Segment) -> Cell:
        """A segment as one cell: its place on the way from the day's first price to its last."""
        day = segments(self._calendar, segment.day)
        quarter = 4 * segment.day.toordinal()
        # A market that never sleeps has no gap overnight; others move a quarter of a day's worth.
        opening = quarter if self._calendar.gapless else quarter + 1
        lively = [(part.end - part.start) * (1.0 if part.regular else _EXTENDED) for part in day]
        a_second = self._sd**2 * (quarter + 4 - opening) / sum(lively)
        drawn = noise(self._key, quarter, len(day), 4 * len(day))
        variances = [a_second * weight for weight in lively]
        points = bridge(self._anchor(opening), self._anchor(quarter + 4), variances, drawn)
        at = day.index(segment)
        first, last, sd = points[at], points[at + 1], sqrt(variances[at])
        up, down, busy = drawn[len(day) + 3 * at :][:3]
        return Cell(
            segment.start,
            segment.end - segment.start,
            first,
            max(first, last) + wick(sd, up),
            min(first, last) - wick(sd, down),
            last,
            int(self._volume * (0.6 + 0.8 * busy) * (1.0 if segment.regular else _EXTENDED**2)),
        )

    def _anchor(self, quarter: int) -> float:
        """The walk at a quarter of a day, by halving the block that it is in."""
        block, target = divmod(quarter, _BLOCK)
        left, right = 0, _BLOCK
        low, high = self._pin(block), self._pin(block + 1)
        while left != target:
            middle = (left + right) // 2
            sd = self._sd * sqrt((right - left) / 4)
            value = (low + high) / 2 + sd * self._normal(block * _BLOCK + middle)
            if target >= middle:
                left, low = middle, value
            else:
                right, high = middle, value
        return low + self._drift * (quarter - _EPOCH)

    def _pin(self, block: int) -> float:
        # The spread that makes the walk from one pin to the next as wide as a free one would be.
        return self._level + self._sd * sqrt(_BLOCK / 2) * self._normal(block * _BLOCK)

    def _drawn(self, quarter: int) -> float:
        return shock(noise(self._key, quarter, -2, 1)[0])
