"""A file of schedules: what is wrong with it is one line that names job and field."""

from typing import Any

import pytest

from trader.domain.errors import Rejected
from trader.domain.schedules import Schedule, Schedules
from trader.domain.schedules_reading import parse_schedules

JOB: dict[str, Any] = {
    "name": "test-signal",
    "cron": "15 16 * * 1-5",
    "timeZone": "America/New_York",
    "exchange": "XNYS",
    "enabled": True,
    "description": "After the close.",
    "message": {"intent": "summary"},
}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in JOB.items() if key != name}


def test_a_job_that_says_no_more_than_it_must_is_for_every_account_and_knows_no_holiday() -> None:
    (found,) = parse_schedules({"schedules": [without("exchange")]}).schedules
    assert (found.exchange, found.accounts, found.grace_minutes) == (None, (), 20)
    assert found.attributes() == [
        {"schedule": "test-signal", "cron": "15 16 * * 1-5", "timeZone": "America/New_York"}
    ]


def test_a_job_of_several_accounts_is_a_message_for_each() -> None:
    (found,) = parse_schedules({"schedules": [{**JOB, "accounts": ["DU1", "DU2"]}]}).schedules
    assert [attributes["account"] for attributes in found.attributes()] == ["DU1", "DU2"]
    assert [found.is_for(account) for account in ("DU1", "DU2", "DU3")] == [True, True, False]


@pytest.mark.parametrize(
    "cron", ["* * * * *", "*/15 9-16 * * mon-fri", "0,30 1 1-7 jan,JUL sun", "59 23 31 12 7", "0 0 29 2 *"]
)
def test_a_cron_as_schedulers_take_it_is_taken(cron: str) -> None:
    assert Schedule.model_validate({**JOB, "cron": cron}).cron == cron


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "* * * * * *",
        "61 * * * *",
        "every day",
        "0 0 L * *",
        "0 0 * * 1#2",
        "@daily",
        "0 0 30 2 *",
        "*  * * * *",
        " * * * * *",
        "* * * * *\n",
        "0 0 * * fri-xyz",
    ],
)
def test_a_cron_that_not_every_scheduler_takes_is_refused_by_its_job_and_field(cron: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_schedules({"schedules": [{**JOB, "cron": cron}]})
    assert refusal.value.message.startswith("job test-signal: cron: expected five cron fields such as")


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ({**JOB, "timeZone": "New York"}, "job test-signal: timeZone: expected a time zone such as"),
        ({**JOB, "timeZone": "America/New_Yorck"}, "did you mean America/New_York?"),
        ({**JOB, "enabled": "yes"}, "job test-signal: enabled: expected true or false: whether it is"),
        (without("enabled"), "job test-signal: enabled: expected true or false"),
        (without("cron"), "job test-signal: cron: expected five cron fields"),
        (without("name"), "job number 1: name: expected a name of small letters"),
        ({**JOB, "name": "A job"}, "job A job: name: expected a name of small letters"),
        ({**JOB, "name": 7}, "job number 1: name: expected a name of small letters"),
        ({**JOB, "timezone": "UTC"}, "job test-signal: timezone: unknown key; did you mean timeZone?"),
        ({**JOB, "colour": "red"}, "job test-signal: colour: unknown key; known are name, cron"),
        ({**JOB, "exchange": "New York"}, "job test-signal: exchange: expected an exchange such as XNYS"),
        ({**JOB, "accounts": ["D"]}, "job test-signal: accounts.0: expected the list of accounts"),
        ({**JOB, "accounts": "DU1"}, "job test-signal: accounts: expected the list of accounts"),
        ({**JOB, "graceMinutes": 0}, "job test-signal: graceMinutes: expected within how many minutes"),
        ({**JOB, "description": ""}, "job test-signal: description: expected a sentence"),
        ({**JOB, "message": "summary"}, "job test-signal: message: expected an intent message such as"),
        ({**JOB, "message": {"intent": "summary", "id": "x"}}, "job test-signal: message.id: expected no id"),
        ({**JOB, "message": {"intent": "summary", "account": "DU1"}}, "message.account: expected no account"),
        (
            {**JOB, "message": {"intent": "summary", "expiresAt": "x"}},
            "message.expiresAt: expected no expiresAt",
        ),
        ("test-signal", 'job number 1: expected an object with name, cron and so on, found "test-signal"'),
    ],
)
def test_what_is_wrong_is_told_by_job_and_field(job: Any, told: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_schedules({"schedules": [job]})
    assert refusal.value.code == "schedules-invalid"
    assert told in refusal.value.message
    assert "\n" not in refusal.value.message


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({}, "schedules: expected the list of jobs, each name once, found none; add it"),
        ({"schedules": {}}, "schedules: expected the list of jobs, each name once, found {}; correct it"),
        ({"schedules": None}, "schedules: expected the list of jobs"),
        ({"schedules": [], "jobs": []}, "jobs: unknown key; known here is schedules"),
        ({"schedules": [JOB, JOB]}, "job test-signal: name: expected each name once, found it twice"),
    ],
)
def test_what_is_wrong_with_the_file_itself_is_told(raw: dict[str, Any], told: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_schedules(raw)
    assert told in refusal.value.message


def test_further_mistakes_are_counted() -> None:
    with pytest.raises(Rejected, match=r"\(and 1 more\)$"):
        parse_schedules({"schedules": [{**JOB, "cron": "x", "timeZone": "y"}]})


def test_no_job_at_all_is_a_file_too() -> None:
    assert parse_schedules({"schedules": []}) == Schedules(schedules=())
