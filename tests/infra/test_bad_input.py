"""What a deployment refuses before it changes anything, each in a line that says how to mend it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.infra.deployment import PAPER, ROOT, VARIABLES, Checkout, checkout, require_gcloud
from tests.support.google_apis import PROJECT, REGION

ENTRY = {
    "account": PAPER,
    "mode": "paper",
    "default": "true",
    "secret": "ib-paper-credentials",
    "configuration": "infra/configuration.example.yaml",
}


def refused(command: str = "infra/deploy.sh --dry-run", where: Path = ROOT, **variables: str) -> list[str]:
    """Run a script that needs no gcloud; return the lines of its refusal."""
    here = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ran = subprocess.run(
        ["bash", "-c", command],
        cwd=where,
        env={**here, **VARIABLES, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    return ran.stderr.splitlines()


@pytest.mark.parametrize(
    "name", [name for name in VARIABLES if not name.startswith(("IB_", "IMAGE", "GITHUB"))]
)
def test_a_variable_that_is_missing_or_malformed_is_named(name: str) -> None:
    for value in ("", "!"):
        first, last = refused(where=ROOT, **{name: value})
        assert first.startswith(f"error: {name}: expected ")
        assert first.endswith(f"found '{value}'")
        assert "source it; nothing was changed" in last


def test_all_that_is_missing_is_said_at_once() -> None:
    assert len(refused(PROJECT_ID="", ALERT_EMAIL="", GATEWAY_SHA256="", GITHUB_REPO="")) == 5


def accounts_file(folder: Path, *entries: dict[str, str]) -> Path:
    """Write a list of accounts as a person does."""
    lines = ["accounts:"]
    for entry in entries:
        lines += [f"{'    ' if n else '  - '}{key}: {value}" for n, (key, value) in enumerate(entry.items())]
    path = folder / "accounts.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


LIVE = {**ENTRY, "account": "U7654321", "mode": "live", "default": "false", "secret": "live"}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], "expected at least one account"),
        ([ENTRY, ENTRY], f"account '{PAPER}': expected each account once, found it twice; remove one entry"),
        (
            [ENTRY, {**LIVE, "default": "true"}],
            "expected one account with default: true, found DU1234567 too",
        ),
        ([LIVE], "expected one account with default: true, found none"),
        ([ENTRY, {**LIVE, "secret": ENTRY["secret"]}], "expected one of its own, found that of DU1234567"),
        ([{**ENTRY, "account": "you"}], "expected an IB account such as DU1234567"),
        ([{**ENTRY, "mode": "both"}], "mode: expected paper or live, found 'both'"),
        ([{**ENTRY, "mode": "live"}], "expected mode paper for an account that begins with D"),
        ([{**ENTRY, "default": "yes"}], "default: expected true or false, found 'yes'"),
        ([{**ENTRY, "configuration": "none.yaml"}], "configuration: expected a file to read"),
        ([{**ENTRY, "user": "me"}], "expected account, mode, default, secret and configuration, found user"),
    ],
)
def test_an_entry_that_can_not_be_is_named(tmp_path: Path, entries: list[dict[str, str]], said: str) -> None:
    (line,) = refused(ACCOUNTS_FILE=str(accounts_file(tmp_path, *entries)))
    assert said in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accounts:\n- account: DU1\n", ":2: expected '  - key: value'"),
        ("accounts:\n  - account: 'DU1'\n", ":2: expected a plain value or one in double quotes"),
        ("accounts:\n  - account: DU1 # mine\n", ":2: expected a plain value"),
        ("accounts:\n  - account: DU1\n    account: DU2\n", ":3: expected account once, found it twice"),
        ("accounts:\n    account: DU1\n", ":2: expected a record to begin with"),
        ("accounts:\n  - account: &x DU1\n", ":2: expected a plain value"),
        ("other:\n", ":1: expected"),
        ("", "expected a list named accounts, found none"),
    ],
)
def test_yaml_that_another_reader_would_take_otherwise_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text(text)
    (line,) = refused(ACCOUNTS_FILE=str(path))
    assert line.startswith(f"error: {path}")
    assert said in line


@pytest.mark.parametrize(
    ("file", "name"),
    [("accounts", "accounts"), ("schedules", "schedules"), ("grants", "grants"), ("alerts", "alerts")],
)
def test_the_scripts_read_each_file_as_yaml_is_read(file: str, name: str) -> None:
    script = (
        'stop() { echo "$*" >&2; exit 1; }; source infra/shell/records.sh; '
        'each() { for key in "${!record[@]}"; do printf "%s=%s\\n" "$key" "${record[$key]}"; done; echo; }; '
        f"each_record infra/{file}.yaml {name} each"
    )
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = [
        {key: yaml.safe_load(value) if value[:1] in "[{" else value for key, _, value in map(_split, lines)}
        for lines in (record.splitlines() for record in ran.stdout.strip().split("\n\n"))
    ]
    wanted = yaml.load((ROOT / f"infra/{file}.yaml").read_text(), yaml.BaseLoader)[name]  # noqa: S506 - texts
    as_texts = [
        {
            key: yaml.safe_load(str(value)) if isinstance(value, dict | list) else value
            for key, value in w.items()
        }
        for w in wanted
    ]
    assert [{k: str(v) for k, v in each.items() if k != "message"} for each in found] == [
        {k: str(v) for k, v in each.items() if k != "message"} for each in as_texts
    ]


def test_a_description_says_what_it_is_given_whatever_that_means_to_a_shell(tmp_path: Path) -> None:
    path = tmp_path / "template"
    path.write_text("says: ${SAYS}")
    script = 'stop() { exit 1; }; source infra/shell/gcloud.sh; rendered "$1" SAYS'
    ran = subprocess.run(
        ["bash", "-euc", script, "bash", str(path)],
        cwd=ROOT,
        env={**os.environ, "SAYS": r"a & b \& $HOME"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "says: a & b \\& $HOME\n"


def _split(line: str) -> tuple[str, str, str]:
    return line.partition("=")


@pytest.mark.parametrize(
    "command",
    [
        "infra/deploy.sh --only nothing",
        "infra/deploy.sh --form 70-services",
        "infra/release.sh",
        "infra/release.sh DU9",
        "infra/release.sh --mode both",
        "infra/rollback.sh",
        "infra/rotate_credentials.sh DU9",
        "infra/add_account.sh",
        "infra/teardown.sh --all",
        f"infra/trader.sh {PAPER}",
        f"infra/trader.sh {PAPER} state --json",
    ],
)
def test_wrong_use_is_told_in_a_line(command: str) -> None:
    (line,) = refused(command)
    assert line.startswith("error: ")
    assert "expected" in line
    assert "found" in line


def test_an_account_that_can_not_be_added_leaves_the_list_as_it_was(tmp_path: Path) -> None:
    path = accounts_file(tmp_path, ENTRY)
    before = path.read_text()
    (line,) = refused(f"infra/add_account.sh {PAPER} paper another", ACCOUNTS_FILE=str(path))
    assert "expected each account once" in line
    assert path.read_text() == before
    assert [each.name for each in tmp_path.iterdir()] == ["accounts.yaml"]


def test_credentials_that_json_can_not_hold_are_refused_and_no_version_is_stored(tmp_path: Path) -> None:
    gcloud = tmp_path / "gcloud"
    gcloud.write_text("#!/bin/sh\necho a version was stored\n")
    gcloud.chmod(0o755)
    (line,) = refused(
        f"infra/rotate_credentials.sh {PAPER}",
        PATH=f"{tmp_path}:{os.environ['PATH']}",
        IB_PASSWORD="pass\tword",  # noqa: S106 - nobody's
    )
    assert line == "error: expected a name or password without control characters, found one"


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """A checkout whose references git has packed, as it does by itself from time to time."""
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("filled"))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git/packed-refs").write_text(
        f"# pack-refs with: peeled fully-peeled sorted\n{'e' * 40} refs/heads/main\n{'f' * 40} refs/tags/v1\n"
    )
    return tmp_path


def test_the_commit_is_known_wherever_git_keeps_it(committed: Path) -> None:
    dry = "infra/deploy.sh --only 70-services --dry-run >&2; exit 1"
    assert f"--labels=commit={'e' * 40} " in "".join(refused(dry, committed, IMAGE_TAG=""))
    (committed / ".git/HEAD").write_text(f"{'a' * 40}\n")
    assert f"--labels=commit={'a' * 40} " in "".join(refused(dry, committed, IMAGE_TAG=""))


@pytest.mark.parametrize("command", [f"infra/release.sh {PAPER}", "infra/steps/70-services.sh"])
def test_without_a_commit_nothing_is_replaced(committed: Path, command: str) -> None:
    shutil.rmtree(committed / ".git")
    (line,) = refused(command, committed, IMAGE_TAG="", DRY_RUN="yes")
    assert line == "error: IMAGE_TAG: expected the tag of the images, found none and no commit; set it"


def test_tearing_down_asks_first() -> None:
    line = refused("infra/teardown.sh <<< another-project")[-1]
    assert line.endswith(f"error: expected {PROJECT}, found 'another-project'; nothing was removed")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout against a Google that has the project, and nothing in it."""
    require_gcloud()
    with checkout(tmp_path) as found:
        yield found


