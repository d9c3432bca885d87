"""Commands run to their end, and the name that all of this run's images and containers carry."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).parents[2]
STANDIN = Path(__file__).parent / "standin"
FAMILY = "ib-intents-test"
NAME = f"{FAMILY}-{uuid4().hex[:8]}"
"""What is made in this run is named after it, so that two runs beside each other don't meet."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and all that it said."""

    code: int
    said: str


def run(*command: str, within_s: float = 600) -> Ran:
    """Run a command to its end."""
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=within_s, check=False
    )
    return Ran(ran.returncode, ran.stdout.decode(errors="replace"))


def done(*command: str) -> str:
    """Run a command that has to succeed, and return what it said."""
    ran = run(*command)
    assert ran.code == 0, f"{command}: {ran.said[-3000:]}"
    return ran.said


def missing() -> str | None:
    """Return why images can't be built here, None if they can."""
    asked = run(str(Path(__file__).parent / "tools.sh"))
    return asked.said.strip() if asked.code else None
