"""A worker killed in the middle of a run: the run ends by itself, delivered again or not."""

import asyncio
import base64
import json
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stack import Running, running, stack, trader, until
from trader.adapters.sqlite import SqliteStore
from trader.domain.configuration_sample import sample
from trader.domain.events import RESULT_TYPE
from trader.stored import records

SLOW_BARS = """
- when: {event: reqHistoricalData}
  then: {delay: {seconds: 60}}
"""
"""The first request for bars waits, and so does the run that asks."""
QUICK_LEASE = {"TRADER_LEASE_S": "1"}
SIGNAL = {"intent": "testsignalgenerator", "dryRun": True, "id": "cut-short"}


@pytest.fixture
def slow(tmp_path: Path) -> str:
    """A scenario file."""
    scenario = tmp_path / "slow.yaml"
    scenario.write_text(SLOW_BARS)
    return str(scenario)


def configured(data_dir: Path) -> None:
    """Make a store that knows its account and what it may do."""

    async def write() -> None:
        store = await SqliteStore.open(data_dir / "state.sqlite3")
        await records.remember_account(store, "DU1234567", datetime.now(UTC))
        await records.write_configuration(store, records.configuration_path("DU1234567"), sample("DU1234567"))
        await store.close()

    asyncio.run(write())


def asked_for_bars(state: Path) -> bool:
    """Whether the simulated gateway has been asked; it writes its counters once a second."""
    return "reqHistoricalData" in json.loads(state.read_text())["requests"]


@contextmanager
def simulator(folder: Path, scenario: str) -> Iterator[str]:
    """A simulated gateway by itself; its port."""
    state = ("--state", str(folder / "gateway.json"))
    command = ("gateway_simulator", "--port", "0", "--scenario", scenario, *state, "--exit-with-parent")
    with running(folder / "gateway", *command) as gateway:
        yield gateway.until_says("listening on").rpartition(":")[2].strip()


@contextmanager
def worker(data_dir: Path, gateway_port: str) -> Iterator[Running]:
    """A worker by itself, ready, to which nothing is delivered."""
    variables = {
        "PORT": "0",
        "TRADER_DATA_DIR": str(data_dir),
        "TRADER_GATEWAY_PORT": gateway_port,
        **QUICK_LEASE,
    }
    command = ("trader.entrypoints.serve", "--exit-with-parent")
    with running(data_dir / "worker", *command, variables=variables) as started:
        started.until_says("Uvicorn running on")
        until(lambda: httpx.get(f"{address(started)}/readyz").status_code == 200, "a worker that is ready")
        yield started


def address(started: Running) -> str:
    found = re.search(r"running on (http://[0-9.:]+)", started.err)
    assert found is not None
    return found[1]


def push_body(body: dict[str, object]) -> dict[str, object]:
    """Return a push body as Pub/Sub sends it."""
    data = base64.b64encode(json.dumps(body).encode()).decode()
    published_at = datetime.now(UTC).isoformat()
    return {"message": {"messageId": "1", "publishTime": published_at, "data": data}, "deliveryAttempt": 1}


def results(data_dir: Path) -> list[dict[str, Any]]:
    told = trader(data_dir, "results", "--json").stdout.splitlines()
    events = [json.loads(line) for line in told]
    return [event["data"] for event in events if event["type"] == RESULT_TYPE]


def test_a_run_that_is_delivered_again_goes_on_and_ends_once(tmp_path: Path, slow: str) -> None:
    with stack(tmp_path, "--scenario", slow, variables=QUICK_LEASE) as local:
        local.trader("publish", "testsignalgenerator", "--dry-run", "--id", "cut-short")
        until(lambda: asked_for_bars(local.data_dir / "gateway.json"), "the request for bars")
        os.kill(local.told()["workerPid"], signal.SIGKILL)
        local.dev.until_says("the worker ended (signal 9)")
        result = local.result("id/cut-short")
        assert result["status"] == "succeeded"
        assert result["attempt"] > 1
        assert [event["id"] for event in local.events()] == ["id/cut-short#1"]
        local.told()


def test_a_run_that_nobody_delivers_again_ends_by_its_age(tmp_path: Path, slow: str) -> None:
    configured(tmp_path)
    with simulator(tmp_path, slow) as gateway:
        with worker(tmp_path, gateway) as first, ThreadPoolExecutor() as pushing:
            good_until = datetime.now(UTC) + timedelta(seconds=10)
            body = {**SIGNAL, "expiresAt": f"{good_until:%Y-%m-%dT%H:%M:%S.%fZ}"}
            push = pushing.submit(httpx.post, address(first), json=push_body(body))
            until(lambda: asked_for_bars(tmp_path / "gateway.json"), "the request for bars")
            first.process.kill()
            with pytest.raises(httpx.TransportError):
                push.result()
        with worker(tmp_path, gateway):
            until(lambda: results(tmp_path), "a result")
        [told] = results(tmp_path)
    assert (told["id"], told["status"], told["reason"]["code"]) == ("id/cut-short", "expired", "too-old")


def test_a_result_is_kept_through_the_end_of_the_worker(tmp_path: Path) -> None:
    with stack(tmp_path, variables=QUICK_LEASE) as local:
        local.trader("publish", "summary", "--id", "kept", "--wait")
        os.kill(local.told()["workerPid"], signal.SIGKILL)
        local.dev.until_says("the worker ended (signal 9)")
        event = json.loads(local.trader("publish", "summary", "--id", "kept", "--wait", "--json"))
        assert event["id"].startswith("id/kept#")
        assert event["data"] == local.events()[0]["data"], "told again, not run again"
        local.told()
