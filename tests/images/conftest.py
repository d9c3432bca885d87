"""Both images, built once for all tests, and a look at what these leave behind."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.images import bases
from tests.images.builds import GATEWAY, WORKER, build, keep_layers
from tests.images.commands import ROOT, Ran, missing
from tests.images.downloads import gateway_arguments, make_downloads, served
from tests.images.leftovers import standing

WANTED = "TEST_IMAGES"


@dataclass
class Images:
    """Both images: what they are built from, and how long each step took, in seconds."""

    gateway_arguments: dict[str, str]
    mounts: tuple[str, ...]
    took: dict[str, float] = field(default_factory=dict)

    def build_gateway(self, tag: str = GATEWAY, **changes: str) -> Ran:
        """Build the gateway's image; nothing of the machine is lent to it."""
        return build(tag, ROOT / "gateway-image", {**self.gateway_arguments, **changes})

    def build_worker(self, tag: str = WORKER, context: Path = ROOT) -> Ran:
        """Build the worker's image from a checkout."""
        dockerfile = ("-f", str(context / "worker" / "Dockerfile"))
        return build(tag, context, {"BASE": bases.PYTHON}, *dockerfile, *self.mounts)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    if os.environ.get(WANTED) != "1":
        pytest.skip("it takes minutes: make test-images")
    if why := missing():
        pytest.fail(f"{WANTED}=1, and {why}", pytrace=False)
    before = standing()
    folder = tmp_path_factory.mktemp("images")
    with ThreadPoolExecutor(2) as beside:
        debian = beside.submit(timed, bases.make_debian)
        wheels = bases.make_wheels()
        downloads = make_downloads(folder, wheels)
        took = {"debian": debian.result()}
    with served(folder) as address:
        made = Images(gateway_arguments(downloads, address), bases.from_wheels(wheels, folder), took)
        try:
            build_both(made)
            yield made
        finally:
            keep_layers(GATEWAY)
            keep_layers(WORKER)
    assert standing() <= before, f"the tests left behind: {sorted(standing() - before)}"


def build_both(images: Images) -> None:
    """Build the two beside each other."""

    def gateway() -> None:
        built = images.build_gateway()
        assert built.code == 0, built.said[-3000:]

    def worker() -> None:
        images.took["python"] = timed(bases.make_python)
        built = images.build_worker()
        assert built.code == 0, built.said[-3000:]

    with ThreadPoolExecutor(2) as beside:
        steps = {"gateway": beside.submit(timed, gateway), "worker": beside.submit(timed, worker)}
        images.took |= {name: step.result() for name, step in steps.items()}


def timed(do: Callable[[], None]) -> float:
    """Do it, and return how many seconds it took."""
    began = time.monotonic()
    do()
    return time.monotonic() - began
