"""`trader schedules`: the next ticks of each job and what the market does then; and who is to know of it."""

import json
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.calendars import at
from tests.support.clock import FakeClock
from trader.adapters import clock as clocks

Trader = Callable[..., Any]
JOB = {
    "name": "close",
    "cron": "15 13 * * 1-5",
    "timeZone": "America/New_York",
    "exchange": "XNYS",
    "enabled": True,
    "description": "Early in the afternoon.",
    "message": {"intent": "summary"},
}
TUESDAY = at(date(2025, 11, 25), time(8))


@pytest.fixture(autouse=True)
def _in_thanksgiving_week(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "SystemClock", lambda: FakeClock(TUESDAY))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write a file of jobs, each with changes of its own, and return its name."""

    def written(*changes: dict[str, Any]) -> str:
        path = tmp_path / "plan.yaml"
        path.write_text(yaml.safe_dump({"schedules": [{**JOB, **change} for change in changes]}))
        return str(path)

    return written


def test_each_job_has_its_next_five_ticks_and_what_the_market_does_then(
    trader: Trader, write: Callable[..., str]
) -> None:
    said = trader(
        "schedules", "--file", write({}, {"name": "night", "enabled": False, "exchange": None}), "--json"
    )
    assert (said.code, said.err) == (0, "")
    close, night = (json.loads(line) for line in said.out.splitlines())
    assert [tick["local"] for tick in close["next"]] == [
        "Tue 2025-11-25 13:15 EST",
        "Wed 2025-11-26 13:15 EST",
        "Thu 2025-11-27 13:15 EST",
        "Fri 2025-11-28 13:15 EST",
        "Mon 2025-12-01 13:15 EST",
    ]
    assert [(tick["open"], tick["market"]) for tick in close["next"]] == [
        (True, "open until 16:00"),
        (True, "open until 16:00"),
        (False, "no session"),
        (False, "closed at 13:00"),
        (True, "open until 16:00"),
    ]
    assert close["next"][0]["at"] == "2025-11-25T18:15:00.000000Z"
    assert (night["enabled"], night["next"][0]["open"]) == (False, None)


def test_people_get_a_table(trader: Trader, write: Callable[..., str]) -> None:
    rows = trader("schedules", "--file", write({}, {"name": "off", "enabled": False})).out.splitlines()
    assert len(rows) == 11
    assert rows[1].split() == [
        *["close", "summary", "yes", "Tue", "2025-11-25", "13:15", "EST"],
        *["open", "until", "16:00"],
    ]
    assert rows[6].split()[:3] == ["off", "summary", "no"]


def test_a_market_that_opens_later_says_when(trader: Trader, write: Callable[..., str]) -> None:
    said = trader(
        "schedules", "--file", write({"cron": "0 9 * * *"}, {"name": "b", "cron": "0 12 1 1 *"}), "--json"
    )
    early, far = (json.loads(line)["next"] for line in said.out.splitlines())
    assert early[0]["market"] == "opens 09:30"
    assert (far[-1]["open"], far[-1]["market"]) == (None, "not known yet")


def test_the_usual_file_is_the_one_in_infra(
    trader: Trader, write: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    missing = trader("schedules")
    assert (missing.code, missing.err.count("\n")) == (2, 1)
    assert "found none at infra/schedules.yaml" in missing.err
    (tmp_path / "infra").mkdir()
    Path(write({})).rename(tmp_path / "infra" / "schedules.yaml")
    assert trader("schedules").code == 0


WRONG = [
    ({"cron": "15 25 * * *"}, "job close: cron: expected five cron fields"),
    ({"timeZone": "New York"}, "job close: timeZone: expected a time zone"),
    (
        {"exchange": "XNYSE"},
        "job close: exchange: expected an exchange such as XNYS, found 'XNYSE'; did you mean XNYS?",
    ),
    ({"message": {}}, "job close: message.intent: expected an intent such as"),
    (
        {"message": {"intent": "sumary"}},
        "job close: message.intent: unknown intent 'sumary'; did you mean summary?",
    ),
    (
        {"message": {"intent": "summary", "symbol": "SPY"}},
        "job close: message.symbol: unknown field 'symbol'",
    ),
    ({"message": {"intent": "set-trading-state"}}, "job close: message.state: expected the field state"),
    (
        {"message": {"intent": "summary", "then": [{"intent": "sumary"}]}},
        "job close: message.then.0.intent: unknown intent",
    ),
    (
        {"message": {"intent": "summary", "then": [{"intent": "summary", "account": "DU1"}]}},
        "job close: message.then.0.account: expected the parent's account",
    ),
    ({"message": {"intent": "summary", "id": "noon"}}, "job close: message.id: expected no id"),
]


@pytest.mark.parametrize(
    "command", [["schedules"], ["schedules", "apply"], ["dev", "--schedules"]], ids=" ".join
)
@pytest.mark.parametrize(("change", "told"), WRONG)
def test_a_mistake_is_one_line_by_job_and_field_and_nothing_is_done(
    trader: Trader,
    data_dir: Path,
    write: Callable[..., str],
    command: list[str],
    change: dict[str, Any],
    told: str,
) -> None:
    file = write(change)
    said = trader(*command, *([file] if command[0] == "dev" else ["--file", file]))
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert f"plan.yaml: {told}" in said.err
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("schedules: [", "expected YAML or JSON, found"),
        ("schedules:\n\t- name: x\n", "line 2: expected YAML or JSON"),
        ("schedules: []\nschedules: []\n", "expected each key once"),
        ("- name: x\n", "expected keys and values such as schedules: [], found a list"),
        ("", "found nothing"),
        ("schedules: [{name: close, name: open}]\n", "'name' twice"),
        ("schedules: [{name: close, enabled: yes}]\n", "job close: cron: expected"),
    ],
)
def test_a_file_that_is_no_yaml_is_one_line(trader: Trader, tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    said = trader("schedules", "--file", str(tmp_path / "plan.yaml"))
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert told in said.err


def test_applying_says_what_stands(trader: Trader, write: Callable[..., str]) -> None:
    said = trader("schedules", "apply", "--file", write({}, {"name": "off", "enabled": False}))
    assert (said.code, said.out) == (0, "1 job stands: close; 1 is off\n")
    again = trader("schedules", "apply", "--json", "--file", write({}, {"name": "more"}))
    assert json.loads(again.out)["standing"] == ["close", "more"]


def test_schedules_may_be_given_as_text_where_no_file_is(trader: Trader, write: Callable[..., str]) -> None:
    path = write()
    said = trader("schedules", "apply", "--text", Path(path).read_text())
    assert (said.code, said.out) == (0, trader("schedules", "apply", "--file", path).out)
    both = trader("schedules", "apply", "--file", path, "--text", "schedules: []")
    assert both.code == 2
    assert "expected --file or --text, found both" in both.err