def enabled(project: Checkout) -> None:
    """Have the services on, as after a first deployment."""
    for name in ("artifactregistry", "firestore", "pubsub", "run"):
        service = f"{name}.googleapis.com"
        path = f"projects/{PROJECT}/services/{service}"
        project.apis.documents[path] = {"config": {"name": service}, "state": "ENABLED"}


def test_googles_agents_are_made_by_the_next_run_where_one_could_not_be(project: Checkout) -> None:
    agents = [
        f"projects/{PROJECT}/services/{name}.googleapis.com:generateServiceIdentity"
        for name in ("pubsub", "cloudscheduler")
    ]
    project.apis.fails.add(agents[1])
    ran = [project.run("infra/deploy.sh", "--only", "10-apis") for _ in range(2)]
    assert [each.code for each in ran] == [1, 0]
    made = [call.resource for call in ran[1].changes() if call.resource.endswith("Identity")]
    assert made == agents


def test_a_job_that_is_taken_out_of_the_file_no_longer_goes_on(project: Checkout) -> None:
    jobs = f"projects/{PROJECT}/locations/{REGION}/jobs"
    gone = [f"{jobs}/ib-trading-{PAPER.lower()}-{name}" for name in ("old-close", "old-open")]
    for path in (*gone, f"{jobs}/somebody-elses"):
        project.apis.documents[path] = {"name": path, "state": "ENABLED", "schedule": "0 9 * * *"}
    ran = project.run("infra/deploy.sh", "--only", "85-schedules")
    assert ran.code == 0, ran.err
    paused = [call.resource for call in ran.changes("cloudscheduler") if call.resource.endswith(":pause")]
    assert paused == [f"{path}:pause" for path in gone]
    assert "old-open: paused, as infra/schedules.yaml names it no more" in ran.out


