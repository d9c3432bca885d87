"""A folder belongs to one stack at a time, and says where that one is."""

import fcntl
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trader.entrypoints.cli import stack as stacks
from trader.entrypoints.cli.errors import WrongUse
from trader.entrypoints.cli.stack import Stack, own, running_stack, write_stack

HERE = Stack(
    pid=os.getpid(),
    worker="http://127.0.0.1:8080",
    worker_pid=1,
    gateway="127.0.0.1:4002",
    gateway_pid=None,
    started_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
)


def ended_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_running_stack_is_found_and_one_that_has_ended_is_not(tmp_path: Path) -> None:
    assert running_stack(tmp_path) is None
    write_stack(tmp_path, HERE)
    assert running_stack(tmp_path) == HERE
    write_stack(tmp_path, HERE.model_copy(update={"pid": ended_pid()}))
    assert running_stack(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}'])
def test_a_damaged_file_is_no_stack(tmp_path: Path, content: str) -> None:
    (tmp_path / "stack.json").write_text(content)
    assert running_stack(tmp_path) is None


def test_a_folder_has_one_owner_and_names_it(tmp_path: Path) -> None:
    with own(tmp_path / "new"), pytest.raises(WrongUse, match=f"pid {os.getpid()}"), own(tmp_path / "new"):
        pass
    with own(tmp_path / "new"):  # free again
        pass


def test_an_owner_takes_its_address_with_it(tmp_path: Path) -> None:
    with own(tmp_path):
        write_stack(tmp_path, HERE)
    assert not (tmp_path / "stack.json").exists()


def test_what_a_killed_stack_has_left_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = os.open(tmp_path / "stack.lock", os.O_RDWR | os.O_CREAT)
    os.write(left, str(ended_pid()).encode())
    fcntl.flock(left, fcntl.LOCK_EX)
    monkeypatch.setattr(stacks, "ENDING_S", 0.1)
    with pytest.raises(WrongUse, match="what a killed one"), own(tmp_path):
        pass
    monkeypatch.setattr("time.sleep", lambda _: os.close(left))  # it ends while it is waited for
    with own(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WrongUse, match="expected a folder to write in"), own(tmp_path / "file" / "below"):
        pass
