"""Which tick of a schedule a message belongs to."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from trader.domain.errors import Rejected

TOLERANCE = timedelta(seconds=90)
"""How far a message may be published from its tick, before or after."""

_MINUTE = timedelta(minutes=1)
_ANY_TIME = datetime(2026, 1, 1)  # noqa: DTZ001 - a wall clock's


def nearest_tick(cron: str, time_zone: str, published_at: datetime) -> datetime | None:
    """Return the tick of ``cron`` within 90 s of ``published_at``, as a UTC instant, or None.

    A tick is any minute whose wall-clock time in ``time_zone`` matches ``cron``: when the clock is set
    back, the repeated hour has two ticks of different instants; when it is set forward, the skipped hour
    has none. Raises Rejected with ``bad-cron`` or ``bad-time-zone``.
    """
    zone = zone_of(time_zone)
    check_cron(cron)
    first = (published_at - TOLERANCE).replace(second=0, microsecond=0)
    minutes = (first + n * _MINUTE for n in range(2 * int(TOLERANCE / _MINUTE) + 3))
    ticks = [
        minute
        for minute in minutes
        if abs(minute - published_at) <= TOLERANCE and _matches(cron, minute.astimezone(zone))
    ]
    nearest = min(ticks, key=lambda tick: abs(tick - published_at), default=None)
    return nearest.astimezone(UTC) if nearest else None


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone; raises Rejected ``bad-time-zone``."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Rejected(
            "bad-time-zone",
            f"expected a time zone such as America/New_York, found {name!r}; correct the attribute timeZone",
            field="timeZone",
        ) from None


def check_cron(cron: str) -> None:
    """Raise Rejected ``bad-cron`` unless ``cron`` can be read."""
    # CronSim would also take seconds as a sixth field; Cloud Scheduler has five.
    try:
        if len(cron.split()) == 5:
            CronSim(cron, _ANY_TIME)
            return
    except CronSimError:
        pass
    raise Rejected(
        "bad-cron",
        f"expected five cron fields such as '15 16 * * 1-5', found {cron!r}; correct the attribute cron",
        field="cron",
    )


def _matches(cron: str, local: datetime) -> bool:
    wall = local.replace(tzinfo=None)
    return next(CronSim(cron, wall - _MINUTE), None) == wall
