"""`trader expect`: what the schedules let one expect, from the store alone; a finding is exit code 1."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trader.adapters.sqlite import SqliteStore
from trader.domain.messages import Result
from trader.domain.run_key import tick_key
from trader.domain.schedules import Schedule, Schedules
from trader.domain.status import Mode, Severity, Status
from trader.ports import Create
from trader.runs.runs import AttemptRecord, RunRecord, path_of
from trader.stored import records
from trader.stored.schedules import apply_schedules

Trader = Callable[..., Any]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
TICK = NOW.replace(minute=0, second=0, microsecond=0) - 3 * HOUR


def stored(data_dir: Path, *statuses: Status, account: str = "DU1") -> None:
    """Make the store of a job that ran once an hour since ``TICK``, and whose runs ended so."""

    async def fill() -> None:
        store = await SqliteStore.open(data_dir / "state.sqlite3")
        await records.remember_account(store, account, NOW)
        schedule = Schedule(
            name="hourly",
            cron="0 * * * *",
            time_zone="UTC",
            enabled=True,
            description="x",
            message={"intent": "summary"},
        )
        await apply_schedules(store, Schedules(schedules=(schedule,)), TICK)
        for n, status in enumerate(statuses):
            await store.commit([run(account, TICK + n * HOUR, status)])
        await store.close()

    data_dir.mkdir(exist_ok=True)
    asyncio.run(fill())


def run(account: str, tick: datetime, status: Status) -> Create:
    """Return the write of a run that ended a second after its tick."""
    key = tick_key("hourly", tick)
    result = Result(
        id=key,
        intent="summary",
        status=status,
        severity=Severity.INFO,
        dry_run=False,
        mode=Mode.PAPER,
        account=account,
        requested_at=tick,
        started_at=tick,
        finished_at=tick + timedelta(seconds=1),
        attempt=1,
    )
    record = RunRecord(
        key=key,
        intent="summary",
        fingerprint="f",
        delivery={},
        requested_at=tick,
        state="reported",
        lease=None,
        attempts=(AttemptRecord(n=1, at=tick),),
        result=result,
    )
    return Create(path_of(account, key), record.to_json())


GOOD = [Status.SUCCEEDED, Status.SKIPPED, Status.SUCCEEDED, Status.SUCCEEDED]


def test_all_is_there(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, *GOOD)
    said = trader("expect")
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("were off; nothing is missing\n")


def test_what_is_missing_and_what_ended_badly_is_a_finding(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, Status.FAILED, Status.SUCCEEDED)
    said = trader("expect", "--json")
    assert said.code == 1
    found = json.loads(said.out)
    problems = [finding["problem"] for finding in found["findings"]]
    assert problems[:2] == ["bad-end", "missing"]
    assert found["expected"] == len(problems) + 1
    assert found["findings"][0]["run"] == tick_key("hourly", TICK)
    table = trader("expect")
    assert table.code == 1
    assert f"{TICK:%Y-%m-%d %H:%M}  bad-end" in table.out


def test_what_was_due_before_is_left_out(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, Status.FAILED, *GOOD[1:])
    since = TICK + timedelta(minutes=21)
    assert trader("expect").code == 1
    assert trader("expect", "--since", since.isoformat()).code == 0


def test_another_account_has_results_of_its_own(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, *GOOD)
    assert trader("expect", "--account", "DU1").code == 0
    said = trader("expect", "--account", "DU2")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "expected an account of this store (DU1), found DU2" in said.err


@pytest.mark.parametrize("made", [True, False])
def test_without_schedules_or_without_a_store_it_says_what_to_do(
    trader: Trader, data_dir: Path, made: bool
) -> None:
    if made:
        data_dir.mkdir()
    said = trader("expect", "--account", "DU1")
    assert (said.code, said.out, said.err.count("\n")) == (1 if made else 4, "", 1)
    assert ("schedules-missing" if made else "store-missing") in said.err
