"""Emulators as processes: none outlives who started it, and a missing one is told in a line."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.emulators import REQUIRED, _session_emulator, fresh_project
from tests.support.process import line, python
from tests.support.stack import is_open, lives, until
from trader.entrypoints.emulator.__main__ import main
from trader.entrypoints.emulator.sdk import KINDS, PUBSUB, Kind, Missing, command_of

STARTER = """
from tests.support.emulators import running_emulator
from trader.entrypoints.emulator.sdk import PUBSUB
with running_emulator(PUBSUB) as address:
    print(address, flush=True)
    input()
"""


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def java_at(address: str) -> int:
    """Return the process that serves the emulator at ``address``."""
    port = f"--port={address.rpartition(':')[2]}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if port in arguments:
                return int(entry.name)
    raise AssertionError(f"no process serves {address}")


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.usefixtures("pubsub_emulator")
async def test_an_emulator_ends_when_whoever_started_it_is_killed() -> None:
    async with python(STARTER) as starter:
        address = await line(starter)
        java = java_at(address)
        assert is_open(address)
        starter.kill()
        until(lambda: not lives(java) and not is_open(address), "the end of the emulator")


@pytest.mark.usefixtures("pubsub_emulator")
async def test_an_emulator_ends_when_what_watches_it_is_killed() -> None:
    async with python(STARTER) as starter:
        address = await line(starter)
        java = java_at(address)
        os.kill(parent_of(java), signal.SIGKILL)
        until(lambda: not lives(java), "the end of the emulator")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
@pytest.mark.usefixtures("no_programs")
def test_an_emulator_that_is_not_there_is_told_in_a_line(
    kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Missing):
        command_of(kind, 1)
    assert main([kind.name]) == 4
    said = capsys.readouterr().err
    assert said.startswith("emulator: expected")
    assert said.count("\n") == 1


@pytest.mark.usefixtures("no_programs")
def test_tests_without_emulators_skip_on_a_laptop_and_fail_where_they_are_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def emulator() -> Iterator[str]:
        return _session_emulator(PUBSUB)

    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="expected"):
        next(emulator())
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="REQUIRE_EMULATORS=1, and expected"):
        next(emulator())


def test_no_two_tests_share_a_project_and_none_is_a_real_one() -> None:
    assert fresh_project() != fresh_project()
    assert fresh_project().startswith("demo-")
    assert len(fresh_project()) <= 30
