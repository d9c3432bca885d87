"""The deployment scripts with the real gcloud against Google's APIs on loopback, recorded once."""

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.support.google_apis import PROJECT, REGION, Call, GoogleApis, Json, google_apis
from tests.support.warm_gcloud import warm_gcloud

ROOT = Path(__file__).parents[2]
PATIENCE_S = 500
PAPER, LIVE = "DU1234567", "U7654321"
USER, PASSWORD = "some-user", 'pa"ss\\word'
VARIABLES = {
    "PROJECT_ID": PROJECT,
    "GCP_REGION": REGION,
    "USER_EMAIL_ACCOUNT": "person@example.com",
    "ALERT_EMAIL": "alerts@example.com",
    "BILLING_ACCOUNT": "0A0A0A-0B0B0B-0C0C0C",
    "BUDGET_AMOUNT": "150",
    "SERVICE_NAME_BASE": "ib-trading",
    "REPO_NAME": "cloud-run-repo",
    "FIRESTORE_LOCATION": REGION,
    "GATEWAY_URL": "https://mirror.example/gateway.sh",
    "GATEWAY_VERSION": "1037",
    "GATEWAY_SHA256": "a" * 64,
    "IBC_URL": "https://mirror.example/ibc.zip",
    "IBC_VERSION": "3.23.0",
    "IBC_SHA256": "b" * 64,
    "GITHUB_OWNER": "someone",
    "GITHUB_REPO": "ib-intents",
    "IMAGE_TAG": "abc123",
    "IB_USERNAME": USER,
    "IB_PASSWORD": PASSWORD,
}


@dataclass(frozen=True, slots=True)
class Ran:
    """A script that ended: its exit code, what it said, and the calls that it made."""

    code: int
    out: str
    err: str
    calls: list[Call]

    def changes(self, api: str = "", method: str = "") -> list[Call]:
        """Return the calls that would change something, of one API or method."""
        return [
            call
            for call in self.calls
            if call.changes and api in ("", call.api) and method in ("", call.method)
        ]


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of the deployment's files, to run the scripts in, against ``apis``."""

    folder: Path
    apis: GoogleApis
    warm: Mapping[str, str]

    def run(self, *command: str, given: str = "", **variables: str) -> Ran:
        """Run a script with ``given`` as its input; ``variables`` are laid over those of the deployment."""
        first = len(self.apis.calls)
        ran = subprocess.run(
            ["bash", *command],
            cwd=self.folder,
            env=environment(self.apis, self.folder.parent / "gcloud", {**self.warm, **variables}),
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr, self.apis.calls[first:])


def environment(apis: GoogleApis, gcloud: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return what a script runs with: nothing of this machine's but where programs are."""
    here = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**here, **VARIABLES, **apis.environment(str(gcloud)), **variables}


def guide_blocks(language: str = "") -> list[str]:
    """Return the shell blocks of the guide, in English or as ``.zh-CN``."""
    text = (ROOT / f"infra/README{language}.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def guide_commands(program: str) -> list[str]:
    """Return the guide's commands of one program, each once; a login needs a person and a browser."""
    lines = [line for block in guide_blocks() for line in block.splitlines()]
    found = [line for line in lines if line.startswith(program) and line != "gcloud auth login"]
    return list(dict.fromkeys(found))


def require_gcloud() -> None:
    """Skip where there is no gcloud; fail where the gate says that there is one."""
    if shutil.which("gcloud") is None:
        if os.environ.get("REQUIRE_EMULATORS"):
            pytest.fail("expected the Google Cloud CLI, found no gcloud", pytrace=False)
        pytest.skip("expected the Google Cloud CLI, found no gcloud")


@contextmanager
def checkout(folder: Path) -> Iterator[Checkout]:
    """Yield a checkout with its own Google."""
    copied = folder / "checkout"
    shutil.copytree(ROOT / "infra", copied / "infra", ignore=shutil.ignore_patterns("filled"))
    for name in ("cloudbuild.yaml", "gateway-image", "worker/Dockerfile"):
        source, target = ROOT / name, copied / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    with google_apis(folder) as apis:
        given = environment(apis, folder / "gcloud", {})
        with warm_gcloud(folder / "warm", given) as warm:
            yield Checkout(copied, apis, warm)


def story(folder: Path, shared: Path) -> dict[str, Ran]:
    """Return the recorded story of a deployment; the first test that asks plays it, for all processes.

    ``failing`` is a first deployment that is stopped at a subscription, ``rest`` goes on there, ``adding``
    adds an account, ``releasing`` and ``rolling-back`` replace a revision, ``halting`` and ``rotating`` are
    what a person does in between, each command of the guide that is gcloud's own stands for itself,
    ``tearing-down`` removes it all, and ``tearing-down-again`` finds nothing that is left.
    """
    require_gcloud()
    file = shared / "deployment.json"
    with (shared / "deployment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            file.write_text(json.dumps({name: asdict(ran) for name, ran in _played(folder).items()}))
    found: dict[str, Json] = json.loads(file.read_text())
    return {
        name: Ran(ran["code"], ran["out"], ran["err"], [Call(**call) for call in ran["calls"]])
        for name, ran in found.items()
    }


def _played(folder: Path) -> dict[str, Ran]:
    with checkout(folder) as project:
        told = {}
        project.apis.fails.add(f"projects/{PROJECT}/subscriptions/worker-{PAPER}")
        told["failing"] = project.run("infra/deploy.sh")
        told["rest"] = project.run("infra/deploy.sh", "--from", "75-deliveries")
        project.apis.secrets_ready("ib-live-credentials")
        told["adding"] = project.run("infra/add_account.sh", LIVE, "live", "ib-live-credentials")
        told["releasing"] = project.run("infra/release.sh", PAPER, IMAGE_TAG="def456")
        told["rolling-back"] = project.run("infra/rollback.sh", PAPER)
        told["halting"] = project.run(
            "infra/trader.sh", PAPER, "state", "halt", "--reason", "nothing answers", LOOK_S="0"
        )
        told["rotating"] = project.run("infra/rotate_credentials.sh", PAPER, given=f"{USER}\n{PASSWORD}\n")
        told |= {command: project.run("-c", command) for command in guide_commands("gcloud")}
        for name in ("tearing-down", "tearing-down-again"):
            told[name] = project.run("infra/teardown.sh", "--with-data", given=f"{PROJECT}\n")
        return told
