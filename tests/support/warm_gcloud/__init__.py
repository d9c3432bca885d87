"""The real gcloud without a second of imports for each command: its own Python, forked after them."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = "platform/bundledpythonunix/bin/python3"
"""The Python that the Google Cloud CLI brings along, under its root."""


@contextmanager
def warm_gcloud(folder: Path, variables: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the variables with which gcloud is warm; none where the CLI doesn't bring its own Python.

    ``variables`` are those of its commands: some of them count when its code is imported.
    The wrapper script is the CLI's own, and so is all that runs: it is told another interpreter, which
    passes the command on to a process that has imported gcloud's code and forks for each command.
    """
    root = Path(shutil.which("gcloud") or "gcloud").resolve().parents[1]
    python = root / PYTHON
    if not python.exists():
        yield {}
        return
    folder.mkdir()
    socket, stub = folder / "socket", folder / "python"
    stub.write_text(f'#!/bin/sh\nexec {python} -SEs {HERE / "client.py"} {socket} "$@"\n')
    stub.chmod(0o755)
    command: list[str | Path] = [python, "-S", HERE / "server.py", root / "lib", socket]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables) as server:
        try:
            assert server.stdout is not None
            if server.stdout.readline() != b"ready\n":
                raise RuntimeError("expected gcloud's code to be imported, found its process ended")
            yield {"CLOUDSDK_PYTHON": str(stub)}
        finally:
            server.kill()
