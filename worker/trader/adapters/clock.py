"""The machine's own clock, and one that a rehearsal sets ahead of it."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path


class SystemClock:
    """Time as the operating system tells it."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class RehearsalClock(SystemClock):
    """The machine's clock, ahead of it by the seconds in ``file``; what is measured and waited for is real.

    The file is looked at each time: whoever goes by it is at the same time, and jumps at the same moment.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._changed = 0
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """Return the time; raises ValueError when the file is gone or holds no number."""
        if (changed := self._file.stat().st_mtime_ns) != self._changed:
            self._ahead = timedelta(seconds=float(self._file.read_text()))
            self._changed = changed
        return super().now() + self._ahead

    def jump(self, to: datetime) -> None:
        """From now on it is ``to`` and later, for everybody who goes by the file; raises ValueError."""
        if to < (now := self.now()):
            earliest, found = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (now, to))
            raise ValueError(f"expected a time from {earliest}, found {found}; time goes on")
        set_ahead(self._file, to)


def set_ahead(file: Path, to: datetime) -> None:
    """Write ``file`` so that it is ``to`` now; a reader sees the old time or the new one."""
    fresh = file.with_suffix(".new")
    fresh.write_text(f"{(to - datetime.now(UTC)).total_seconds():.3f}\n")
    fresh.replace(file)
