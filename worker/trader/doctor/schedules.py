"""Whether schedules are in their exchanges' time zones, and their results expected."""

from collections.abc import Mapping

from trader.doctor.report import Line, ok, warning
from trader.domain.hours import Hours
from trader.domain.schedules import Applied, Schedules


def check_schedules(schedules: Schedules, hours: Mapping[str, Hours], applied: Applied | None) -> list[Line]:
    """Hold a file of schedules against the exchanges that it names, and against what the store expects."""
    lines = [
        warning(
            "schedule-time-zone",
            f"job {job.name} in the time zone of {job.exchange}, {hours[job.exchange].zone.key}",
            job.time_zone,
            "correct one of the two: a change to summer time would move the one and not the other",
        )
        for job in schedules.schedules
        if job.exchange is not None and job.time_zone != hours[job.exchange].zone.key
    ]
    expected = {job.name: job for job in schedules.schedules if job.enabled}
    standing = {period.schedule.name: period.schedule for period in applied.standing()} if applied else {}
    if standing != expected:
        found = "others" if standing else "none"
        lines.append(
            warning(
                "schedules-not-applied",
                "the schedules of the file to be those whose results are expected",
                found,
                "`trader schedules apply`: else nobody misses a result of theirs",
            )
        )
    return lines or [ok("schedules", f"{len(expected)} jobs, in their exchanges' time zones, and expected")]
