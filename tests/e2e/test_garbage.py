"""Garbage is looked for as soon as the worker serves, among what came since."""

import os
import subprocess
import sys
from pathlib import Path

LOOKED_AT = """
import gc, uvicorn
from trader.entrypoints.serve import main

async def look(server):
    print(gc.isenabled(), gc.get_freeze_count() > 10_000)

uvicorn.Server.main_loop = look
main()
"""


def test_garbage_is_collected_from_when_it_serves_and_what_it_began_with_is_left_alone(
    tmp_path: Path,
) -> None:
    variables = {**os.environ, "TRADER_DATA_DIR": str(tmp_path), "PORT": "0"}
    found = subprocess.run(
        [sys.executable, "-c", LOOKED_AT], check=True, env=variables, capture_output=True, text=True
    )
    assert found.stdout.split() == ["True", "True"], found.stderr
