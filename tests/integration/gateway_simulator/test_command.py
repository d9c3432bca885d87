"""The command: one line when it is ready, a clean end, a state that survives a kill."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ib_insync import LimitOrder, MarketOrder

from tests.support.simulator import PATIENCE_S, SPY, client, ended, qualified, until

COMMAND = [sys.executable, "-m", "gateway_simulator"]
NOW = "2026-11-23T10:00:00-05:00"


class Where:
    """What `client` needs of a server."""

    host = "127.0.0.1"
    port: int

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        line = process.stdout.readline()
        address, _, port = line.strip().rpartition(":")
        assert address == "listening on 127.0.0.1"
        self.port = int(port)


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Where]]:
    """A simulator in a process of its own, which ends with the test."""
    command = [*COMMAND, "--port", "0", "--exit-with-parent", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process, Where(process)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_cleanly_when_told_to(number: signal.Signals) -> None:
    with running() as (process, where):
        async with client(where) as ib:
            process.send_signal(number)
            assert process.wait(PATIENCE_S) == 0
            await until(lambda: not ib.isConnected())
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_it_ends_when_whoever_started_it_is_gone() -> None:
    with running() as (process, _):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


async def test_after_a_kill_it_goes_on_with_the_same_book(tmp_path: Path) -> None:
    arguments = ("--state", str(tmp_path / "state.json"), "--now", NOW, "--speed", "0")
    with running(*arguments) as (process, where):
        async with client(where) as ib:
            spy = await qualified(ib, SPY)
            filled = await ended(ib.placeOrder(spy, MarketOrder("BUY", 10, tif="DAY", orderRef="filled")))
            waiting = ib.placeOrder(spy, LimitOrder("BUY", 5, 1, tif="GTC", orderRef="waiting"))
            await until(lambda: waiting.orderStatus.status == "Submitted")
            await until(ib.portfolio)
            cash = [v.value for v in ib.accountValues() if v.tag == "TotalCashValue"]
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE_S)

    with running(*arguments) as (process, where):
        async with client(where) as ib:
            assert [p.position for p in ib.positions()] == [10]
            assert [f.execution.orderRef for f in ib.fills()] == ["filled"]
            assert [t.order.orderRef for t in ib.openTrades()] == ["waiting"]
            assert ib.client.getReqId() > waiting.order.orderId
            assert [v.value for v in ib.accountValues() if v.tag == "TotalCashValue"] == cash
            assert filled.order.permId in {t.order.permId for t in ib.trades()}
        process.terminate()
        assert process.wait(PATIENCE_S) == 0

    counted = json.loads((tmp_path / "state.json").read_text())["requests"]
    assert counted["placeOrder"] == 2
    assert counted["connect"] == 2


async def test_its_arguments_shape_the_gateway(tmp_path: Path) -> None:
    market = tmp_path / "market.yaml"
    market.write_text("symbols: {SPY: {fixed: 123}}\n")
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("- {when: placeOrder, then: {reject: {code: 201, message: no}}}\n")
    files = ("--market", str(market), "--scenario", str(scenario))
    accounts = ("--account", "DU1:EUR:5", "--account", "DU1:USD:7", "--max-version", "170")
    with running(*files, *accounts, "--now", NOW) as (_, where):
        async with client(where) as ib:
            spy = await qualified(ib, SPY)
            [ticker] = await ib.reqTickersAsync(spy)
            trade = await ended(ib.placeOrder(spy, MarketOrder("BUY", 1, tif="DAY")))
            assert ib.client.serverVersion() == 170
            assert ib.managedAccounts() == ["DU1"]
            assert {(v.currency, v.value) for v in ib.accountValues() if v.tag == "CashBalance"} > {
                ("EUR", "5.00"),
                ("USD", "7.00"),
            }
    assert ticker.last == 123
    assert trade.log[-1].errorCode == 201


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "x"], "argument --port: expected a port from 0 to 65535, found 'x'"),
        (["--port", "65536"], "argument --port: expected a port from 0 to 65535, found '65536'"),
        (["--account", "DU1:ZZZ:5"], "expected a currency, found 'ZZZ'"),
        (["--now", "noon"], "argument --now: expected a time with its zone, found 'noon'"),
        (["--now", "2026-11-23"], "argument --now: expected a time with its zone, found '2026-11-23'"),
        (["--account", "DU1"], "expected an account like DU1234567:USD:100000, found 'DU1'"),
        (["--speed", "-1"], "expected a speed of 0 or more, was -1.0"),
        (["--time-zone", "Mars/Base"], "argument --time-zone: expected a time zone"),
        (["--scenario", "nowhere.yaml"], "nowhere.yaml: expected a readable file"),
        (["--market", "nowhere.yaml"], "nowhere.yaml: expected a readable file"),
        (["--max-version", "156"], "argument --max-version: invalid choice: 156"),
        (["--magic"], "unrecognized arguments: --magic"),
    ],
)
def test_a_wrong_argument_is_one_line(arguments: list[str], complaint: str) -> None:
    ended_ = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert ended_.returncode == 2
    assert ended_.stdout == ""
    [line] = ended_.stderr.splitlines()
    assert line.startswith(f"gateway-simulator: {complaint}")


@pytest.mark.parametrize("when", ["{after: .inf}", "{after: 1.0e+300}"])
def test_a_time_that_never_comes_is_one_line(tmp_path: Path, when: str) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(f"- {{when: {when}, then: midnight}}\n")
    arguments = [*COMMAND, "--scenario", str(scenario)]
    ended_ = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert ended_.returncode == 2
    [line] = ended_.stderr.splitlines()
    assert "rule 1: when.after: expected " in line


def test_a_broken_state_file_is_one_line(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text('{"now": 1')
    ended_ = subprocess.run([*COMMAND, "--state", str(state)], capture_output=True, text=True, check=False)
    assert ended_.returncode == 2
    [line] = ended_.stderr.splitlines()
    assert "state.json: expected a saved state" in line


def test_a_port_in_use_is_one_line() -> None:
    with running() as (_, where):
        again = [*COMMAND, "--port", str(where.port)]
        ended_ = subprocess.run(again, capture_output=True, text=True, check=False)
    assert ended_.returncode == 2
    [line] = ended_.stderr.splitlines()
    assert f"can't listen on 127.0.0.1:{where.port}" in line


async def test_its_time_is_ahead_by_what_a_file_says_and_jumps_when_that_changes(tmp_path: Path) -> None:
    ahead, day = tmp_path / "ahead", timedelta(days=1)
    ahead.write_text("86400\n")
    with running("--ahead", str(ahead)) as (_, where):
        async with client(where) as ib:
            assert (
                day <= await ib.reqCurrentTimeAsync() - datetime.now(UTC) + timedelta(seconds=1) < 1.5 * day
            )
            ahead.write_text("172800\n")
            async with asyncio.timeout(PATIENCE_S):
                while await ib.reqCurrentTimeAsync() - datetime.now(UTC) < 1.5 * day:
                    pass
            ahead.write_text("0\n")
            assert await ib.reqCurrentTimeAsync() - datetime.now(UTC) > 1.5 * day, "it never goes back"


@pytest.mark.parametrize(
    ("text", "expected"), [("soon", "a number of seconds"), ("1e12", "thirty years"), (None, "a file")]
)
def test_a_file_that_tells_no_time_is_told_in_a_line(tmp_path: Path, text: str | None, expected: str) -> None:
    ahead = tmp_path / "ahead"
    if text is not None:
        ahead.write_text(text)
    ran = subprocess.run([*COMMAND, "--ahead", str(ahead)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert expected in ran.stderr
