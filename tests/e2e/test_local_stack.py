"""`trader dev` and the commands beside it, each a process of its own, as on a laptop."""

import fcntl
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import LocalStack, is_open, running, stack, trader, until

READY = re.compile(
    r"ready: worker http://127\.0\.0\.1:\d+ gateway 127\.0\.0\.1:\d+ data \S+ "
    r"account DU1234567 \(halted; allow orders with: trader state active\)\n"
)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One stack for the tests that leave it as it is."""
    with stack(tmp_path_factory.mktemp("local")) as started:
        yield started


def test_one_line_says_that_it_is_ready_and_how_to_allow_orders(local: LocalStack) -> None:
    assert READY.fullmatch(local.dev.out)
    assert local.dev.err == ""


def test_a_message_published_in_another_terminal_comes_back_as_its_result(local: LocalStack) -> None:
    shown = local.trader("publish", "summary", "--wait")
    assert "succeeded" in shown
    assert re.search(r"NetLiquidation +100000\.00 +USD", shown)


def test_a_dry_run_tells_its_signal_and_the_order_it_would_send(local: LocalStack) -> None:
    event = json.loads(local.trader("publish", "testsignalgenerator", "--dry-run", "--wait", "--json"))
    outcome = event["data"]["outcome"]
    assert outcome["signal"] in {"long", "short", "flat", "hold"}
    assert outcome["bars"] > 30 or outcome["refusals"]
    assert all(order["state"] == "planned" for order in event["data"]["orders"])


def test_how_an_intent_ended_is_the_exit_code(local: LocalStack) -> None:
    local.trader("publish", "summary", "--id", "taken", "--wait", code=0)
    local.trader("publish", "testsignalgenerator", "--dry-run", "--id", "taken", "--wait", code=1)
    local.trader("publish", "summary", "--account", "DU7", "--wait", code=1)
    local.trader("publish", "summary", "--expires-at", "2020-01-01T00:00:00Z", "--wait", code=1)


def test_results_are_followed_as_they_come(local: LocalStack, tmp_path: Path) -> None:
    command = ("trader.entrypoints.cli", "results", "--follow", "--json", "--data-dir", str(local.data_dir))
    with running(tmp_path, *command) as following:
        run = local.trader("publish", "summary").strip()
        following.until_says(run)
        following.process.send_signal(signal.SIGINT)
        assert (following.ended(), following.err) == (130, "")


def test_a_reader_that_has_had_enough_ends_the_following_quietly(local: LocalStack, tmp_path: Path) -> None:
    command = ("trader.entrypoints.cli", "results", "--follow", "--json", "--data-dir", str(local.data_dir))
    reader, writer = os.pipe()
    os.close(reader)
    with running(tmp_path, *command, stdout=writer) as following:
        os.close(writer)
        local.trader("publish", "summary", "--wait")
        assert (following.ended(), following.err) == (141, "")


def test_a_folder_has_one_stack(local: LocalStack) -> None:
    second = trader(local.data_dir, "dev", "--port", "0")
    assert (second.returncode, second.stdout) == (2, "")
    assert f"found one (pid {local.dev.process.pid})" in second.stderr
    assert second.stderr.count("\n") == 1


def test_a_port_has_one_stack(local: LocalStack, tmp_path: Path) -> None:
    port = local.told()["worker"].rpartition(":")[2]
    second = trader(tmp_path, "dev", "--port", port)
    assert (second.returncode, second.stdout) == (2, "")
    assert f"expected port {port} to be free" in second.stderr
    assert not (tmp_path / "stack.json").exists()


def test_a_gateway_that_cannot_start_is_one_line(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("- when: nonsense\n  then: drop\n")
    ran = trader(tmp_path / "stack", "dev", "--port", "0", "--scenario", str(scenario))
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert "nonsense" in ran.stderr


@pytest.mark.parametrize("name", ["state.sqlite3", "topics.sqlite3"])
def test_a_damaged_folder_is_one_line_and_starts_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no database" * 100)
    ran = trader(tmp_path, "dev", "--port", "0")
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (4, "", 1)
    assert name in ran.stderr
    assert not (tmp_path / "gateway.log").exists()


def test_a_worker_that_cannot_start_is_one_line_that_names_its_log(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("raise SystemExit('no server today')")
    data_dir = tmp_path / "stack"
    ran = trader(data_dir, "dev", "--port", "0", variables={"PYTHONPATH": str(tmp_path)})
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert str(data_dir / "worker.log") in ran.stderr
    assert "no server today" in (data_dir / "worker.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with stack(tmp_path) as local:
        told = local.told()
        local.dev.process.send_signal(number)
        assert (local.dev.ended(), local.dev.err) == (0, "")
        assert local.is_gone()
        assert not is_open(told["worker"])
        assert not is_open(told["gateway"])
        assert not (local.data_dir / "stack.json").exists()


def test_a_signal_while_it_starts_ends_it_too(tmp_path: Path) -> None:
    data_dir = tmp_path / "stack"
    command = ("trader.entrypoints.cli", "dev", "--port", "0", "--data-dir", str(data_dir))
    with running(tmp_path / "dev", *command) as dev:
        until((data_dir / "worker.log").exists, "the worker's start")
        dev.process.send_signal(signal.SIGTERM)
        assert (dev.ended(), dev.out, dev.err) == (0, "", "")
        # Whoever is left of it would hold the lock.
        with (data_dir / "stack.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_killed_it_leaves_nothing_and_goes_on_where_it_was(tmp_path: Path) -> None:
    with stack(tmp_path) as local:
        told = local.told()
        first = json.loads(local.trader("publish", "summary", "--id", "before", "--wait", "--json"))
        local.dev.process.kill()
        until(local.is_gone, "the end of its processes")
        assert not is_open(told["worker"])
        assert not is_open(told["gateway"])
    waiting = trader(tmp_path / "stack", "publish", "summary", "--id", "between")
    assert "no local stack is running" in waiting.stderr
    with stack(tmp_path) as local:
        assert local.result("id/between")["status"] == "succeeded"
        again = json.loads(local.trader("publish", "summary", "--id", "before", "--wait", "--json"))
        assert (again["id"], again["data"]) == ("id/before#2", first["data"])


def test_a_gateway_that_dies_comes_back_where_it_was(tmp_path: Path) -> None:
    with stack(tmp_path) as local:
        before = local.told()
        os.kill(before["gatewayPid"], signal.SIGKILL)
        local.dev.until_says("the gateway ended (signal 9)")
        local.trader("publish", "summary", "--wait")
        after = local.told()
        assert after["gateway"] == before["gateway"]
        assert after["gatewayPid"] != before["gatewayPid"]


def test_what_a_person_has_set_is_kept_by_the_next_start(tmp_path: Path) -> None:
    with stack(tmp_path) as local:
        local.trader("state", "active", "--reason", "trading today")
        local.dev.process.terminate()
        local.dev.ended()
    with stack(tmp_path) as local:
        assert local.dev.out.endswith("account DU1234567 (active)\n")


def test_schedules_are_published_at_their_ticks_and_their_results_expected(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    job = {"cron": "* * * * *", "timeZone": "America/New_York", "description": "x"}
    jobs = [
        {**job, "name": "often", "enabled": True, "message": {"intent": "summary"}},
        {**job, "name": "off", "enabled": False, "message": {"intent": "summary"}},
    ]
    plan.write_text(json.dumps({"schedules": jobs}))
    with stack(tmp_path, "--schedules", str(plan)) as started:
        started.dev.until_says("often, due at ")
        until(lambda: any(event["data"]["id"].startswith("schedule/often/") for event in started.events()))
        found = json.loads(started.trader("expect", "--json"))
        assert found["findings"] == []
        watched = json.loads(started.trader("publish", "check-results", "--wait", "--json"))
        assert (watched["data"]["status"], watched["data"]["outcome"]["findings"]) == ("succeeded", [])
        assert "off, due at" not in started.dev.err