def test_a_job_that_google_has_switched_off_keeps_no_deployment_from_its_end(project: Checkout) -> None:
    for name in ("old-close", "test-signal"):
        path = f"projects/{PROJECT}/locations/{REGION}/jobs/ib-trading-{PAPER.lower()}-{name}"
        project.apis.documents[path] = {"name": path, "state": "DISABLED", "schedule": "0 9 * * *"}
    ran = project.run("infra/deploy.sh", "--only", "85-schedules")
    assert ran.code == 0, ran.err
    assert "old-close" not in ran.out, "which publishes nothing, and can't be paused"
    assert "test-signal: publishes nothing, as Google has switched it off" in ran.out, "though it should"


def test_tearing_down_removes_the_jobs_that_the_file_names_no_more(project: Checkout) -> None:
    enabled(project)
    jobs = f"projects/{PROJECT}/locations/{REGION}/jobs"
    old, others = f"{jobs}/ib-trading-{PAPER.lower()}-old-close", f"{jobs}/somebody-elses"
    for path in (old, others):
        project.apis.documents[path] = {"name": path, "state": "PAUSED", "schedule": "0 9 * * *"}
    ran = project.run("infra/teardown.sh", given=f"{PROJECT}\n")
    assert ran.code == 0, ran.err
    assert [call.resource for call in ran.changes("cloudscheduler")] == [old]


REPOSITORY = f"projects/{PROJECT}/locations/{REGION}/repositories/cloud-run-repo"
DATABASE = f"projects/{PROJECT}/databases/(default)"


