"""When the last trade of a snapshot was: the one tick that ib_insync drops."""

from datetime import UTC, datetime

from ib_insync.wrapper import Wrapper

LAST_TIME = frozenset({45, 88})
"""Tick types of the last trade's time, in seconds since 1970: of live and of delayed data."""


class LastTrades:
    """The times of last trades by request; ``take`` each, so that none is kept."""

    def __init__(self, wrapper: Wrapper) -> None:
        self._times: dict[int, datetime] = {}
        self._pass_on = wrapper.tickString
        # The decoder looks its methods up by name at each message.
        wrapper.tickString = self._on_tick  # type: ignore[assignment]

    def take(self, request_id: int) -> datetime | None:
        return self._times.pop(request_id, None)

    def _on_tick(self, request_id: int, tick_type: int, value: str) -> None:
        if tick_type in LAST_TIME and value.isdecimal():
            self._times[request_id] = datetime.fromtimestamp(int(value), UTC)
        self._pass_on(request_id, tick_type, value)
