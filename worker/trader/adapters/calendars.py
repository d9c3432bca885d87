"""The exchanges' calendars, as the library exchange_calendars has them."""

import asyncio
import difflib
from collections.abc import Iterator
from datetime import UTC, date
from typing import Any
from zoneinfo import ZoneInfo

from trader.domain.errors import Rejected
from trader.domain.hours import Hours, Session


class ExchangeCalendars:
    """The Calendars port; pandas comes in with the first question, in a thread beside the loop."""

    async def hours(self, exchange: str, first: date, last: date) -> Hours:
        """Return the sessions from ``first`` to ``last``; nothing is known beyond a year from today."""
        return await asyncio.to_thread(_hours, exchange, first, last)


def _hours(exchange: str, first: date, last: date) -> Hours:
    import exchange_calendars

    known = exchange_calendars.get_calendar_names()
    if exchange not in known:
        near = difflib.get_close_matches(exchange, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "take its code of ISO 10383"
        raise Rejected(
            "unknown-exchange",
            f"expected an exchange such as XNYS, found {exchange[:64]!r}; {hint}",
            field="exchange",
        )
    calendar = exchange_calendars.get_calendar(exchange)
    days = calendar.schedule.loc[str(first) : str(last)]
    return Hours(
        sessions=tuple(_sessions(days)),
        known_until=min(last, calendar.last_session.date()),
        zone=ZoneInfo(str(calendar.tz)),
    )


def _sessions(days: Any) -> Iterator[Session]:
    """Yield a row's stretches: one, or two around its break."""
    from pandas import isna

    for row in days.itertuples():
        opens, closes = (at.to_pydatetime().astimezone(UTC) for at in (row.open, row.close))
        if isna(row.break_start):
            yield Session(opens, closes)
        else:
            begins, ends = (at.to_pydatetime().astimezone(UTC) for at in (row.break_start, row.break_end))
            yield Session(opens, begins)
            yield Session(ends, closes)
