"""A file of schedules, checked as far as the worker and a scheduler will check it later."""

import base64
from datetime import date, timedelta
from pathlib import Path

from trader.domain.errors import Rejected
from trader.domain.hours import Hours
from trader.domain.schedules import Schedule, Schedules
from trader.domain.schedules_reading import parse_schedules
from trader.domain.wire import write_time
from trader.entrypoints.cli.errors import WrongUse
from trader.entrypoints.cli.message import encoded
from trader.entrypoints.cli.written_file import read_file
from trader.ports import Calendars, Clock

USUAL = Path("infra/schedules.yaml")


async def read_with_calendars(
    file: Path | None, clock: Clock, calendars: Calendars, *, ahead_days: int = 1
) -> tuple[Schedules, dict[str, Hours]]:
    """Return what ``file`` or else the usual one holds, and the hours of each exchange that it names.

    Raises WrongUse, one line that names job and field.
    """
    file = file or usual_file()
    found, now = read_schedules(file, clock), clock.now()
    first, last = (now - timedelta(days=1)).date(), (now + timedelta(days=ahead_days)).date()
    return found, await calendars_of(found, calendars, first, last, file)


def usual_file() -> Path:
    """Return the file that is meant where none is named; raises WrongUse when it isn't there."""
    if not USUAL.is_file():
        raise WrongUse(f"expected a file of schedules, found none at {USUAL}; name one with its option")
    return USUAL.absolute()


def read_schedules(file: Path, clock: Clock) -> Schedules:
    """Return the schedules of ``file``; raises WrongUse, one line that names job and field."""
    raw = read_file(str(file), such_as="schedules: []")
    try:
        found = parse_schedules(raw)
    except Rejected as refusal:
        raise WrongUse(f"{file}: {refusal.message}") from None
    for schedule in found.schedules:
        try:
            _understood(schedule, clock)
        except Rejected as refusal:
            field = ".".join(["message", *([refusal.field] if refusal.field else [])])
            raise WrongUse(f"{file}: job {schedule.name}: {field}: {refusal.message}") from None
    return found


async def calendars_of(
    schedules: Schedules, calendars: Calendars, first: date, last: date, file: Path
) -> dict[str, Hours]:
    """Return the hours of each exchange that is named; raises WrongUse for one that nobody knows."""
    found: dict[str, Hours] = {}
    for schedule in schedules.schedules:
        if schedule.exchange is not None and schedule.exchange not in found:
            try:
                found[schedule.exchange] = await calendars.hours(schedule.exchange, first, last)
            except Rejected as refusal:
                raise WrongUse(f"{file}: job {schedule.name}: exchange: {refusal.message}") from None
    return found


def _understood(schedule: Schedule, clock: Clock) -> None:
    """Raise Rejected, as the worker would, for a message that no tick could bring about."""
    from trader.discovery import find_intents
    from trader.runs.decoding import Delivery, decode

    data = base64.b64encode(encoded(schedule.message)).decode()
    message = {"messageId": "0", "publishTime": write_time(clock.now()), "data": data}
    decode(Delivery.model_validate({"message": message}), find_intents(), "unnamed")
