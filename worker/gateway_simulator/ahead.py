"""A clock that a file sets ahead of the real time, so that others can go by the same time."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway_simulator.clock import Clock

LOOK_S = 0.02
FURTHEST_S = 1e9


def time(file: Path) -> datetime:
    """The real time and the seconds that ``file`` holds; raises ValueError for anything else in it."""
    try:
        text = file.read_text().strip()
    except FileNotFoundError:
        raise ValueError(f"expected a file of seconds, found none at {file}") from None
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"expected a number of seconds in {file}, found {text[:40]!r}") from None
    if not abs(seconds) < FURTHEST_S:
        raise ValueError(f"expected at most thirty years of seconds in {file}, found {seconds}")
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def follow(file: Path, clock: Clock) -> None:
    """Jump ahead whenever ``file`` says so, until cancelled; it never goes back."""
    changed = _changed(file)
    while True:
        await asyncio.sleep(LOOK_S)
        if (now := _changed(file)) != changed:
            changed = now
            clock.set(max(time(file), clock.now()))


def _changed(file: Path) -> int:
    return file.stat().st_mtime_ns
