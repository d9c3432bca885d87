"""Processes of the command line, as a person starts them: their output in files, none of them left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_S = 120
"""How long a test waits for what must happen; reached only by a test that fails."""


def until(holds: Callable[[], object], what: str = "it") -> None:
    """Return as soon as ``holds``."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up_at, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    if Path("/proc/self").exists():
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def is_open(address: str) -> bool:
    """Whether somebody listens at ``HOST:PORT``."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without what the project reads, and with ``given``."""
    return {**{k: v for k, v in os.environ.items() if not k.startswith("TRADER_")}, **given}


@dataclass
class Running:
    """A process and what it says."""

    process: subprocess.Popen[bytes]
    out_file: Path
    err_file: Path
    pids: set[int] = field(default_factory=set)

    @property
    def out(self) -> str:
        return self.out_file.read_text()

    @property
    def err(self) -> str:
        return self.err_file.read_text()

    def until_says(self, text: str) -> str:
        """Return its whole output once ``text`` is in it; fails when it ends without."""

        def said() -> bool:
            ended = self.process.poll() is not None
            if text in self.out + self.err:
                return True
            assert not ended, f"ended with {self.process.returncode}, said {self.out}{self.err}"
            return False

        until(said, f"{text!r} in {self.out_file}")
        return self.out + self.err

    def ended(self) -> int:
        """Return its exit code once it has ended."""
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(
    folder: Path, *command: str, variables: Mapping[str, str] = {}, stdout: int | None = None
) -> Iterator[Running]:
    """Run a Python module with its arguments; killed at the end at the latest."""
    folder.mkdir(exist_ok=True)
    number = len(list(folder.glob("*.out")))
    out, err = folder / f"{number}.out", folder / f"{number}.err"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", *command],
            stdin=subprocess.PIPE,
            stdout=to_out if stdout is None else stdout,
            stderr=to_err,
            env=environment(variables),
            process_group=0,
        )
    started = Running(process, out, err)
    try:
        yield started
    finally:
        for pid in (process.pid, *started.pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


@dataclass
class LocalStack:
    """A stack that runs, and the commands of a person who uses it."""

    dev: Running
    data_dir: Path

    def told(self) -> dict[str, Any]:
        """Return what stack.json says, and remember the processes, to be ended with the test."""
        told = json.loads((self.data_dir / "stack.json").read_text())
        self.dev.pids |= {pid for pid in (told["workerPid"], told["gatewayPid"]) if pid}
        return dict(told)

    def trader(self, *arguments: str, code: int | None = 0) -> str:
        """Run one command to its end, and return what it printed; ``code`` is what it must end with."""
        ran = trader(self.data_dir, *arguments)
        if code is not None:
            assert ran.returncode == code, (arguments, ran.returncode, ran.stdout, ran.stderr)
        return ran.stdout

    def events(self) -> list[dict[str, Any]]:
        """Return the results told so far, as events; the gateway's own events are left out."""
        events = [json.loads(line) for line in self.trader("results", "--json").splitlines()]
        return [event for event in events if event["type"] == "ib-intents.result.v1"]

    def result(self, run: str) -> dict[str, Any]:
        """Return the result of ``run`` once it is told."""
        found: list[dict[str, Any]] = []

        def told() -> bool:
            found[:] = [event["data"] for event in self.events() if event["data"].get("id") == run]
            return bool(found)

        until(told, f"a result of {run}")
        return found[0]

    def is_gone(self) -> bool:
        """Whether nothing of it runs or listens any more."""
        return not any(lives(pid) for pid in (self.dev.process.pid, *self.dev.pids))


def trader(
    data_dir: Path, *arguments: str, variables: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    """Run one command of the command line to its end."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "trader.entrypoints.cli", *arguments],
        env=environment({"TRADER_DATA_DIR": str(data_dir), **variables}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@contextmanager
def stack(folder: Path, *arguments: str, variables: Mapping[str, str] = {}) -> Iterator[LocalStack]:
    """Run `trader dev` on ``folder/stack`` until the test is done with it; it has said that it is ready."""
    data_dir = folder / "stack"
    command = ("trader.entrypoints.cli", "dev", "--port", "0", "--exit-with-parent", *arguments)
    given = {"TRADER_DATA_DIR": str(data_dir), **variables}
    with running(folder / "dev", *command, variables=given) as dev:
        started = LocalStack(dev, data_dir)
        dev.until_says("ready:")
        started.told()
        yield started
