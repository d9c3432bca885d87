"""What the images are built from: stand-in bases, and the lock's packages, each made once.

The bases' names tell how they were made, so that another recipe makes them anew; the packages lie in
``build``.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from tests.images.builds import build, has
from tests.images.commands import FAMILY, ROOT, STANDIN, done

LOCK = ROOT / "requirements.lock"
HOME = Path(sys.base_prefix)
PYTHON_NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
PIP = (str(HOME / "bin" / "python3"), "-m", "pip", "--quiet", "--disable-pip-version-check")
BOOKWORM = ("--python-version", "3.11", "--only-binary", ":all:")
"""Debian's own Python, which runs the simulated gateway, whichever Python runs the tests."""

SIMULATOR_NEEDS = (
    "annotated-types",
    "holidays",
    "pydantic",
    "pydantic-core",
    "python-dateutil",
    "pyyaml",
    "six",
    "typing-extensions",
    "typing-inspection",
    "tzdata",
)


def _digest(*given: object) -> str:
    read = (each.read_bytes() if isinstance(each, Path) else str(each).encode() for each in given)
    return sha256(b"".join(read)).hexdigest()[:8]


_DEBIAN_RECIPE = STANDIN / "debian.sh"
_PYTHON_RECIPE = STANDIN / "python.Dockerfile"
DEBIAN = f"localhost/{FAMILY}-debian:{_digest(_DEBIAN_RECIPE)}"
PYTHON = f"localhost/{FAMILY}-python:{_digest(_DEBIAN_RECIPE, _PYTHON_RECIPE, str(HOME), sys.version)}"


def make_debian() -> None:
    """Make what stands in for debian:bookworm-slim, unless it is there."""
    if not has(DEBIAN):
        done("bash", "-o", "pipefail", "-c", f"unshare --mount {_DEBIAN_RECIPE} | podman import - {DEBIAN}")


def make_python() -> None:
    """Make what stands in for python:3.12-slim-bookworm, unless it is there.

    It has this very Python, whichever that is: the lock is for all that are supported.
    """
    if not has(PYTHON):
        given = {"BASE": DEBIAN, "NAME": PYTHON_NAME}
        built = build(PYTHON, STANDIN, given, "-f", str(_PYTHON_RECIPE), "-v", f"{HOME}:/python:ro")
        assert built.code == 0, built.said[-3000:]


def make_wheels() -> Path:
    """Return a folder of the packages in the lock, and of the simulator's for Debian's Python.

    Builds take them from there, so that nothing is downloaded twice.
    """
    wheels = ROOT / "build" / f"wheels-{_digest(LOCK, sys.version, *SIMULATOR_NEEDS)}"
    if not wheels.exists():
        wheels.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=wheels.parent) as folder:
            coming = Path(folder) / "wheels"
            needed = Path(folder) / "needed.lock"
            needed.write_text(_part_of_the_lock(SIMULATOR_NEEDS))
            how = (*PIP, "download", "--no-deps", "--require-hashes", "--dest", str(coming))
            done(*how, "-r", str(LOCK))
            done(*how, *BOOKWORM, "-r", str(needed))
            shutil.copy(needed, coming)
            coming.rename(wheels)
    return wheels


def _part_of_the_lock(names: Iterable[str]) -> str:
    kept, keeps = [], False
    for line in LOCK.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            keeps = line.partition("==")[0] in names
        if keeps and not line.strip().startswith("#"):
            kept.append(line)
    return "\n".join((*kept, ""))


def from_wheels(wheels: Path, folder: Path) -> tuple[str, ...]:
    """Return the mounts that let pip in a build find the packages: lent to the build, and in no layer."""
    configuration = folder / "pip.conf"
    configuration.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    return ("-v", f"{wheels}:/wheels:ro", "-v", f"{configuration}:/etc/pip.conf:ro")
