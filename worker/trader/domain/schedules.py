"""The schedules: which intent is published when, and since when that has been so.

A field's description says what is expected, in the words that a refusal uses too.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from trader.domain.configuration_rules import broken_rule, time_zone_problem
from trader.domain.errors import Rejected
from trader.domain.messages import AccountId
from trader.domain.schedule import check_cron
from trader.domain.wire import JsonObject, Time, Wire

_VALUE = "([0-9]{1,2}|[A-Za-z]{3})"
_PART = f"([*]|{_VALUE}(-{_VALUE})?)(/[0-9]{{1,2}})?"
_FIELD = f"{_PART}(,{_PART})*"
CRON = f"^{_FIELD}( {_FIELD}){{4}}$"
"""What Cloud Scheduler takes: minute, hour, day, month, weekday; no L, no #, no seconds."""

KEPT = timedelta(days=35)
"""How long the past of a schedule that was changed or taken away is still held against the results."""

OWN_FIELDS = {
    "id": "a tick's run has its own identity, and the same id is never run twice",
    "expiresAt": "a tick's age counts from the tick",
    "account": "its jobs are named under accounts",
}
"""The common fields that a scheduled message can't have, and why."""


class Schedule(Wire):
    """One job: its message is published at each tick of its cron expression."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")] = Field(
        description="a name of small letters, digits and hyphens, such as test-signal"
    )
    cron: Annotated[str, StringConstraints(pattern=CRON)] = Field(
        description="five cron fields such as '15 16 * * 1-5': minute, hour, day, month, weekday"
    )
    time_zone: str = Field(description="a time zone such as America/New_York")
    enabled: bool = Field(description="true or false: whether it is published, and its result expected")
    exchange: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_/]{2,16}$")] | None = Field(
        None,
        description="an exchange such as XNYS, whose holidays have no result to expect, or null for none",
    )
    accounts: tuple[AccountId, ...] = Field(
        (), description="the list of accounts that it is for, or an empty one for every account"
    )
    grace_minutes: Annotated[int, Field(ge=1, le=1440)] = Field(
        20,
        description="within how many minutes of a tick its result, and those of its follow-ups, are there, "
        "from 1 to 1440",
    )
    description: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(
        description="a sentence of 1 to 500 characters that says what it is for"
    )
    message: JsonObject = Field(description='an intent message such as {"intent": "summary"}')

    @field_validator("cron")
    @classmethod
    def _can_be_read(cls, cron: str) -> str:
        try:
            check_cron(cron)
        except Rejected:
            raise broken_rule(
                f"expected five cron fields such as '15 16 * * 1-5', found {cron!r}; correct it"
            ) from None
        return cron

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        if problem := time_zone_problem(name):
            raise broken_rule(problem)
        return name

    @field_validator("message")
    @classmethod
    def _is_for_any_tick(cls, message: JsonObject) -> JsonObject:
        for name, why in OWN_FIELDS.items():
            if name in message:
                raise broken_rule(f"expected no {name} in a schedule's message: {why}; remove it", name)
        return message

    @property
    def intent(self) -> str:
        """The intent that its message names."""
        return str(self.message.get("intent"))

    @property
    def grace(self) -> timedelta:
        """How long after a tick the results may come."""
        return timedelta(minutes=self.grace_minutes)

    def is_for(self, account: str) -> bool:
        """Return whether ``account`` is one of those that it is for."""
        return not self.accounts or account in self.accounts

    def attributes(self) -> list[dict[str, str]]:
        """Return the attributes of each message that a tick publishes: one for all, or one an account."""
        own = {"schedule": self.name, "cron": self.cron, "timeZone": self.time_zone}
        return [own | {"account": account} for account in self.accounts] or [own]


class Schedules(Wire):
    """The file of schedules, whole."""

    schedules: tuple[Schedule, ...] = Field(description="the list of jobs, each name once")

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        names = [schedule.name for schedule in self.schedules]
        for n, name in enumerate(names):
            if name in names[:n]:
                raise broken_rule(
                    f"job {name}: name: expected each name once, found it twice; rename one: a tick of both "
                    "would be one run"
                )
        return self


class Period(Wire):
    """From when until when a schedule was as it is here; ``until`` is outside, and null while it stands."""

    since: Time
    until: Time | None = None
    schedule: Schedule


class Applied(Wire):
    """What the worker knows of the schedules: what stands, and what stood lately."""

    applied_at: Time
    periods: tuple[Period, ...]

    def standing(self) -> Iterator[Period]:
        """Yield what stands: enabled, and neither changed nor taken away since."""
        return (period for period in self.periods if period.until is None)


def apply(before: Applied | None, wanted: Schedules, at: datetime) -> Applied:
    """Return what is known once ``wanted`` stands from ``at`` on.

    What stays as it was keeps its beginning. A job that is disabled, changed or gone is expected until
    ``at``, and no longer.
    """
    enabled = {schedule.name: schedule for schedule in wanted.schedules if schedule.enabled}
    periods: list[Period] = []
    for period in before.periods if before else ():
        if period.until is None:
            if enabled.get(period.schedule.name) == period.schedule:
                del enabled[period.schedule.name]
            else:
                period = period.model_copy(update={"until": at})
        if period.until is None or period.until > at - KEPT:
            periods.append(period)
    periods += [Period(since=at, schedule=schedule) for schedule in enabled.values()]
    return Applied(applied_at=at, periods=tuple(periods))
