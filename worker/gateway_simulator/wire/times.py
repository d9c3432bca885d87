"""Instants as IB writes and reads them; from server version 174 on with their time zone."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway_simulator.wire.errors import ProtocolError

INSTRUMENT_TIME_ZONE = 174

_DASHED = re.compile(r"(\d{8})-(\d{2}:\d{2}(?::\d{2})?)")
_SPACED = re.compile(r"(\d{8}) {1,2}(\d{2}:\d{2}(?::\d{2})?)(?: (\S+))?")


def write_time(at: datetime, zone: str, version: int) -> str:
    """20261125 10:00:00 US/Eastern; before 174 with two spaces, and the zone is left to be known."""
    local = at.astimezone(ZoneInfo(zone))
    if version >= INSTRUMENT_TIME_ZONE:
        return f"{local:%Y%m%d %H:%M:%S} {zone}"
    return f"{local:%Y%m%d  %H:%M:%S}"


def read_time(text: str, zone: str) -> datetime:
    """Of `20261125-15:00:00` (UTC), `20261125 10:00:00 US/Eastern`, or one without a zone, in `zone`."""
    text = text.strip()
    if dashed := _DASHED.fullmatch(text):
        day, time, zone = *dashed.groups(), "UTC"
    elif spaced := _SPACED.fullmatch(text):
        day, time, zone = spaced[1], spaced[2], spaced[3] or zone
    else:
        raise ProtocolError(f"expected a time like 20261125 10:00:00 US/Eastern, found {text!r}")
    time = time if len(time) == len("00:00:00") else f"{time}:00"
    try:
        local = datetime.strptime(day + time, "%Y%m%d%H:%M:%S")  # noqa: DTZ007 - the zone follows
        return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, KeyError, OSError):
        raise ProtocolError(f"expected a date, a time and a time zone, found {text!r}") from None
