"""Which results are due, which nobody misses, and what is wrong with those that are there."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.calendars import at, weekdays
from trader.domain.due import Due, Link, NextRun, Problem, RunEnd, due_between, findings, is_off
from trader.domain.hours import Hours, Session
from trader.domain.messages import Reason, Result
from trader.domain.schedules import Applied, Period, Schedule, Schedules, apply
from trader.domain.status import Mode, Severity, Status

MONDAY = date(2026, 11, 23)
THANKSGIVING = date(2026, 11, 26)
FRIDAY = date(2026, 11, 27)
HOURS = weekdays(date(2026, 10, 1), date(2026, 12, 31), THANKSGIVING, early={FRIDAY: time(13)})
CALENDARS = {"XNYS": HOURS}
DAY = timedelta(days=1)
BEGINNING = at(date(2026, 11, 2), time(0))


def job(name: str = "noon", **changes: Any) -> Schedule:
    given = {
        "name": name,
        "cron": "0 12 * * 1-5",
        "time_zone": "America/New_York",
        "enabled": True,
        "exchange": "XNYS",
        "description": "At noon.",
        "message": {"intent": "summary"},
    }
    return Schedule.model_validate({**given, **changes})


def standing(*schedules: Schedule, since: datetime = BEGINNING, before: Applied | None = None) -> Applied:
    return apply(before, Schedules(schedules=schedules), since)


def days(found: list[Due], *, expected: bool = True) -> list[str]:
    return [f"{due.tick.astimezone(HOURS.zone):%a %H:%M}" for due in found if due.expected is expected]


def week(applied: Applied, account: str = "DU1", calendars: Mapping[str, Hours] = CALENDARS) -> list[Due]:
    return due_between(applied, account, calendars, at(MONDAY, time(0)), at(FRIDAY + DAY, time(0)))


def test_a_holiday_has_no_result_to_miss() -> None:
    found = week(standing(job()))
    assert days(found) == ["Mon 12:00", "Tue 12:00", "Wed 12:00", "Fri 12:00"]
    assert days(found, expected=False) == ["Thu 12:00"]


def test_a_job_of_no_exchange_is_expected_on_every_tick() -> None:
    assert len(days(week(standing(job(exchange=None))))) == 5


def test_what_comes_after_an_early_close_is_still_expected() -> None:
    assert "Fri 15:55" in days(week(standing(job(cron="55 15 * * 1-5"))))
    assert "Fri 13:00" in days(week(standing(job(cron="0 13 * * 1-5"))))


def test_a_day_that_the_calendar_does_not_know_yet_is_expected() -> None:
    known = weekdays(date(2026, 11, 1), MONDAY)
    assert not is_off(known, at(THANKSGIVING, time(12)))
    assert is_off(known, at(date(2026, 11, 22), time(12)))


def test_a_session_of_the_evening_before_belongs_to_the_day_it_ends_on() -> None:
    sunday_evening = at(date(2026, 11, 22), time(18))
    futures = Hours(
        (Session(sunday_evening, at(MONDAY, time(17))),),
        known_until=MONDAY,
        zone=HOURS.zone,
    )
    assert not is_off(futures, at(date(2026, 11, 22), time(19)))
    assert not is_off(futures, at(MONDAY, time(18)))
    assert is_off(futures, at(date(2026, 11, 21), time(12)))


def test_a_job_that_is_made_after_a_tick_does_not_miss_it() -> None:
    assert days(week(standing(job(), since=at(MONDAY, time(12, 1)))))[0] == "Tue 12:00"
    assert days(week(standing(job(), since=at(MONDAY, time(12)))))[0] == "Mon 12:00"


def test_a_disabled_job_is_not_expected() -> None:
    assert week(standing(job(enabled=False))) == []


@pytest.mark.parametrize("after", [(), (job(enabled=False),), (job("another"),)])
def test_a_job_that_is_switched_off_is_expected_until_then(after: tuple[Schedule, ...]) -> None:
    before = standing(job())
    found = week(standing(*after, since=at(MONDAY + DAY, time(13)), before=before))
    assert [due.job for due in found if due.job == "noon"] == ["noon", "noon"]
    assert days([due for due in found if due.job == "noon"]) == ["Mon 12:00", "Tue 12:00"]


def test_a_job_whose_hour_is_changed_is_expected_at_each_while_it_stood() -> None:
    changed = standing(job(cron="0 14 * * 1-5"), since=at(MONDAY + DAY, time(13)), before=standing(job()))
    assert days(week(changed)) == ["Mon 12:00", "Tue 12:00", "Tue 14:00", "Wed 14:00", "Fri 14:00"]


def test_what_is_applied_again_as_it_was_keeps_its_beginning() -> None:
    again = standing(job(), since=at(MONDAY, time(18)), before=standing(job()))
    assert again.periods == standing(job()).periods


def test_what_has_ended_long_ago_is_forgotten() -> None:
    ended = standing(since=BEGINNING + DAY, before=standing(job()))
    assert len(ended.periods) == 1
    assert standing(since=BEGINNING + 40 * DAY, before=ended).periods == ()


def test_a_job_is_due_for_its_accounts_alone() -> None:
    mine = standing(job(accounts=("DU1", "DU2")))
    assert week(mine)
    assert week(mine, "DU2")
    assert week(mine, "DU3") == []


def test_the_second_of_a_wall_clock_time_is_not_missed() -> None:
    twice = standing(job(cron="30 1 * * *", exchange=None), since=BEGINNING - 30 * DAY)
    start = datetime(2026, 11, 1, 0, tzinfo=UTC)
    found = due_between(twice, "DU1", {}, start, start + DAY)
    assert [(due.tick.hour, due.expected) for due in found] == [(5, True), (6, False)]


CRONS = st.sampled_from(["* * * * *", "*/7 * * * *", "0 12 * * 1-5", "30 1 * * *", "15 2 * * *"])
WHEN = st.integers(0, 36 * 24 * 60).map(
    lambda minute: datetime(2026, 10, 25, tzinfo=UTC) + timedelta(minutes=minute)
)


@given(CRONS, st.integers(1, 300), WHEN, st.lists(st.integers(1, 400), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_windows_that_meet_have_each_tick_once_between_them(
    cron: str, grace: int, start: datetime, lengths: list[int]
) -> None:
    applied = standing(job(cron=cron, grace_minutes=grace), since=start - 2 * DAY)
    edges = [start]
    for length in lengths:
        edges.append(edges[-1] + timedelta(minutes=length))
    pieces = [
        due
        for since, until in pairwise(edges)
        for due in due_between(applied, "DU1", CALENDARS, since, until)
    ]
    assert pieces == due_between(applied, "DU1", CALENDARS, edges[0], edges[-1])
    assert len({due.key for due in pieces}) == len(pieces)


@given(CRONS, st.lists(st.tuples(WHEN, st.booleans()), max_size=6), WHEN)
@settings(max_examples=40, deadline=None)
def test_nothing_is_expected_of_a_time_at_which_the_job_did_not_stand(
    cron: str, changes: list[tuple[datetime, bool]], since: datetime
) -> None:
    applied, stood = standing(since=BEGINNING - 60 * DAY), []
    for moment, enabled in sorted(changes):
        applied = standing(job(cron=cron, enabled=enabled), since=moment, before=applied)
        stood.append((moment, enabled))
    for due in due_between(applied, "DU1", CALENDARS, since, since + DAY):
        last = [enabled for moment, enabled in stood if moment <= due.tick]
        assert last
        assert last[-1]


TICK = at(MONDAY, time(12))
DUE = Due("noon", "summary", TICK, TICK + timedelta(minutes=20))


def ended(
    status: Status = Status.SUCCEEDED,
    *,
    after_minutes: float = 1,
    then: str | None = None,
    intent: str = "summary",
) -> RunEnd:
    result = Result(
        id=DUE.key,
        intent=intent,
        status=status,
        severity=Severity.INFO,
        dry_run=False,
        mode=Mode.PAPER,
        account="DU1",
        reason=None if status is Status.SUCCEEDED else Reason(code="halted", message="the account is halted"),
        requested_at=TICK,
        started_at=TICK,
        finished_at=TICK + timedelta(minutes=after_minutes),
        attempt=1,
    )
    return RunEnd(intent=intent, result=result, follow_up=NextRun(key=then) if then else None)


def problems(end: RunEnd | None, due: Due = DUE) -> list[Problem]:
    return [finding.problem for finding in findings(due, [Link(due.key, end)])]


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.SKIPPED])
def test_a_result_in_time_is_no_finding(status: Status) -> None:
    assert problems(ended(status)) == []
    assert problems(ended(status, after_minutes=20)) == []


def test_silence_is_missing_and_critical() -> None:
    (found,) = findings(DUE, [Link(DUE.key, None)])
    assert (found.problem, found.severity, found.run) == (Problem.MISSING, Severity.CRITICAL, DUE.key)
    assert found.message.startswith("expected a result by 2026-11-23T17:20:00.000000Z, found no run")


def test_a_result_after_its_time_is_late_and_so_is_a_run_without_one() -> None:
    assert problems(ended(after_minutes=20.1)) == [Problem.LATE]
    assert problems(RunEnd(intent="summary", result=None, follow_up=None)) == [Problem.LATE]


@pytest.mark.parametrize(
    ("status", "severity"),
    [
        (Status.FAILED, Severity.WARNING),
        (Status.REJECTED, Severity.WARNING),
        (Status.EXPIRED, Severity.WARNING),
        (Status.UNRESOLVED, Severity.CRITICAL),
    ],
)
def test_what_ended_badly_says_how_and_why(status: Status, severity: Severity) -> None:
    (found,) = findings(DUE, [Link(DUE.key, ended(status))])
    assert (found.problem, found.status, found.code) == (Problem.BAD_END, status, "halted")
    assert found.severity is severity


def test_a_follow_up_that_never_began_is_missing() -> None:
    child = f"{DUE.key}/then/1"
    chain = [Link(DUE.key, ended(then=child)), Link(child, None)]
    assert [(found.run, found.problem) for found in findings(DUE, chain)] == [(child, Problem.MISSING)]


def test_a_run_whose_document_is_damaged_is_told_and_hides_nothing() -> None:
    (found,) = findings(DUE, [Link(DUE.key, None, damage="damaged")])
    assert (found.problem, found.code) == (Problem.BAD_END, "document-damaged")


def test_on_a_holiday_only_a_bad_end_counts() -> None:
    off = Due("noon", "summary", TICK, DUE.due_at, expected=False)
    assert problems(None, off) == []
    assert problems(ended(after_minutes=60), off) == []
    assert problems(ended(Status.FAILED), off) == [Problem.BAD_END]


def test_a_period_is_written_and_read_as_it_is() -> None:
    applied = standing(job(), since=MONDAY_NOON)
    assert Applied.model_validate(applied.to_json()) == applied
    assert applied.periods == (Period(since=MONDAY_NOON, schedule=job()),)


MONDAY_NOON = at(MONDAY, time(12))
