"""Results held against the schedules: silence is found, and a schedule can watch the schedules."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.calendars import WrittenCalendars, at
from tests.support.deliveries import delivery
from tests.support.world import ACCOUNT, World
from trader.adapters.sqlite import SqliteStore
from trader.domain.due import Problem
from trader.domain.errors import Failed, Rejected, Retryable
from trader.domain.messages import Result
from trader.domain.schedules import Schedule, Schedules
from trader.domain.status import Severity, Status
from trader.domain.wire import JsonObject
from trader.expecting import Expectations, expectations
from trader.intent import AnyIntent
from trader.intents.check_results import INTENT
from trader.ports import Create, Update
from trader.runs import runs
from trader.stored.schedules import PATH, applied_schedules, apply_schedules

MONDAY = date(2026, 11, 23)
THANKSGIVING = date(2026, 11, 26)
FRIDAY = date(2026, 11, 27)
DAY = timedelta(days=1)


class Watched(World):
    """A world whose worker also knows the intent that watches."""

    @property
    def intents(self) -> dict[str, AnyIntent]:
        return {**super().intents, INTENT.name: INTENT}

    async def tick(self, moment: datetime, name: str = "noon", *, late_s: float = 1, **more: Any) -> None:
        """Let the schedule ``name`` publish at ``moment``, and a worker take the message ``late_s`` after."""
        self.clock.turn((moment - self.clock.now()).total_seconds() + late_s)
        body = {"intent": "reading", **more}
        attributes = {"schedule": name, "cron": "0 12 * * *", "timeZone": "America/New_York"}
        message = delivery(body, attributes=attributes, published_at=moment + timedelta(seconds=1))
        await self.worker().receive(message)

    async def found(self, since: datetime, until: datetime) -> Expectations:
        calendars = WrittenCalendars(THANKSGIVING, early={FRIDAY: time(13)})
        return await expectations(self.store, calendars, ACCOUNT, since, until)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Watched]:
    """A world with one job, noon, that stands since Sunday."""
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    opened = Watched(store)
    opened.calendars = WrittenCalendars(THANKSGIVING, early={FRIDAY: time(13)})
    await apply_schedules(store, Schedules(schedules=(job(),)), at(MONDAY - DAY, time(9)))
    yield opened
    await store.close()


def job(name: str = "noon", **changes: Any) -> Schedule:
    given = {"name": name, "cron": "0 12 * * 1-5", "time_zone": "America/New_York", "exchange": "XNYS"}
    rest = {"enabled": True, "description": "x", "message": {"intent": "reading"}}
    return Schedule.model_validate({**given, **rest, **changes})


def noon(day: date = MONDAY) -> datetime:
    return at(day, time(12))


async def test_a_tick_whose_result_is_there_is_fine(world: Watched) -> None:
    await world.tick(noon())
    found = await world.found(noon() - DAY, noon() + DAY / 2)
    assert (found.expected, found.findings) == (1, ())


async def test_silence_is_found(world: Watched) -> None:
    await world.tick(noon())
    found = await world.found(noon() - DAY, noon() + 2 * DAY)
    (silent,) = found.findings
    assert (found.expected, silent.problem, silent.tick) == (2, Problem.MISSING, noon(MONDAY + DAY))
    assert silent.run == "schedule/noon/2026-11-24T17:00:00.000000Z"


async def test_a_holiday_is_off_and_an_early_close_is_not(world: Watched) -> None:
    jobs = (job(), job("end", cron="55 15 * * 1-5"))
    await apply_schedules(world.store, Schedules(schedules=jobs), at(MONDAY, time(0)))
    found = await world.found(at(THANKSGIVING, time(0)), at(FRIDAY + DAY, time(0)))
    assert (found.expected, found.off) == (2, 2)
    assert [(f.job, f.tick) for f in found.findings] == [
        ("noon", noon(FRIDAY)),
        ("end", at(FRIDAY, time(15, 55))),
    ]


async def test_a_result_that_came_too_late_and_one_that_ended_badly_are_found(world: Watched) -> None:
    await world.tick(noon(), late_s=21 * 60)
    world.handler().error = Failed("no-data", "expected bars, found none")
    await world.tick(noon(MONDAY + DAY))
    late, bad = (await world.found(noon() - DAY, noon() + 2 * DAY - DAY / 2)).findings
    assert late.problem is Problem.LATE
    assert (bad.problem, bad.status, bad.code) == (Problem.BAD_END, Status.FAILED, "no-data")


async def test_a_message_that_waited_until_it_was_too_old_is_found(world: Watched) -> None:
    await world.tick(noon(), late_s=3700)
    (found,) = (await world.found(noon() - DAY, noon() + DAY / 2)).findings
    assert (found.problem, found.status) == (Problem.BAD_END, Status.EXPIRED)


async def test_a_follow_up_that_was_lost_is_found(world: Watched) -> None:
    await world.tick(noon(), then=[{"intent": "control"}])
    (found,) = (await world.found(noon() - DAY, noon() + DAY / 2)).findings
    assert (found.problem, found.run.rpartition("Z")[2]) == (Problem.MISSING, "/then/1")
    ((key, body),) = world.follow_ups()
    attributes = {"ce-id": key, "ce-source": f"//ib-intents/{ACCOUNT}"}
    await world.worker().receive(delivery(body, attributes=attributes, published_at=world.clock.now()))
    assert (await world.found(noon() - DAY, noon() + DAY / 2)).findings == ()


async def test_a_run_that_has_begun_and_not_ended_is_late(world: Watched) -> None:
    world.handler().go.clear()
    working = asyncio.create_task(world.tick(noon()))
    await world.handler().started.wait()
    (found,) = (await world.found(noon() - DAY, noon() + DAY / 2)).findings
    assert (found.problem, found.status) == (Problem.LATE, None)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_damaged_run_document_hides_nothing(world: Watched) -> None:
    path = runs.path_of(ACCOUNT, f"schedule/noon/{noon():%Y-%m-%dT%H:%M:%S.%fZ}")
    await world.store.commit([Create(path, {"result": "?"})])
    found = await world.found(noon() - DAY, noon() + 2 * DAY)
    assert [(f.problem, f.code) for f in found.findings] == [
        (Problem.BAD_END, "document-damaged"),
        (Problem.MISSING, None),
    ]


# -- as an intent ----------------------------------------------------------------------------------------


async def asked(world: Watched, moment: datetime, command: Mapping[str, Any] = {}, **given: Any) -> Result:
    """Return the result of check-results, published by its own schedule at ``moment``."""
    world.clock.turn((moment - world.clock.now()).total_seconds() + 2)
    attributes = {"schedule": "watch", "cron": "30 18 * * *", "timeZone": "America/New_York"}
    message = delivery(
        {"intent": INTENT.name, **command}, attributes=attributes, published_at=moment, **given
    )
    await world.worker().receive(message)
    return world.results()[-1]


def problems_of(result: Result) -> list[Any]:
    assert result.outcome is not None
    found = result.outcome["findings"]
    assert isinstance(found, list)
    return [finding["problem"] for finding in found if isinstance(finding, dict)]


async def test_a_schedule_can_watch_the_schedules(world: Watched) -> None:
    result = await asked(world, at(MONDAY, time(18, 30)))
    assert (result.status, result.severity) == (Status.SUCCEEDED, Severity.CRITICAL)
    assert problems_of(result) == ["missing"]


async def test_nothing_wrong_is_nothing_to_be_loud_about(world: Watched) -> None:
    await world.tick(noon())
    result = await asked(world, at(MONDAY, time(18, 30)))
    assert (result.status, result.severity, problems_of(result)) == (Status.SUCCEEDED, Severity.INFO, [])


async def test_a_bad_end_is_a_warning(world: Watched) -> None:
    world.handler().error = Failed("no-data", "expected bars, found none")
    await world.tick(noon())
    result = await asked(world, at(MONDAY, time(18, 30)))
    assert (result.severity, problems_of(result)) == (Severity.WARNING, ["bad-end"])


async def test_it_needs_no_gateway(world: Watched) -> None:
    world.broker.ready = False
    assert (await asked(world, at(MONDAY, time(18, 30)))).status is Status.SUCCEEDED
    with pytest.raises(Retryable):
        await world.tick(noon(MONDAY + DAY))


async def test_two_days_checks_leave_no_tick_between_them(world: Watched) -> None:
    jobs = tuple(
        job(f"at-{h}", cron=f"0 {h} * * *", exchange=None, message={"intent": "control"}) for h in range(24)
    )
    await apply_schedules(world.store, Schedules(schedules=jobs), at(MONDAY - DAY, time(10)))
    ticks: set[Any] = set()
    for day in range(3):
        result = await asked(world, at(MONDAY + day * DAY, time(18, 30)), {"hours": 24})
        assert result.outcome is not None
        found: Any = result.outcome["findings"]
        fresh = [finding["run"] for finding in found]
        assert len(fresh) == 24
        assert not ticks & set(fresh)
        ticks.update(fresh)
    assert len(ticks) == 72


async def test_schedules_that_nobody_applied_are_a_refusal_that_says_what_to_do(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    world = Watched(store)
    result = await asked(world, at(MONDAY, time(18, 30)))
    assert result.status is Status.REJECTED
    assert result.reason is not None
    assert result.reason.code == "schedules-missing"
    assert "trader schedules apply" in result.reason.message
    await store.close()


# -- how they are kept -----------------------------------------------------------------------------------


async def test_what_was_applied_is_read_again_as_it_was(world: Watched) -> None:
    applied = await applied_schedules(world.store)
    assert [period.schedule for period in applied.standing()] == [job()]


async def test_damaged_schedules_are_told_and_applying_mends_them(world: Watched) -> None:
    damage: JsonObject = {"periods": 1}
    standing = await world.store.get(PATH)
    assert standing is not None
    await world.store.commit([Update(PATH, damage, standing.version)])
    with pytest.raises(Failed, match="document-damaged"):
        await applied_schedules(world.store)
    await apply_schedules(world.store, Schedules(schedules=(job(),)), datetime(2026, 11, 23, tzinfo=UTC))
    assert len((await applied_schedules(world.store)).periods) == 1


async def test_a_store_without_schedules_says_so(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    with pytest.raises(Rejected, match="schedules-missing"):
        await applied_schedules(store)
    await store.close()
