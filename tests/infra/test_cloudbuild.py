"""cloudbuild.yaml: what gcloud submits of it, and what its steps run."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.endpoint import Request, endpoint

ROOT = Path(__file__).parents[2]
CLOUDBUILD = ROOT / "cloudbuild.yaml"
GIVEN = {"COMMIT_SHA": "abc123", "_IMAGES": "images.example/demo"}
OPERATION = {
    "name": "operations/build/demo/one",
    "metadata": {
        "@type": "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata",
        "build": {"id": "one", "projectId": "demo", "status": "QUEUED", "logUrl": "none"},
    },
}


GIVEN_TO_SHELL = {"IMAGES": "images.example", "COMMIT": "abc123"}


def steps() -> dict[str, dict[str, Any]]:
    return {step["id"]: step for step in yaml.safe_load(CLOUDBUILD.read_text())["steps"]}


def script(step: str) -> str:
    """Return what the step's shell runs, with Cloud Build's escape taken away."""
    text: str = steps()[step]["args"][-1]
    return text.replace("$$", "$")


async def test_gcloud_submits_the_build_with_its_steps_in_order_and_what_it_was_given(tmp_path: Path) -> None:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        if os.environ.get("REQUIRE_EMULATORS"):
            pytest.fail("expected the Google Cloud CLI, found no gcloud", pytrace=False)
        pytest.skip("expected the Google Cloud CLI, found no gcloud")

    async def answer(_: Request) -> bytes:
        body = json.dumps(OPERATION).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body

    given = ",".join(f"{name}={value}" for name, value in GIVEN.items())
    command = ("builds", "submit", "--no-source", "--async", f"--config={CLOUDBUILD}")
    async with endpoint(answer) as recorded:
        process = await asyncio.create_subprocess_exec(
            gcloud,
            *command,
            f"--substitutions={given}",
            env={
                **os.environ,
                "CLOUDSDK_CONFIG": str(tmp_path),
                "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                "CLOUDSDK_CORE_PROJECT": "demo",
                "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
                "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDBUILD": recorded.url,
            },
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
        (request,) = recorded.requests
    assert (request.method, request.path.partition("?")[0]) == (
        "POST",
        "/v1/projects/demo/locations/global/builds",
    )
    order = ["substitutions", "check", "gateway", "worker", "worker-tests", "push", "deploy"]
    assert [step["id"] for step in request.body["steps"]] == order
    assert GIVEN.items() <= request.body["substitutions"].items()


@pytest.mark.parametrize("missing", ["IMAGES", "COMMIT"])
def test_a_build_without_its_substitutions_ends_at_once_naming_the_one(missing: str) -> None:
    given = {"IMAGES": "images.example", "COMMIT": "abc123", missing: ""}
    ran = _sh("substitutions", ROOT, given)
    assert ran.returncode != 0
    assert f"{'_IMAGES' if missing == 'IMAGES' else 'COMMIT_SHA'}: expected" in ran.stderr


def test_the_gateways_image_is_built_only_when_its_files_or_arguments_have_no_image_yet(
    tmp_path: Path,
) -> None:
    shutil.copytree(ROOT / "gateway-image", tmp_path / "gateway-image")
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        '#!/bin/sh\ncase $1 in\n  manifest) grep -qx "$3" pushed ;;\n'
        '  build) echo built >> built ;;\n  push) echo "$2" >> pushed ;;\nesac\n'
    )
    docker.chmod(0o755)
    (tmp_path / "pushed").touch()

    def tag(**changes: str) -> str:
        names = ("GATEWAY_URL", "GATEWAY_VERSION", "GATEWAY_SHA256", "IBC_URL", "IBC_VERSION", "IBC_SHA256")
        given = {name: name.lower() for name in names} | GIVEN_TO_SHELL | changes
        ran = _sh("gateway", tmp_path, given, docker.parent)
        assert ran.returncode == 0, ran.stderr
        return (tmp_path / "gateway-image.txt").read_text().strip()

    first = tag()
    assert tag() == first
    assert tag(GATEWAY_SHA256="another") != first
    (tmp_path / "gateway-image" / "fetch.sh").write_text("another\n")
    assert tag() != first
    assert (tmp_path / "built").read_text().splitlines() == ["built"] * 3
    pushed = set((tmp_path / "pushed").read_text().splitlines())
    assert len(pushed - {"images.example/gateway:abc123"}) == 3
    assert "images.example/gateway:abc123" in pushed, "a release names it by the commit"


@pytest.mark.parametrize(
    ("deploy", "said"), [("no", "not deployed"), ("live", "--mode live"), ("paper", "--mode paper")]
)
def test_a_build_releases_only_what_it_is_told_to(tmp_path: Path, deploy: str, said: str) -> None:
    (tmp_path / "infra").mkdir()
    release = tmp_path / "infra" / "release.sh"
    release.write_text('#!/bin/sh\necho "released $*"\n')
    release.chmod(0o755)
    (tmp_path / "gateway-image.txt").write_text("images.example/gateway:1\n")
    given = {"DEPLOY": deploy, "IMAGE_TAG": "abc123", "IMAGES": "images.example"}
    ran = _sh("deploy", tmp_path, given, program="bash")
    assert ran.returncode == 0, ran.stderr
    assert said in ran.stdout
    assert ("released" in ran.stdout) == (deploy != "no")


def _sh(
    step: str, folder: Path, given: dict[str, str], programs: Path | None = None, program: str = "sh"
) -> subprocess.CompletedProcess[str]:
    path = f"{programs}:{os.environ['PATH']}" if programs else os.environ["PATH"]
    return subprocess.run(
        [program, "-euc", script(step)],
        cwd=folder,
        env={"PATH": path, **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
