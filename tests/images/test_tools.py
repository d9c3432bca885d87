"""tools.sh, by which the gate decides whether images are built here: what it says where they can't be."""

import os
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent / "tools.sh"
ABLE = {
    "id": "echo 0",
    "apt-get": "exit 0",
    "unshare": "exit 0",
    "dpkg-query": "printf installed",
    "buildah": "echo buildah version 1.28.2 and more",
    "podman": "echo podman version 4.3.1",
}
"""A machine that can, as stand-ins for the commands that are asked."""


def asked(folder: Path, *arguments: str, **changes: str) -> tuple[int, str]:
    for name, script in (ABLE | {name.replace("_", "-"): script for name, script in changes.items()}).items():
        command = folder / name
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
    ran = subprocess.run(
        [str(TOOLS), *arguments],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr == ""
    return ran.returncode, ran.stdout.strip()


def test_where_images_can_be_built_it_says_with_what(tmp_path: Path) -> None:
    assert asked(tmp_path) == (0, "with buildah version 1.28.2, podman version 4.3.1")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": "echo 1000"}, "expected root, which builds in a chroot need; found user 1000"),
        ({"unshare": "exit 1"}, "expected namespaces of our own, found them refused"),
        (
            {"dpkg_query": "exit 1"},
            "expected these packages, found none: apt-get install buildah podman runc",
        ),
    ],
    ids=["no root", "no namespaces", "no packages"],
)
def test_where_they_cant_it_says_why_in_one_line(tmp_path: Path, changes: dict[str, str], told: str) -> None:
    code, said = asked(tmp_path, **changes)
    assert code == 1
    assert said.startswith(told)
    assert "\n" not in said


def test_an_installation_that_fails_is_a_reason_and_no_failure_of_the_gate(tmp_path: Path) -> None:
    code, said = asked(tmp_path, "--install", dpkg_query="exit 1", apt_get="echo E: no network; exit 100")
    assert (code, said) == (1, "apt-get update failed: E: no network")


def test_what_is_missing_is_installed_if_that_is_asked(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    code, _ = asked(
        tmp_path,
        "--install",
        dpkg_query=f"[ -e {installed} ] && printf installed",
        apt_get=f'case "$*" in *install*buildah*) touch {installed} ;; esac',
    )
    assert code == 0