@pytest.mark.parametrize(
    ("path", "document", "said"),
    [
        (f"projects/{PROJECT}", None, "PROJECT_ID: expected a project, found none named demo-project"),
        (f"projects/{PROJECT}/billingInfo", {"billingEnabled": False}, "expected billing for demo-project"),
        (REPOSITORY, {"format": "PYTHON"}, "REPO_NAME: expected a repository of images, found that"),
        (DATABASE, {"type": "DATASTORE_MODE"}, "PROJECT_ID: expected a database in Firestore's native mode"),
        (
            f"projects/{PROJECT}/subscriptions/worker-{PAPER}",
            {"topic": f"projects/{PROJECT}/topics/others"},
            "expected worker-DU1234567 to be a subscription of intents, found that it is one of others",
        ),
    ],
)
def test_a_project_that_will_not_do_is_told_before_anything_is_changed(
    project: Checkout, path: str, document: dict[str, str] | None, said: str
) -> None:
    enabled(project)
    if document is None:
        del project.apis.documents[path]
    else:
        project.apis.documents[path] = {"name": path, **document}
    ran = project.run("infra/deploy.sh")
    assert ran.code == 1
    (line,) = ran.err.splitlines()
    assert said in line
    assert ran.changes() == []


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 127", "expected gcloud 528 or newer, found"),
        ("echo 410.0.0", "expected gcloud 528 or newer, found 410.0.0; run gcloud components update"),
    ],
)
def test_a_gcloud_that_is_too_old_is_told(tmp_path: Path, script: str, said: str) -> None:
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(f"#!/bin/sh\n{script}\n")
    gcloud.chmod(0o755)
    (line,) = refused("infra/deploy.sh", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert said in line


def released(tmp_path: Path, *away: str) -> list[str]:
    """Release an account where gcloud fails at each command with one of these texts; return what is said."""
    failing = [f"*{text!r}*) echo 'NOT_FOUND: not found' >&2; exit 1 ;;" for text in away]
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(
        "\n".join(
            [
                '#!/bin/sh\ncase "$*" in',
                *failing,
                "*'repositories describe'*) echo mirror.example/images ;;",
                "*'services describe'*) echo https://worker.example ;;",
                "esac",
            ]
        )
    )
    gcloud.chmod(0o755)
    lines = refused(f"infra/release.sh {PAPER} 1>&2", PATH=f"{tmp_path}:{os.environ['PATH']}")
    return [line for line in lines if "NOT_FOUND" not in line]


def test_a_release_that_gets_no_answer_says_so_and_lets_deliveries_go_on(tmp_path: Path) -> None:
    assert released(tmp_path, "jobs execute") == [
        f"{PAPER}: deliveries are stopped; what comes now waits",
        (
            f"error: {PAPER}: expected its runs to come to their ends within 900 s, found one that didn't, "
            f"or no answer; infra/trader.sh {PAPER} settled says which; nothing was replaced"
        ),
        f"{PAPER}: the release failed; what is deployed now stays",
        f"{PAPER}: deliveries go on",
    ]


def test_a_release_that_leaves_deliveries_stopped_says_that_they_are(tmp_path: Path) -> None:
    said = released(tmp_path, "jobs execute", "--push-endpoint=https")
    assert said[-1] == f"{PAPER}: its deliveries are still stopped; release it again"
    assert f"{PAPER}: deliveries go on" not in said


def test_a_release_of_what_is_not_deployed_stops_no_deliveries(tmp_path: Path) -> None:
    (line,) = released(tmp_path, "services describe")
    assert line.startswith(
        "error: expected the service ib-trading-du1234567, found none; run infra/deploy.sh"
    )


def test_a_project_with_some_of_the_services_on_is_deployed_to(tmp_path: Path) -> None:
    """Of a service that is off, Google says neither that something is there nor that it isn't."""
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(
        """#!/bin/sh
case "$*" in
version*) echo 528.0.0 ;;
'projects describe'*) printf '123\\tACTIVE\\n' ;;
'billing projects'*) echo True ;;
'services list'*) echo run.googleapis.com ;;
'run services describe'*) echo 'NOT_FOUND: not found' >&2; exit 1 ;;
*describe*) echo 'PERMISSION_DENIED: the API has not been used in project or it is disabled' >&2; exit 1 ;;
esac
"""
    )
    gcloud.chmod(0o755)
    deploy = "infra/deploy.sh --only 10-apis 1>&2 || exit 2; exit 1"
    said = refused(deploy, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert any(line.startswith("services: switched on artifactregistry ") for line in said)
