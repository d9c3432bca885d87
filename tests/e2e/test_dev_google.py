"""`trader dev --google` and `trader gcloud-env`: Google's emulators, the real gcloud, the README's lines."""

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_demo import demo
from tests.support.emulators import require_emulators
from tests.support.stack import PATIENCE_S, LocalStack, environment, is_open, lives, stack, trader, until
from trader.domain.configuration_sample import sample
from trader.domain.wire import JsonObject

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ACCOUNT = "DU1234567"
_, _, _SECTION = README.partition("<!-- gcloud:begin -->")
LINES = [
    line for line in _SECTION.partition("<!-- gcloud:end -->")[0].splitlines() if line.startswith("gcloud")
]


def message(line: str) -> JsonObject:
    """Return what a line publishes."""
    found: JsonObject = json.loads(shlex.split(line)[-1].removeprefix("--message="))
    return found


def configuration() -> JsonObject:
    """Return the sample, with what the lines name besides."""
    shares: JsonObject = {"testsignalgenerator": 0.4, "spymacdvixy": 0.4}
    limits: JsonObject = {
        "enabled": True,
        "allowedSymbols": ["SPY", "VIXY"],
        "maxNotional": 50_000,
        "allowShort": True,
    }
    return {
        **sample(ACCOUNT),
        "exposure": {"overall": 0.9, "strategies": shares},
        "strategies": dict.fromkeys(shares, limits),
    }


@dataclass
class Google:
    """A stack on the emulators, and the environment that `trader gcloud-env` printed for it."""

    local: LocalStack
    variables: dict[str, str]

    def trader(self, *arguments: str) -> str:
        ran = trader(self.local.data_dir, *arguments, variables=self.variables)
        assert ran.returncode == 0, (arguments, ran.stdout, ran.stderr)
        return ran.stdout

    def shell(self, command: str) -> str:
        """Run a line as a person types it, after eval "$(trader gcloud-env)"."""
        ran = subprocess.run(
            ["bash", "-c", command],
            env=environment(self.variables),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
        return ran.stdout

    def results(self, message_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the result events of these messages' runs, once all are told."""
        found: dict[str, dict[str, Any]] = {}

        def told() -> bool:
            events = [json.loads(line) for line in self.trader("results", "--json").splitlines()]
            found.update({event["data"]["id"]: event for event in events if "status" in event["data"]})
            return all(f"message/{each}" in found for each in message_ids)

        until(told, f"results of messages {', '.join(message_ids)}")
        return [found[f"message/{each}"] for each in message_ids]


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    require_emulators()
    folder = tmp_path_factory.mktemp("google")
    (folder / "market.yaml").write_text("hours: always\n")
    (folder / "plan.json").write_text(json.dumps(configuration()))
    with stack(folder, "--google", "--market", str(folder / "market.yaml")) as local:
        printed = json.loads(local.trader("gcloud-env", "--json"))
        found = Google(local, printed)
        found.trader("config", "set", str(folder / "plan.json"), "--account", ACCOUNT)
        found.trader("schedules", "apply")
        yield found


def test_the_exports_are_what_a_shell_takes(google: Google) -> None:
    printed = google.local.trader("gcloud-env")
    exports = dict(re.findall(r"^export (\w+)=(.*)$", printed, flags=re.MULTILINE))
    assert {name: shlex.split(value)[0] for name, value in exports.items()} == google.variables
    endpoint = exports["CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", endpoint), "loopback, and nothing else"


@pytest.mark.slow
def test_each_gcloud_line_of_the_readme_publishes_its_intent_and_its_result_comes(google: Google) -> None:
    message_ids = [re.findall(r"\d+", google.shell(line))[-1] for line in LINES]
    for line, event in zip(LINES, google.results(message_ids), strict=True):
        body, data = message(line), event["data"]
        assert event["type"] == "ib-intents.result.v1"
        assert (data["intent"], data["account"], data["status"]) == (body["intent"], ACCOUNT, "succeeded"), (
            data
        )
        assert data["dryRun"] is body.get("dryRun", False)


def test_every_intent_has_its_gcloud_line() -> None:
    shown = [message(line)["intent"] for line in LINES]
    listed = trader(Path("unused"), "intents", "--json")
    assert shown == [json.loads(line)["intent"] for line in listed.stdout.splitlines()]


@pytest.mark.slow
def test_the_demo_on_googles_emulators_ends_as_promised_and_leaves_nothing(tmp_path: Path) -> None:
    require_emulators()
    ran, scratch = demo(
        tmp_path, "--google", COLUMNS="250", TRADER_BACKEND="google", TRADER_PROJECT="another"
    )
    assert (ran.process.returncode, ran.err) == (0, ""), ran.out
    said = " ".join(ran.out.split())
    assert "14 results, each as promised" in said
    assert "the next worker found the plan in the store" in said
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
def test_a_stack_whose_emulator_dies_says_so_in_a_line_and_ends_with_nothing_left(tmp_path: Path) -> None:
    require_emulators()
    with stack(tmp_path, "--google") as local:
        told = local.told()
        local.dev.pids |= {told["emulators"]["firestorePid"], told["emulators"]["pubsubPid"]}
        os.kill(told["emulators"]["firestorePid"], signal.SIGKILL)
        assert (local.dev.ended(), local.dev.err.count("\n")) == (1, 1)
        assert "emulator-ended" in local.dev.err
        until(lambda: not any(map(lives, local.dev.pids)), "the end of its processes")
        for address in (told["worker"], told["gateway"]):
            assert not is_open(address)
        for name in ("firestore", "pubsub"):
            assert not is_open(f"http://{told['emulators'][name]}")


def test_where_no_emulator_can_be_run_it_says_what_to_install(tmp_path: Path) -> None:
    ran = trader(tmp_path, "dev", "--google", "--port", "0", variables={"PATH": str(tmp_path)})
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (4, "", 1)
    assert "install it" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("dev", "--google", "--gateway", "127.0.0.1:4002"), "expected --google without --gateway"),
        (("dev", "--google", "--at", "2026-11-23T15:00:00Z"), "expected --google without --at"),
        (("dev", "--google", "--schedules"), "expected --google without --schedules"),
        (("gcloud-env",), "found no stack there; start it"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    ran = trader(tmp_path, *arguments)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert told in ran.stderr


def test_a_local_stack_is_not_started_in_a_shell_that_means_google(tmp_path: Path) -> None:
    given = {"TRADER_BACKEND": "google", "TRADER_PROJECT": "demo-other"}
    ran = trader(tmp_path, "dev", "--port", "0", variables=given)
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert "unset it, or add --google" in ran.stderr


def test_a_stack_on_files_has_nothing_to_point_gcloud_at(tmp_path: Path) -> None:
    with stack(tmp_path) as local:
        ran = trader(local.data_dir, "gcloud-env")
        assert (ran.returncode, "found one without emulators" in ran.stderr) == (2, True)
