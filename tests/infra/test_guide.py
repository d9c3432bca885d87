"""The deployment guide: its commands are run, and are the same in both languages; the short way is short."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.infra.deployment import PAPER, ROOT, VARIABLES, Ran, guide_blocks, guide_commands, story
from tests.support.schemas import problems
from trader.discovery import find_intents
from trader.runs.decoding import understand

INTENTS = find_intents()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, Ran]:
    """The story, shared by all processes that run tests."""
    base = tmp_path_factory.getbasetemp()
    return story(tmp_path_factory.mktemp("story"), base if worker_id == "master" else base.parent)


def test_both_languages_have_the_same_commands() -> None:
    assert guide_blocks() == guide_blocks(".zh-CN")


def test_from_the_variables_to_the_first_result_are_at_most_six_commands() -> None:
    short = guide_blocks()[0].splitlines()
    sourced = short.index("source deployment_vars.sh")
    assert len(short[sourced + 1 :]) <= 6
    assert short[-1].startswith("gcloud pubsub subscriptions pull results-console")


@pytest.mark.parametrize("command", guide_commands("gcloud"))
def test_each_gcloud_command_of_the_guide_is_taken(told: dict[str, Ran], command: str) -> None:
    ran = told[command]
    assert ran.code == 0, ran.err
    assert ran.calls or command.startswith("gcloud config set project")


@pytest.mark.parametrize("command", [each for each in guide_commands("gcloud") if "--message=" in each])
def test_each_message_of_the_guide_is_understood(command: str) -> None:
    (text,) = [word for word in shlex.split(command) if word.startswith("--message=")]
    body = json.loads(text.removeprefix("--message="))
    assert problems("intent-message", body) == []
    understand(body, INTENTS)


SCRIPTS = guide_commands("infra/")


@pytest.mark.parametrize("command", [each for each in SCRIPTS if each.startswith("infra/deploy.sh --only")])
def test_each_step_of_the_guide_runs_alone(command: str) -> None:
    here = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ran = subprocess.run(
        ["bash", "-c", f"{command} --dry-run"],
        cwd=ROOT,
        env={**here, **VARIABLES},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("\n== ") == 1
    assert "\ngcloud " in ran.stdout or "roles/" in ran.stdout


def test_every_other_script_of_the_guide_is_part_of_the_story(told: dict[str, Ran]) -> None:
    others = {each.split()[0] for each in SCRIPTS}
    played = {
        "infra/deploy.sh": "rest",
        "infra/add_account.sh": "adding",
        "infra/release.sh": "releasing",
        "infra/rollback.sh": "rolling-back",
        "infra/trader.sh": "halting",
        "infra/rotate_credentials.sh": "rotating",
        "infra/teardown.sh": "tearing-down",
    }
    assert others == set(played)
    assert others == {f"infra/{path.name}" for path in Path(ROOT, "infra").glob("*.sh")} - {
        "infra/deployment_vars.example.sh"
    }


def test_a_trader_command_is_run_beside_the_deployed_worker(told: dict[str, Ran]) -> None:
    ran = told["halting"]
    assert ran.code == 0, ran.err
    (call,) = [each for each in ran.changes("run") if each.resource.endswith(":run")]
    assert call.resource.endswith(f"ib-trading-{PAPER.lower()}-trader:run")
    (container,) = call.body["overrides"]["containerOverrides"]
    assert container["args"][3:] == ["state", "halt", "--reason", "nothing answers"]


def test_new_credentials_are_a_new_version_and_nothing_else(told: dict[str, Ran]) -> None:
    ran = told["rotating"]
    assert ran.code == 1, "two accounts: whose would be meant by two variables is asked for at a terminal"
    assert "no terminal to ask at" in ran.err
    assert ran.changes() == []


def test_every_figure_of_the_costs_is_the_product_beside_it() -> None:
    text = (ROOT / "infra/README.md").read_text(encoding="utf-8")
    products = re.findall(r"([\d.]+) x ([\d,]+) s x ([\d.]+) = ([\d.]+)", text)
    assert len(products) == 4
    for amount, seconds, price, said in products:
        assert f"{float(amount) * int(seconds.replace(',', '')) * float(price):.2f}" == said
