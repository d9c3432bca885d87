"""The exchanges' calendars: real holidays, early closes and breaks, and nothing invented."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway_simulator.calendars import CALENDARS, segments
from trader.adapters.calendars import ExchangeCalendars
from trader.domain.due import is_off, sessions_of_day
from trader.domain.errors import Rejected

WEEK = (date(2025, 11, 24), date(2025, 11, 30))


async def test_a_week_with_a_holiday_and_an_early_close() -> None:
    hours = await ExchangeCalendars().hours("XNYS", *WEEK)
    closes = [session.closes_at.astimezone(hours.zone) for session in hours.sessions]
    assert [f"{at:%a %H:%M}" for at in closes] == ["Mon 16:00", "Tue 16:00", "Wed 16:00", "Fri 13:00"]
    assert hours.known_until == WEEK[1]
    assert is_off(hours, datetime(2025, 11, 27, 17, tzinfo=UTC))
    assert not is_off(hours, datetime(2025, 11, 28, 21, tzinfo=UTC))


async def test_a_break_in_the_day_is_no_session() -> None:
    hours = await ExchangeCalendars().hours("XHKG", date(2025, 11, 24), date(2025, 11, 24))
    assert [f"{s.opens_at.astimezone(hours.zone):%H:%M}" for s in hours.sessions] == ["09:30", "13:00"]


async def test_a_session_that_begins_the_evening_before_belongs_to_its_day() -> None:
    hours = await ExchangeCalendars().hours("us_futures", date(2025, 11, 24), date(2025, 11, 24))
    assert len(sessions_of_day(hours, datetime(2025, 11, 24, 18, tzinfo=UTC))) == 1
    assert sessions_of_day(hours, datetime(2025, 11, 22, 18, tzinfo=UTC)) == []


async def test_a_weekend_alone_has_no_session_and_is_no_error() -> None:
    hours = await ExchangeCalendars().hours("XNYS", date(2025, 11, 29), date(2025, 11, 30))
    assert hours.sessions == ()


async def test_nothing_is_known_of_a_far_future() -> None:
    far = date.today() + timedelta(days=3000)  # noqa: DTZ011 - a day more or less doesn't matter
    hours = await ExchangeCalendars().hours("XNYS", date(2025, 11, 29), far)
    assert hours.known_until < far


@pytest.mark.parametrize(
    ("wrong", "hint"), [("XNYSE", "did you mean XNYS?"), ("Q", "take its code of ISO 10383")]
)
async def test_an_exchange_that_nobody_knows_is_refused(wrong: str, hint: str) -> None:
    with pytest.raises(Rejected, match=hint) as refusal:
        await ExchangeCalendars().hours(wrong, *WEEK)
    assert refusal.value.code == "unknown-exchange"


@pytest.mark.parametrize(("exchange", "market"), [("XNYS", "US"), ("XHKG", "SEHK"), ("XLON", "LSE")])
async def test_its_days_are_those_of_another_library(exchange: str, market: str) -> None:
    first, last = date(2024, 1, 1), date(2025, 12, 31)
    hours = await ExchangeCalendars().hours(exchange, first, last)
    ours = {session.closes_at.astimezone(hours.zone).date() for session in hours.sessions}
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    # Both were shut in 2025 for what no calendar foresees, and one of the two libraries may know of it.
    known_to_one = {date(2025, 1, 9)}
    assert ours ^ {day for day in days if segments(CALENDARS[market], day)} <= known_to_one


@pytest.mark.parametrize(
    "statement",
    [
        "import trader.entrypoints.cli.app",
        "import trader.entrypoints.serve, trader.entrypoints.function",
        "from trader.discovery import find_intents; find_intents()",
    ],
)
def test_neither_the_command_line_nor_the_worker_loads_them_before_they_are_asked(statement: str) -> None:
    heavy = "{'pandas', 'numpy', 'exchange_calendars'}"
    code = f"import sys; {statement}; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], text=True).strip() == "[]"
