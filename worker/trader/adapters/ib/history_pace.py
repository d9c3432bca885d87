"""The broker's pace of historical requests: so many in ten minutes, counted over every login."""

from collections import deque

from trader.ports import Clock

REQUESTS = 60
"""What the broker takes in a window; then it answers 162, a pacing violation."""
WINDOW_S = 600.0


class HistoryPace:
    """Counts requests. What bars are kept of waits for it; a decision never does, and is counted only."""

    def __init__(self, clock: Clock, *, requests: int = REQUESTS) -> None:
        self._clock = clock
        self._most = requests
        self._taken: deque[float] = deque()

    def take(self, requests: int = 1) -> None:
        """Count requests that are sent now."""
        now = self._clock.monotonic()
        self._taken.extend([now] * requests)

    async def slot(self, requests: int, *, until: float) -> bool:
        """Wait until the pace allows ``requests`` more, and take them; False at ``until`` if it doesn't."""
        while (wait_s := self._wait_s(requests)) > 0:
            left_s = until - self._clock.monotonic()
            if left_s <= 0:
                return False
            await self._clock.sleep(min(wait_s, left_s))
        self.take(requests)
        return True

    def _wait_s(self, requests: int) -> float:
        """Return how long it is until so many requests fit into the window."""
        now = self._clock.monotonic()
        while self._taken and now - self._taken[0] >= WINDOW_S:
            self._taken.popleft()
        too_many = len(self._taken) + requests - self._most
        return self._taken[too_many - 1] + WINDOW_S - now if too_many > 0 else 0.0
