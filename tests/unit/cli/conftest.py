"""The command line in this process, on a folder of the test's own."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from trader.entrypoints.cli import main


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the commands mean; it doesn't exist yet."""
    for name in [name for name in os.environ if name.startswith("TRADER_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "stack"
    monkeypatch.setenv("TRADER_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def trader(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The command `trader`, as a function of its arguments."""

    def run(*arguments: str) -> Ran:
        code = main(list(arguments))
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run
