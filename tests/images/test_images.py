"""Both images, built unchanged over stand-in bases, and run beside each other on one localhost."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.images import containers
from tests.images.containers import (
    NAME,
    ROOT,
    Container,
    Ran,
    build,
    container,
    gateway_arguments,
    once,
    run,
)
from tests.images.leftovers import standing
from tests.support.stack import until

WANTED = "TEST_IMAGES"
pytestmark = pytest.mark.skipif(os.environ.get(WANTED) != "1", reason="it takes minutes: make test-images")

GATEWAY, WORKER = f"localhost/{NAME}-gateway", f"localhost/{NAME}-worker"
SECRETS = {"IB_USER": "user-6f1e8c", "IB_PASSWORD": "secret-6f1e8c"}
SUMMARY = '{"intent": "summary"}'


@dataclass(frozen=True)
class Images:
    """Both images, what they were built from, and how long each took."""

    folder: Path
    arguments: dict[str, str]
    took: dict[str, float]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    why = containers.missing()
    if why:
        pytest.fail(f"{WANTED}=1, and {why}", pytrace=False)
    before = standing()
    folder = tmp_path_factory.mktemp("images")
    took: dict[str, float] = {}

    def timed(name: str, ran: Ran) -> None:
        assert ran.code == 0, ran.said[-3000:]
        took[name] = time.monotonic() - began

    began = time.monotonic()
    containers.make_bases(folder)
    took["bases"] = time.monotonic() - began
    downloads = containers.make_downloads(folder)
    with containers.served(folder) as address:
        arguments = gateway_arguments(downloads, address)
        began = time.monotonic()
        timed("gateway", build(GATEWAY, ROOT / "gateway-image", arguments))
        began = time.monotonic()
        timed("worker", build_worker())
        try:
            yield Images(folder, arguments, took)
        finally:
            for image in (GATEWAY, WORKER):
                containers.keep_layers(image)
    assert standing() <= before, "the tests left something behind"


def build_worker() -> Ran:
    more = ("-f", str(ROOT / "worker" / "Dockerfile"), *containers.registry_mounts())
    return build(WORKER, ROOT, {"BASE": containers.PYTHON}, *more)


def readiness(worker: Container) -> dict[str, Any]:
    """Ask the worker from inside its network."""
    script = (
        "import urllib.request, urllib.error, sys\n"
        "try: print(urllib.request.urlopen('http://127.0.0.1:8080/readyz').read().decode())\n"
        "except urllib.error.HTTPError as error: print(error.read().decode())\n"
        "except OSError: print('{}')"
    )
    said = worker.exec("python", "-c", script).said.strip() or "{}"
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def trader(worker: Container, *arguments: str) -> Ran:
    return worker.exec("python", "-P", "-m", "trader.entrypoints.cli", *arguments)


def until_ready(worker: Container) -> None:
    until(lambda: readiness(worker).get("ready") is True, "a worker that is ready")


def test_the_two_beside_each_other_trade_and_nobody_sees_the_credentials(
    images: Images, tmp_path: Path
) -> None:
    (tmp_path / "market.yaml").write_text("hours: always\n")
    tmp_path.chmod(0o777)
    settings = ("-v", f"{tmp_path}:/home/gateway/settings")
    with (
        container("gateway", GATEWAY, variables=SECRETS, more=settings) as gateway,
        container("worker", WORKER, network=f"container:{NAME}-gateway") as worker,
    ):
        until_ready(worker)
        assert gateway.exec("python3", "/opt/gateway-image/healthcheck.py").code == 0
        assert deliver(worker, {"intent": "summary", "id": "one"}) == 204
        assert deliver(worker, {"intent": "close-all", "id": "two", "dryRun": True}) == 204
        seen = gateway.processes() + worker.processes() + gateway.logs() + worker.logs()
        for secret in SECRETS.values():
            assert secret not in seen
        assert worker.stop() in (0, 143)  # uvicorn ends with the signal that it was sent
        assert gateway.stop() == 0
        assert "standin: logged out" in gateway.logs()
    for image in (GATEWAY, WORKER):
        history = run("buildah", "inspect", "--type", "image", image).said
        assert all(secret not in history for secret in SECRETS.values())


def deliver(worker: Container, body: dict[str, Any]) -> int:
    """Push an intent as Pub/Sub does, and return the status of the answer."""
    script = (
        "import base64, json, sys, urllib.request, urllib.error, datetime\n"
        "data = base64.b64encode(sys.argv[1].encode()).decode()\n"
        "at = datetime.datetime.now(datetime.timezone.utc).isoformat().replace('+00:00', 'Z')\n"
        "message = {'data': data, 'messageId': sys.argv[2], 'publishTime': at}\n"
        "body = {'message': message, 'subscription': 's'}\n"
        "asked = urllib.request.Request('http://127.0.0.1:8080/', json.dumps(body).encode(), "
        "{'Content-Type': 'application/json'})\n"
        "try: print(urllib.request.urlopen(asked).status)\n"
        "except urllib.error.HTTPError as error: print(error.code)"
    )
    said = worker.exec("python", "-c", script, json.dumps(body), str(body["id"])).said
    return int(said.strip().splitlines()[-1])


def test_the_worker_is_ready_only_once_the_gateway_is_logged_in_and_survives_its_night(
    images: Images,
) -> None:
    hold = ("--entrypoint", '["sleep", "600"]')
    with (
        container("net", GATEWAY, more=hold) as net,
        container("worker", WORKER, network=f"container:{net.name}") as worker,
    ):
        until(lambda: readiness(worker).get("ready") is False, "a worker that answers before its gateway")
        with container("gateway", GATEWAY, network=f"container:{net.name}", variables=SECRETS):
            until_ready(worker)
        until(lambda: readiness(worker).get("ready") is False, "a worker that has lost its gateway")
        with container("gateway", GATEWAY, network=f"container:{net.name}", variables=SECRETS):
            until_ready(worker)


def test_without_credentials_the_gateways_container_ends_with_one_line(images: Images) -> None:
    ran = once(GATEWAY)
    assert ran.code == 2
    (line,) = (line for line in ran.said.splitlines() if "gatewaystart" in line)
    assert line.startswith("gatewaystart: IB_USER and IB_PASSWORD: expected credentials, found none")


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
    ran = build(f"{GATEWAY}-wrong", ROOT / "gateway-image", {**images.arguments, **changes})
    assert ran.code != 0
    assert told in ran.said


def test_a_build_with_no_change_takes_every_layer_from_the_cache(images: Images) -> None:
    assert "Using cache" in build_worker().said
    again = build(GATEWAY, ROOT / "gateway-image", images.arguments)
    steps = again.said.count("STEP")
    assert again.code == 0
    assert again.said.count("Using cache") >= steps - 8, again.said


def test_neither_image_runs_as_root_and_the_worker_can_write_parquet(images: Images) -> None:
    for image in (GATEWAY, WORKER):
        assert once(image, "-u", entrypoint="id").said.split()[-1] == "1000"
    ran = once(WORKER, "python", "-c", "import pyarrow.parquet, pandas, exchange_calendars; print('fine')")
    assert "fine" in ran.said, ran.said


def test_how_long_it_took_and_how_large_they_are_is_printed(
    images: Images, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = run(*containers.PODMAN, "images", "--format", "{{.Repository}} {{.Size}}").said
    with capsys.disabled():
        print()  # noqa: T201
        for name, seconds in images.took.items():
            print(f"{name}: {seconds:.0f} s")  # noqa: T201
        print("\n".join(line for line in sizes.splitlines() if "ib-intents-test" in line))  # noqa: T201
    assert GATEWAY.rpartition("/")[2] in sizes
