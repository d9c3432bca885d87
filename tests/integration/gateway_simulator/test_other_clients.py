"""The two other clients there are, each in an environment of its own: ib_async, and IB's own ibapi."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from tests.support.simulator import PATIENCE_S, simulated

SCRIPTS = Path(__file__).with_name("other_clients")
INSTALLED_S = 120  # a registry that doesn't answer by then is none
UV = shutil.which("uv")


def environment(folder: Path, package: str) -> Path:
    """The Python of a new environment with that package; the test is skipped where no registry answers."""
    python = folder / "bin" / "python"
    commands: list[list[str | Path]]
    if UV:
        commands = [[UV, "venv", "--quiet", "--python", sys.executable, folder]]
        commands.append([UV, "pip", "install", "--quiet", "--python", python, package])
    else:
        commands = [[sys.executable, "-m", "venv", folder]]
        commands.append([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package])
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALLED_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            reason = f"{package} can't be installed: {str(error.stderr or error).strip()[-300:]}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
    return python


async def found_by(python: Path, script: str, gateway: Gateway) -> dict[str, Any]:
    """What a client finds at the gateway."""
    async with serve(gateway) as server:
        process = await asyncio.create_subprocess_exec(
            python, SCRIPTS / script, str(server.port), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S * 3)
    assert out, err.decode()
    assert err == b""  # both log what they can't decode
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize(
    ("package", "script", "version", "reference"),
    [
        ("ib_async==2.1.0", "with_ib_async.py", 178, "async"),
        ("ibapi==9.81.1.post1", "with_ibapi.py", 157, "official"),
    ],
)
async def test_another_client_reads_the_account_and_chains_fetches_bars_and_trades(
    tmp_path: Path, package: str, script: str, version: int, reference: str
) -> None:
    gateway = simulated()
    found = await found_by(environment(tmp_path / "env", package), script, gateway)
    assert found["version"] == version
    assert found["accounts"] == ["DU1234567"]
    assert found["cash"][0] == "100000.00"
    assert found["bars"] == 8
    assert found["chain"] == ["ESZ6", "ESH7", "ESM7", "ESU7", "ESZ7"]
    assert found["series"] == "ESZ6"
    assert found["expires"] == "20261218"
    assert found["strikes"] == [81]
    assert found["priced"] == [True, True]
    assert found["status"] == "Filled"
    assert found["fills"] == [[10, reference]]
    assert found["positions"] == [["SPY", 10]]
    assert gateway.requests["unreadable"] == 0
