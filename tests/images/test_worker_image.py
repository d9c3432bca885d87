"""cloudbuild.yaml's tests of the worker's image, run as they stand there on the image that was built here."""

import os
import subprocess
from pathlib import Path

from tests.images.builds import WORKER
from tests.images.commands import ROOT
from tests.images.conftest import Images
from tests.images.containers import HOW, PODMAN
from tests.infra.test_cloudbuild import script


def test_cloud_builds_tests_of_the_workers_image_pass(images: Images, tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\ncommand=$1\nshift\n"
        f'case $command in run) set -- {" ".join(HOW)} "$@" ;; esac\n'
        f'exec {" ".join(PODMAN)} "$command" "$@"\n'
    )
    docker.chmod(0o755)
    ran = subprocess.run(
        ["sh", "-euc", script("worker-tests")],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "WORKER": WORKER, "COMMIT": "abc123"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    assert "'revision': 'abc123'" in ran.stdout
    assert " passed in " in ran.stdout
