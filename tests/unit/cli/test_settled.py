"""`trader settled`: what a worker can't be taken away from; told from the store alone."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.orders import NOON
from trader.adapters.sqlite import SqliteStore
from trader.ports import Create
from trader.runs.lease import Lease
from trader.runs.runs import AttemptRecord, RunRecord, path_of
from trader.stored import records

Trader = Callable[..., Any]


def run(key: str, *, lease: bool = True, plan: bool = False, **changes: Any) -> RunRecord:
    """A run of a close-all that began at noon."""
    return RunRecord(
        key=key,
        intent="close-all",
        fingerprint="one",
        delivery={},
        requested_at=NOON,
        lease=Lease(nonce=key, worker="a worker") if lease else None,
        attempts=(AttemptRecord(n=1, at=NOON),),
        plan={"orders": []} if plan else None,
        **changes,
    )


def stored(data_dir: Path, *found: RunRecord) -> None:
    """Make the store of DU1 with these runs."""

    async def fill() -> None:
        store = await SqliteStore.open(data_dir / "state.sqlite3")
        await records.remember_account(store, "DU1", NOON)
        await store.commit([Create(path_of("DU1", each.key), each.to_json()) for each in found])
        await store.close()

    data_dir.mkdir(exist_ok=True)
    asyncio.run(fill())


def told(trader: Trader, *arguments: str) -> tuple[int, list[tuple[str, str]]]:
    said = trader("settled", "--json", *arguments)
    lines = [json.loads(line) for line in said.out.splitlines()]
    return said.code, [(line["key"], line["what"]) for line in lines]


def test_nothing_to_wait_for_is_said(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, run("id/ended", state="ended"), run("id/told", state="reported"))
    said = trader("settled")
    assert (said.code, said.out) == (0, "no run of account DU1 is being carried out\n")


def test_a_run_that_somebody_works_on_is_told(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, run("id/one"))
    assert told(trader) == (1, [("id/one", "somebody works on it")])
    assert "close-all id/one, since 2026-11-23" in trader("settled").out


def test_a_plan_that_was_left_half_way_is_told_although_nobody_works_on_it(
    trader: Trader, data_dir: Path
) -> None:
    stored(data_dir, run("id/one", lease=False, plan=True))
    code, ((key, what),) = told(trader)
    assert (code, key) == (1, "id/one")
    assert what.startswith("its plan was left half-way")


def test_a_replayed_run_that_no_worker_has_begun_yet_is_told(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, run("id/one", lease=False, plan=True).model_copy(update={"attempts": ()}))
    code, ((key, what),) = told(trader)
    assert (code, key) == (1, "id/one")
    assert what.startswith("its plan was left half-way")
    assert "since 2026-11-23" in trader("settled").out


def test_a_run_that_was_put_off_has_sent_nothing_and_holds_nobody_up(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, run("id/one", lease=False))
    assert told(trader) == (0, [])


def test_a_dead_workers_run_without_a_plan_is_waited_for_until_its_lease_is_over(
    trader: Trader, data_dir: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("TRADER_LEASE_S", "0.01")
    stored(data_dir, run("id/one"))
    assert told(trader, "--wait", "60") == (0, [])
