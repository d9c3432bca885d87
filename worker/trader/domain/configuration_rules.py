"""How a rule across several keys of the configuration is reported, and the one about time zones."""

import difflib
from zoneinfo import ZoneInfo, available_timezones

from pydantic_core import PydanticCustomError

BROKEN_RULE = "broken-rule"


def broken_rule(text: str, key: str = "") -> PydanticCustomError:
    """Return an error whose ``text`` is whole; ``key`` is the dotted path below where it is raised."""
    return PydanticCustomError(BROKEN_RULE, "{text}", {"text": text, "key": key})


def time_zone_problem(name: str) -> str | None:
    """Return what is wrong with ``name`` as a time zone, or None."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a folder of the database, such as "America", is an OSError
        near = difflib.get_close_matches(name[:64], sorted(available_timezones()), n=1)
        hint = f"did you mean {near[0]}?" if near else "take a name of the IANA database"
        return f"expected a time zone such as America/New_York, found {name[:64]!r}; {hint}"
    return None
