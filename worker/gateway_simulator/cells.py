"""Cells: stretches of a price path that split into smaller ones, down to the second, always the same way."""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import log, pi, sqrt
from typing import NamedTuple, Protocol

from gateway_simulator.calendars import Segment

# Where cells split, aligned to the clock; each divides the one before.
GRID = (1800, 300, 60, 5, 1)

_LOGISTIC = sqrt(3) / pi


class Cell(NamedTuple):
    """A stretch of a path, prices as logarithms. It ends where the next begins."""

    start: int  # UTC seconds since 1970
    seconds: int
    open: float
    high: float
    low: float
    close: float
    volume: int

    @property
    def end(self) -> int:
        """The second after its last."""
        return self.start + self.seconds


class Path(Protocol):
    """A price at any time that its market trades."""

    def span(self, segment: Segment, start: int, end: int) -> Cell | None:
        """What the price did from `start` until `end`, both inside the segment; None: no data."""
        ...


def noise(key: bytes, start: int, seconds: int, count: int) -> list[float]:
    """Uniform numbers between 0 and 1 that belong to this stretch of this path."""
    drawn = hashlib.shake_128(key + struct.pack("<qq", start, seconds)).digest(4 * count)
    return [(number + 0.5) / 2**32 for number in struct.unpack(f"<{count}I", drawn)]


def shock(uniform: float) -> float:
    """A random number of mean 0 and variance 1; logistic, which strays far more often, as prices do."""
    return log(uniform / (1 - uniform)) * _LOGISTIC


def bridge(first: float, last: float, variances: Sequence[float], uniform: Sequence[float]) -> list[float]:
    """A Brownian bridge: the points between steps of these variances, ends included."""
    points, left = [first], sum(variances)
    if not left:  # a price that never moves
        return [first] * len(variances) + [last]
    for variance, number in zip(variances[:-1], uniform, strict=False):
        mean = points[-1] + (last - points[-1]) * variance / left
        points.append(mean + sqrt(variance * max(0.0, left - variance) / left) * shock(number))
        left -= variance
    return [*points, last]


def steps(start: int, end: int, size: int) -> list[int]:
    """`start`, `end`, and every multiple of `size` between them."""
    return [start, *range(start - start % size + size, end, size), end]


@lru_cache(maxsize=16384)
def split(key: bytes, cell: Cell) -> tuple[Cell, ...]:
    """The cells that make it up: they start and end where it does, and one reaches its high, one its low.

    How much they vary is read off its own range, so that real bars split as well as made-up ones.
    """
    times = steps(cell.start, cell.end, next(size for size in GRID if size < cell.seconds))
    lengths = [end - start for start, end in pairwise(times)]
    count = len(lengths)
    drawn = noise(key, cell.start, cell.seconds, 4 * count)
    # A Brownian path's range is 1.6 standard deviations on average.
    sd = (cell.high - cell.low) / 1.6
    sds = [sd * sqrt(length / cell.seconds) for length in lengths]
    points = _within(cell, bridge(cell.open, cell.close, [each * each for each in sds], drawn), 0.4 * sds[0])
    tops = [max(pair) for pair in pairwise(points)]
    bottoms = [min(pair) for pair in pairwise(points)]
    highest, lowest = tops.index(max(tops)), bottoms.index(min(bottoms))
    busy = [length * (0.5 + number) for length, number in zip(lengths, drawn[3 * count :], strict=True)]
    if cell.seconds > GRID[0]:  # a session is busiest at both its ends
        busy = [weight * (0.7 + 3.6 * (i / count - 0.5) ** 2) for i, weight in enumerate(busy)]
    volumes = _share(cell.volume, busy)
    return tuple(
        Cell(
            times[i],
            lengths[i],
            points[i],
            cell.high if i == highest else min(cell.high, tops[i] + wick(sds[i], drawn[count + i])),
            cell.low if i == lowest else max(cell.low, bottoms[i] - wick(sds[i], drawn[2 * count + i])),
            points[i + 1],
            volumes[i],
        )
        for i in range(count)
    )


def wick(sd: float, uniform: float) -> float:
    """How far a path of that standard deviation strays beyond its ends: on average as a Brownian one does."""
    return 1.2 * uniform * uniform * sd


def cover(key: bytes, cells: Iterable[Cell], start: int, end: int) -> Iterator[Cell]:
    """The largest cells that make up [start, end)."""
    for cell in cells:
        if start <= cell.start and cell.end <= end:
            yield cell
        elif cell.start < end and start < cell.end:
            yield from cover(key, split(key, cell), start, end)


def merge(cells: Iterable[Cell]) -> Cell | None:
    """One cell of several that follow one another; None of none."""
    pieces = tuple(cells)
    if len(pieces) < 2:
        return pieces[0] if pieces else None
    return Cell(
        pieces[0].start,
        pieces[-1].end - pieces[0].start,
        pieces[0].open,
        max(piece.high for piece in pieces),
        min(piece.low for piece in pieces),
        pieces[-1].close,
        sum(piece.volume for piece in pieces),
    )


def _within(cell: Cell, points: list[float], room: float) -> list[float]:
    """The points mirrored into the cell's range, and led to within `room` of its high and its low."""
    inside = [_fold(point, cell.low, cell.high) for point in points[1:-1]]
    lifted, top = _led([cell.open, *inside, cell.close], cell.high, room, kept=0)
    lowered, _ = _led([-point for point in lifted], -cell.low, room, kept=top)
    return [-point for point in lowered]


def _led(points: list[float], high: float, room: float, kept: int) -> tuple[list[float], int]:
    """The points with a hill at their highest that comes near the high; ends, and the one kept, stay."""
    free = [i for i in range(1, len(points) - 1) if i != kept]
    if not free or high - max(points) <= room:
        return points, kept
    top = max(free, key=points.__getitem__)
    rise, width = high - room - points[top], len(points) // 3 + 1
    slopes = {i: 1 - abs(i - top) / width for i in free if abs(i - top) < width}
    return [point + rise * slopes.get(i, 0) for i, point in enumerate(points)], top


def _fold(point: float, low: float, high: float) -> float:
    """Mirror a point that left the range back into it."""
    if point > high:
        return max(low, 2 * high - point)
    if point < low:
        return min(high, 2 * low - point)
    return point


def _share(total: int, weights: Sequence[float]) -> list[int]:
    """Whole numbers in proportion to the weights that add up to the total."""
    whole, so_far, given, shares = sum(weights), 0.0, 0, []
    for weight in weights[:-1]:
        so_far += weight
        share = int(total * so_far / whole) - given
        given += share
        shares.append(share)
    return [*shares, total - given]
