"""What both images are, and how they are built: checksums, layers, sizes, users."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.images import bases
from tests.images.builds import GATEWAY, WORKER, size
from tests.images.commands import ROOT, done
from tests.images.conftest import Images
from tests.images.containers import once

LIMIT_MB = 350
REAL_BASE_MB = 124.3
"""python:3.12.13-slim-bookworm, as the official images' own list has it (docker-library/repo-info)."""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"GATEWAY_SHA256": "0" * 64}, "this is not what it says"),
        ({"IBC_SHA256": ""}, "IBC_SHA256: expected 64 hex digits"),
        ({"GATEWAY_URL": ""}, "GATEWAY_URL: expected where to get it, found none"),
    ],
    ids=["wrong sum", "no sum", "no address"],
)
def test_a_build_without_the_right_checksum_fails(images: Images, changes: dict[str, str], told: str) -> None:
    built = images.build_gateway(f"{GATEWAY}-wrong", **changes)
    assert built.code != 0
    assert told in built.said


def layers(said: str) -> list[tuple[str, bool]]:
    """Return the steps of a build that make a layer, and whether each was taken from the cache."""
    steps = said.split("STEP ")[1:]
    named = [(step.partition(": ")[2].partition("\n")[0], "Using cache" in step) for step in steps]
    return [(name, cached) for name, cached in named if name.split()[0] in ("RUN", "COPY")]


def test_a_build_with_no_change_takes_every_layer_from_the_cache(images: Images) -> None:
    for again in (images.build_gateway(), images.build_worker()):
        assert again.code == 0
        assert [name for name, cached in layers(again.said) if not cached] == []


def test_a_changed_source_file_builds_the_workers_last_layer_anew_and_no_other(
    images: Images, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for name in (".dockerignore", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "worker", tmp_path / "worker", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "worker" / "trader" / "__init__.py").open("a") as file:
        file.write(f"# {tmp_path}\n")
    changed = f"{WORKER}-changed"
    request.addfinalizer(lambda: done("podman", "rmi", "--ignore", changed))
    built = images.build_worker(changed, tmp_path)
    assert built.code == 0, built.said[-3000:]
    anew = [name for name, cached in layers(built.said) if not cached]
    assert anew == ["COPY worker /app/worker"]


def test_the_workers_image_is_within_its_size_on_the_real_base(
    images: Images, record_property: Callable[[str, object], None]
) -> None:
    own = (size(WORKER) - size(bases.PYTHON)) / 1e6
    for name, seconds in images.took.items():
        record_property("images", f"{name}: {seconds:.0f} s")
    record_property(
        "images", f"worker: {own:.1f} MB over its base, {own + REAL_BASE_MB:.0f} MB over the real one"
    )
    record_property(
        "images", f"gateway, with the simulator in place of IB Gateway: {size(GATEWAY) / 1e6:.0f} MB"
    )
    assert own + REAL_BASE_MB < LIMIT_MB


def test_neither_image_runs_as_root(images: Images) -> None:
    for image in (GATEWAY, WORKER):
        assert once(image, "-u", more=("--entrypoint", "id")).said.split()[-1] == "1000"


def test_the_workers_image_has_no_simulated_gateway(images: Images) -> None:
    found = once(WORKER, "python", "-c", "import gateway_simulator")
    assert "No module named 'gateway_simulator'" in found.said
