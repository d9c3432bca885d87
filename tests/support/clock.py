"""A clock that moves only when a test moves it."""

import asyncio
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
"""A Monday, twelve o'clock in New York, the market open."""


class FakeClock:
    """The Clock port; sleepers wake when ``advance`` passes their time."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._fell_asleep = asyncio.Condition()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic + seconds, woken))
        async with self._fell_asleep:
            self._fell_asleep.notify_all()
        await woken

    def advance(self, seconds: float) -> None:
        """Move time on, and wake who waits for it, in the order of their times."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
        due = sorted((s for s in self._sleepers if s[0] <= self._monotonic), key=lambda sleeper: sleeper[0])
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._monotonic]
        for _, woken in due:
            if not woken.done():
                woken.set_result(None)

    def turn(self, seconds: float) -> None:
        """Move the time of day alone, as a correction of the machine's clock does; nobody wakes."""
        self._now += timedelta(seconds=seconds)

    async def until_asleep(self) -> None:
        """Wait until somebody sleeps: what the last ``advance`` woke has then done its work."""
        async with asyncio.timeout(60), self._fell_asleep:
            await self._fell_asleep.wait_for(lambda: any(not woken.done() for _, woken in self._sleepers))


class HurriedClock(FakeClock):
    """A clock that jumps to whatever is waited for."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)
