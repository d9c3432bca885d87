"""Real bars from a CSV file, played back: quotes and bars of any size are built from them."""

import csv
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from math import log
from pathlib import Path

from gateway_simulator.calendars import Calendar, Segment, regular_segments
from gateway_simulator.cells import Cell, cover, merge

COLUMNS = ("symbol", "start", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Row:
    """A bar of the file. A start without a zone is in the exchange's own; a date alone is a whole day."""

    start: date | datetime
    open: float
    high: float
    low: float
    close: float
    volume: int


class Replay:
    """The bars of one symbol as a path; where the file has no bar there is no data."""

    def __init__(self, rows: Sequence[Row], calendar: Calendar) -> None:
        self._cells = _cells(rows, calendar)
        self._starts = [cell.start for cell in self._cells]

    def span(self, segment: Segment, start: int, end: int) -> Cell | None:
        """What the price did from `start` until `end`."""
        first = bisect_left(self._starts, segment.start)
        last = bisect_left(self._starts, segment.end)
        inside = (_until(cell, segment.end) for cell in self._cells[first:last])
        return merge(cover(b"replay", inside, start, end))


def read_bars(path: Path) -> Mapping[str, tuple[Row, ...]]:
    """The bars of each symbol, in the order of time. ValueError says which line is wrong, and how."""
    found: dict[str, list[Row]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(
                f"{path.name}: expected the columns {','.join(COLUMNS)}, found {reader.fieldnames}"
            )
        for number, line in enumerate(reader, start=2):
            try:
                found.setdefault(str(line["symbol"]), []).append(_row(line))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from error
    for symbol, rows in found.items():
        for before, after in pairwise(rows):
            if not _follows(before.start, after.start):
                raise ValueError(
                    f"{path.name}: expected {symbol}'s bars in order and of one kind, "
                    f"found {after.start} after {before.start}"
                )
    return {symbol: tuple(rows) for symbol, rows in found.items()}


def _follows(before: date | datetime, after: date | datetime) -> bool:
    if isinstance(before, datetime) and isinstance(after, datetime):
        return (before.tzinfo is None) == (after.tzinfo is None) and before < after
    return type(before) is type(after) and before < after


def _row(line: Mapping[str, str]) -> Row:
    prices = [_number(line, column) for column in ("open", "high", "low", "close")]
    opening, high, low, close = prices
    if not 0 < low <= min(opening, close) <= max(opening, close) <= high:
        raise ValueError(f"expected 0 < low <= open, close <= high, found {prices}")
    return Row(_start(line["start"]), opening, high, low, close, int(_number(line, "volume")))


def _number(line: Mapping[str, str], column: str) -> float:
    try:
        return float(line[column])
    except ValueError:
        raise ValueError(f"{column}: expected a number, found {line[column]!r}") from None


def _start(text: str) -> date | datetime:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-01-02") else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"start: expected an ISO date or time, found {text!r}") from None


def _cells(rows: Sequence[Row], calendar: Calendar) -> list[Cell]:
    starts = [row.start for row in rows]
    times = [_place(start, calendar) for start in starts]
    # The bars' one size is the least distance between two of them; days have their own.
    size = min((after[0] - before[0] for before, after in pairwise(times)), default=60)
    return [
        Cell(
            start,
            seconds or size,
            log(row.open),
            log(row.high),
            log(row.low),
            log(row.close),
            row.volume,
        )
        for row, (start, seconds) in zip(rows, times, strict=True)
        if start
    ]


def _place(start: date | datetime, calendar: Calendar) -> tuple[int, int]:
    """Start and length of a bar in seconds; length 0: the file's bar size, start 0: no such trading day."""
    if isinstance(start, datetime):
        aware = start if start.tzinfo else start.replace(tzinfo=calendar.zone)
        return int(aware.timestamp()), 0
    # A day with a lunch break is laid into its longer half, so that its high and low are reached.
    longest = max(regular_segments(calendar, start), key=lambda part: part.end - part.start, default=None)
    return (longest.start, longest.end - longest.start) if longest else (0, 0)


def _until(cell: Cell, end: int) -> Cell:
    return cell if cell.end <= end else cell._replace(seconds=end - cell.start)
