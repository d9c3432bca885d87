"""Google's emulators for tests: one of each a test session at most, and a fresh project for each test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from trader.entrypoints.emulator.sdk import FIRESTORE, HOST, PUBSUB, Kind, Missing, command_of

REQUIRED = "REQUIRE_EMULATORS"
"""Set to 1, an emulator that is missing fails the tests that need it; otherwise it skips them."""


@contextmanager
def running_emulator(kind: Kind) -> Iterator[str]:
    """Run an emulator in a group of its own, and yield its HOST:PORT; it ends when this process does."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "trader.entrypoints.emulator", kind.name, "--exit-with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline().strip()
            assert said.startswith(f"listening on {HOST}:"), f"the {kind.name} emulator ended: {said}"
            yield said.removeprefix("listening on ")
        finally:
            process.terminate()


def require_emulators(*kinds: Kind) -> None:
    """Skip the test, or fail it, where any of ``kinds`` (both unless told) can't be run."""
    try:
        for kind in kinds or (PUBSUB, FIRESTORE):
            command_of(kind, 1)
    except Missing as reason:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED}=1, and {reason}", pytrace=False)
        pytest.skip(f"{reason}; {REQUIRED}=1 fails instead")


def _session_emulator(kind: Kind) -> Iterator[str]:
    require_emulators(kind)
    with running_emulator(kind) as address:
        yield address


@pytest.fixture(scope="session")
def firestore_emulator() -> Iterator[str]:
    """Yield HOST:PORT of the session's Firestore emulator."""
    yield from _session_emulator(FIRESTORE)


@pytest.fixture(scope="session")
def pubsub_emulator() -> Iterator[str]:
    """Yield HOST:PORT of the session's Pub/Sub emulator."""
    yield from _session_emulator(PUBSUB)


def fresh_project() -> str:
    """Return a project that no other test uses; ``demo-`` says to Google's own tools that none is real."""
    return f"demo-{uuid4().hex[:20]}"
