"""`infra/schedules.yaml`: the day plans, as the worker and a scheduler will read them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.schemas import problems
from trader.discovery import find_intents
from trader.domain.schedules import Schedules
from trader.domain.schedules_reading import parse_schedules
from trader.entrypoints.cli.written_file import read_file

FILE = Path(__file__).parents[2] / "infra" / "schedules.yaml"
RAW = read_file(str(FILE), such_as="schedules: []")
PLANS: Schedules = parse_schedules(RAW)
BY_NAME = {schedule.name: schedule for schedule in PLANS.schedules}
INTENTS = find_intents()
TO_COME = {"allocation", "cash-balancer", "collect-market-data", "eod-check", "risk-check"}
"""Intents that a plan may name before there is one of the name; a plan of any other is held to its schema."""


def named(message: dict[str, Any]) -> set[str]:
    """Return the intents that a message and its follow-ups name."""
    return {message["intent"], *(item["intent"] for item in message.get("then", []))}


def checked() -> list[Any]:
    """Return each plan; one that waits for an intent fails until it is there, and passes from then on."""
    cases = []
    for name, schedule in BY_NAME.items():
        lacking = sorted((named(schedule.message) & TO_COME) - set(INTENTS))
        waits = pytest.mark.xfail(strict=True, reason=f"there is no intent {', '.join(lacking)} yet")
        cases.append(pytest.param(name, marks=[waits] if lacking else [], id=name))
    return cases


@pytest.mark.parametrize("name", checked())
def test_each_message_is_one_by_its_intents_schema(name: str) -> None:
    message = BY_NAME[name].message
    assert problems("intent-message", message) == []
    assert problems(f"intents/{message['intent']}.message", message) == []


def test_the_file_is_one_by_its_schema_but_for_intents_that_are_to_come() -> None:
    jobs: Any = RAW["schedules"]
    known = [job for job in jobs if named(job["message"]) <= set(INTENTS)]
    assert len(known) >= 2
    assert problems("schedules", {"schedules": known}) == []


def test_the_plans_are_those_that_were_asked_for() -> None:
    when = {name: (plan.cron, plan.time_zone, plan.intent) for name, plan in BY_NAME.items()}
    new_york = "America/New_York"
    assert when["test-signal"] == ("15 16 * * 1-5", new_york, "testsignalgenerator")
    assert when["mixed-open"] == ("30 9 * * 1-5", new_york, "allocation")
    assert when["mixed-risk"] == ("0 13 * * 1-5", new_york, "risk-check")
    assert when["mixed-end"] == ("55 15 * * 1-5", new_york, "trade-reconciliation")
    assert when["swing"] == ("15 16 * * 1-5", new_york, "allocation")
    chain = BY_NAME["mixed-end-flat"].message["then"]
    assert isinstance(chain, list)
    assert [item["intent"] for item in chain if isinstance(item, dict)] == ["eod-check", "close-all"]
    swing = BY_NAME["swing"].message
    assert (swing["orderType"], swing["tif"]) == ("LMT", "GTC")


def test_no_plan_that_trades_is_enabled_by_itself() -> None:
    assert {plan.name for plan in PLANS.schedules if plan.enabled} == {"test-signal", "check-results"}
    assert BY_NAME["test-signal"].message["dryRun"] is True


def test_each_message_is_one_line_of_json_as_gcloud_takes_it() -> None:
    lines = re.findall(r"^    message: (.*)$", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [json.loads(line) for line in lines] == [plan.message for plan in PLANS.schedules]
