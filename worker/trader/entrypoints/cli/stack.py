"""What is known of a local stack: its folder belongs to one at a time, and says where that one listens."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import Field, ValidationError

from trader.domain.wire import Time, Wire
from trader.entrypoints.cli.errors import WrongUse

ENDING_S = 10
"""How long a new stack waits for what is left of one that was killed."""


class Emulators(Wire):
    """Google's emulators that a stack runs on."""

    project: str
    firestore: str = Field(description="HOST:PORT.")
    firestore_pid: int | None
    pubsub: str = Field(description="HOST:PORT.")
    pubsub_pid: int | None

    def settings(self) -> dict[str, str]:
        """Return the fields of Settings that choose them."""
        return {
            "backend": "google",
            "project": self.project,
            "firestore_emulator": self.firestore,
            "pubsub_emulator": self.pubsub,
        }

    def variables(self) -> dict[str, str]:
        """Return the environment that points a worker, or any other command, at them."""
        return {
            "TRADER_BACKEND": "google",
            "TRADER_PROJECT": self.project,
            "FIRESTORE_EMULATOR_HOST": self.firestore,
            "PUBSUB_EMULATOR_HOST": self.pubsub,
        }


class Stack(Wire):
    """A running stack, as ``stack.json`` tells of it."""

    pid: int = Field(description="Of `trader dev`.")
    worker: str = Field(description="The worker's address.")
    worker_pid: int
    gateway: str = Field(description="HOST:PORT.")
    gateway_pid: int | None = Field(description="Of the simulator, if it is that.")
    started_at: Time
    emulators: Emulators | None = Field(None, description="Those of `trader dev --google`.")


def write_stack(data_dir: Path, stack: Stack) -> None:
    """Write ``stack.json`` so that a reader sees the old one or the new one, whole."""
    path = data_dir / "stack.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(stack.model_dump_json(by_alias=True, indent=2) + "\n")
    fresh.replace(path)


def running_stack(data_dir: Path) -> Stack | None:
    """Return the stack that runs on ``data_dir``, if one does."""
    try:
        stack = Stack.model_validate_json((data_dir / "stack.json").read_text())
        os.kill(stack.pid, 0)
    except (OSError, ValidationError):
        return None
    return stack


@contextmanager
def own(data_dir: Path) -> Iterator[int]:
    """Hold ``data_dir`` for one stack, and yield the file descriptor that does so.

    Whoever inherits the descriptor holds it too: a child that outlives a killed stack still counts.
    Raises WrongUse when another stack has it.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(data_dir / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise WrongUse(
            f"expected a folder to write in, found {data_dir} ({error.strerror}); "
            "name another with --data-dir"
        ) from None
    try:
        _lock(lock, data_dir)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock
        with suppress(FileNotFoundError):
            (data_dir / "stack.json").unlink()
    finally:
        os.close(lock)


def _lock(lock: int, data_dir: Path) -> None:
    give_up_at = time.monotonic() + ENDING_S
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        pid = int(os.pread(lock, 20, 0) or 0)
        if _lives(pid):
            raise WrongUse(
                f"expected no other stack on {data_dir}, found one (pid {pid}); "
                "stop that one, or name another folder with --data-dir"
            )
        if time.monotonic() > give_up_at:
            raise WrongUse(
                f"expected no other stack on {data_dir}, found what a killed one (pid {pid}) has left; "
                "it ends by itself within the minute, try again then"
            )
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    if pid == 0:  # not written yet
        return False
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
