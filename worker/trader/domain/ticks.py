"""The ticks of a cron expression, one after another."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import dropwhile, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from trader.domain.schedule import check_cron, zone_of

_MINUTE = timedelta(minutes=1)
_LONGEST_CHANGE = timedelta(hours=4)
"""No clock was set back further since 1970; it was three hours at most, in Antarctica."""


def ticks_from(cron: str, time_zone: str, start: datetime) -> Iterator[datetime]:
    """Yield each tick at or after ``start`` (aware), in order, as UTC instants.

    They are those of ``nearest_tick``: a wall-clock time that comes twice is two of them, one that never
    comes is none. Raises Rejected with ``bad-cron`` or ``bad-time-zone``.
    """
    zone = zone_of(time_zone)
    check_cron(cron)
    return dropwhile(lambda tick: tick < start, _in_order(cron, zone, start))


def ticks_between(cron: str, time_zone: str, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield each tick from ``start`` on and before ``end``, as ``ticks_from`` does."""
    return takewhile(lambda tick: tick < end, ticks_from(cron, time_zone, start))


def _in_order(cron: str, zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    """Yield ticks from a while before ``start`` on; those of a repeated hour wait for the first one's."""
    local = start.astimezone(zone).replace(tzinfo=None)
    waiting: list[datetime] = []
    for wall in CronSim(cron, local - _LONGEST_CHANGE - _MINUTE):
        instants = [at for fold in (0, 1) if (at := _instant(wall, zone, fold))]
        while waiting and instants and waiting[0] < instants[0]:
            yield heappop(waiting)
        for at in dict.fromkeys(instants):
            heappush(waiting, at)
    yield from sorted(waiting)


def _instant(wall: datetime, zone: ZoneInfo, fold: int) -> datetime | None:
    """Return when the clocks of ``zone`` show ``wall``, None if they skip it."""
    at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    return at if at.astimezone(zone).replace(tzinfo=None) == wall else None
