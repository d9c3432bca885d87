"""Which results the schedules and the exchanges' calendars let one expect, and what is wrong with those."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from trader.domain.hours import Hours, Session
from trader.domain.messages import Result
from trader.domain.run_key import tick_key
from trader.domain.schedules import Applied
from trader.domain.status import Severity, Status
from trader.domain.ticks import ticks_between
from trader.domain.wire import Time, Wire, write_time

GOOD = (Status.SUCCEEDED, Status.SKIPPED)

_MOMENT = timedelta(microseconds=1)
_A_DAY_AND_MORE = timedelta(days=1, hours=3)  # the day on which clocks are set back is longer


class Problem(StrEnum):
    """What is wrong with a result that was due."""

    MISSING = "missing"  # no run at all
    LATE = "late"  # it came after its time, or its run still has none
    BAD_END = "bad-end"  # neither succeeded nor skipped


class Finding(Wire):
    """One result that isn't as it was to be expected."""

    job: str
    intent: str
    tick: Time
    run: str = Field(description="The run key: the tick's own, or that of one of its follow-ups.")
    problem: Problem = Field(
        description="`missing`: there is no run. `late`: its result came after its time, or isn't there yet. "
        "`bad-end`: it is neither succeeded nor skipped."
    )
    status: Status | None = Field(description="How the run ended, if it has.")
    code: str | None = Field(description="Why it ended so, for programs.")
    message: str = Field(description="One line for a person.")

    @property
    def severity(self) -> Severity:
        """Critical is what nothing else tells of: silence, and an order in doubt."""
        if self.problem is Problem.MISSING or self.status is Status.UNRESOLVED:
            return Severity.CRITICAL
        return Severity.WARNING


class NextRun(Wire):
    """The follow-up that a run starts at its end, as far as its document is read here."""

    model_config = ConfigDict(extra="ignore")

    key: str


class RunEnd(Wire):
    """How far a run has come, as its document says; what else is in there isn't read."""

    model_config = ConfigDict(extra="ignore")

    intent: str
    result: Result | None
    follow_up: NextRun | None


@dataclass(frozen=True, slots=True)
class Due:
    """A tick whose results were to be there by ``due_at``; not ``expected``: nobody misses them."""

    job: str
    intent: str
    tick: datetime
    due_at: datetime
    expected: bool = True

    @property
    def key(self) -> str:
        """The run key of the tick."""
        return tick_key(self.job, self.tick)


def due_between(
    applied: Applied, account: str, calendars: Mapping[str, Hours], since: datetime, until: datetime
) -> list[Due]:
    """Return the ticks whose results became due after ``since`` and up to ``until``, in that order.

    Windows that meet have each tick once between them, whatever its grace. ``calendars`` has the hours of
    each exchange that ``applied`` names, from a day before the first tick on.
    """
    found = []
    for period in applied.periods:
        schedule = period.schedule
        if not schedule.is_for(account):
            continue
        hours = calendars[schedule.exchange] if schedule.exchange else None
        start = max(period.since, since - schedule.grace)
        end = min(period.until, until) if period.until else until
        for tick in ticks_between(schedule.cron, schedule.time_zone, start, end):
            due_at = tick + schedule.grace
            if since < due_at <= until:
                expected = not (is_off(hours, tick) or _comes_again(tick, schedule.time_zone))
                found.append(Due(schedule.name, schedule.intent, tick, due_at, expected))
    return sorted(found, key=lambda due: (due.due_at, due.job))


def is_off(hours: Hours | None, at: datetime) -> bool:
    """Return whether the exchange has no session on its date of ``at`` and isn't open then either.

    A day that closes early is no day off: what comes after its close is still to be reported.
    """
    if hours is None or at.astimezone(hours.zone).date() > hours.known_until:
        return False  # in doubt it is expected
    return hours.session_at(at) is None and not sessions_of_day(hours, at)


def sessions_of_day(hours: Hours, at: datetime) -> list[Session]:
    """Return the sessions of the exchange's date of ``at``: a session belongs to the day that it ends on."""
    day = at.astimezone(hours.zone).date()
    near = (s for s in hours.sessions if abs(s.closes_at - at) < _A_DAY_AND_MORE)
    return [s for s in near if (s.closes_at - _MOMENT).astimezone(hours.zone).date() == day]


def _comes_again(tick: datetime, time_zone: str) -> bool:
    """Return whether ``tick`` is the second of a wall-clock time; not every scheduler fires twice then."""
    return tick.astimezone(ZoneInfo(time_zone)).fold == 1


@dataclass(frozen=True, slots=True)
class Link:
    """A run of a tick's chain: its document, None where there is none; ``damage`` where it can't be read."""

    key: str
    end: RunEnd | None
    damage: str = ""


def findings(due: Due, chain: Sequence[Link]) -> Iterator[Finding]:
    """Yield what is wrong with the runs of a tick, its own first, at most one each.

    Of a tick that isn't expected only a bad end counts.
    """
    for link in chain:
        found = _finding(due, link)
        if found is not None and (due.expected or found.problem is Problem.BAD_END):
            yield found


def _finding(due: Due, link: Link) -> Finding | None:
    by = write_time(due.due_at)
    end = link.end
    if link.damage:
        return _of(due, link, Problem.BAD_END, link.damage, code="document-damaged")
    if end is None:
        return _of(due, link, Problem.MISSING, f"expected a result by {by}, found no run; was it published?")
    if end.result is None:
        return _of(due, link, Problem.LATE, f"expected a result by {by}, found a run that has none yet")
    if end.result.status not in GOOD:
        reason = end.result.reason
        said = reason.message if reason else "no reason is told"
        return _of(due, link, Problem.BAD_END, said, code=reason.code if reason else None)
    if end.result.finished_at > due.due_at:
        at = write_time(end.result.finished_at)
        return _of(due, link, Problem.LATE, f"expected a result by {by}, found it at {at}")
    return None


def _of(due: Due, link: Link, problem: Problem, message: str, *, code: str | None = None) -> Finding:
    return Finding(
        job=due.job,
        intent=link.end.intent if link.end else due.intent if link.key == due.key else "follow-up",
        tick=due.tick,
        run=link.key,
        problem=problem,
        status=link.end.result.status if link.end and link.end.result else None,
        code=code,
        message=message,
    )
