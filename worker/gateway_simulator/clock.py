"""The simulator's clock: it can be set forward and sped up, and waits on it wake when it jumps."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta

# Timers of the event loop may fire a hair early; waiting this much longer saves a second round.
_GRAIN_S = 0.0005


class Clock:
    """Simulated time: `start` (None: the real now) plus the real time since, times `speed`.

    Speed 60 is a minute a second; speed 0 stands still until `set`. It never goes back: orders and
    executions carry its times, and a book whose past changes has no meaning.
    """

    def __init__(self, start: datetime | None = None, speed: float = 1.0) -> None:
        self._base = _utc(start) if start else datetime.now(UTC)
        self._mark = time.monotonic()
        self._speed = _checked(speed)
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> datetime:
        """The simulated time, aware, in UTC."""
        return self._base + timedelta(seconds=(time.monotonic() - self._mark) * self._speed)

    def set(self, at: datetime) -> None:
        """Jump forward to `at`; whoever waits for an earlier time wakes."""
        at, now = _utc(at), self.now()
        if at < now:
            raise ValueError(f"expected a time at or after {now.isoformat()}, was {at.isoformat()}")
        self._rebase(at)

    def set_speed(self, speed: float) -> None:
        """From now on a real second is `speed` simulated ones."""
        speed = _checked(speed)
        self._rebase(self.now())
        self._speed = speed

    async def sleep_until(self, at: datetime) -> None:
        """Return once the simulated time is `at` or later, however it gets there."""
        while (left := (at - self.now()).total_seconds()) > 0:
            await self._change(left / self._speed + _GRAIN_S if self._speed else None)

    async def sleep(self, seconds: float) -> None:
        """Wait for so many simulated seconds."""
        await self.sleep_until(self.now() + timedelta(seconds=seconds))

    async def _change(self, timeout: float | None) -> None:
        """Wait until the clock is changed, or for so many real seconds."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(waiter, timeout)
        finally:
            self._waiters.discard(waiter)

    def _rebase(self, at: datetime) -> None:
        self._base, self._mark = at, time.monotonic()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"expected a time with its zone, was {at.isoformat()}")
    return at.astimezone(UTC)


def _checked(speed: float) -> float:
    if not 0 <= speed < float("inf"):
        raise ValueError(f"expected a speed of 0 or more, was {speed}")
    return speed
