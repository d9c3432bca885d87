"""The environment: nothing has to be set, and a slip is one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from trader.domain.status import Mode
from trader.entrypoints.serve import main
from trader.settings import Settings, SettingsError, variable_names


def test_on_a_laptop_nothing_has_to_be_set() -> None:
    settings = Settings.load({"PATH": "/bin", "TRADER_ACCOUNT": ""})
    assert (settings.mode, settings.account, settings.backend) == (Mode.PAPER, None, "local")
    assert settings.durations.lease_s == 60


def test_every_variable_is_read() -> None:
    settings = Settings.load(
        {
            "TRADER_MODE": "live",
            "TRADER_ACCOUNT": "U1234567",
            "TRADER_DATA_DIR": "data",
            "TRADER_DEFAULT": "false",
            "TRADER_GATEWAY_PORT": "4001",
            "TRADER_LEASE_S": "2.5",
        }
    )
    assert (settings.mode, settings.account, settings.data_dir) == (Mode.LIVE, "U1234567", Path("data"))
    assert (settings.default, settings.gateway_port, settings.durations.lease_s) == (False, 4001, 2.5)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TRADER_MODE", "papre", "TRADER_MODE: expected 'paper' or 'live', found 'papre'"),
        ("TRADER_GATEWAY_PORT", "70000", "TRADER_GATEWAY_PORT: expected less than or equal to 65535"),
        ("TRADER_GATEWAY_PORT", "x", "TRADER_GATEWAY_PORT: expected a valid integer"),
        ("TRADER_ACCOUNT", "DU 1", "TRADER_ACCOUNT: expected text like"),
        ("TRADER_LEASE_S", "0", "TRADER_LEASE_S: expected greater than 0, found '0'"),
        ("TRADER_DEFAULT", "maybe", "TRADER_DEFAULT: expected a valid boolean"),
        ("TRADER_LEESE_S", "3", "unknown variable TRADER_LEESE_S; known are"),
        ("TRADER_DURATIONS", "{}", "unknown variable TRADER_DURATIONS; known are"),
    ],
)
def test_a_slip_is_one_line_that_names_the_variable(name: str, value: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: value})
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_the_known_variables_are_those_that_are_read() -> None:
    for name in variable_names():
        assert name.startswith("TRADER_")
    assert "TRADER_HANDLER_S" in variable_names()


def test_a_port_that_is_none_is_one_line_and_wrong_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "abc")
    assert main([]) == 2
    assert capsys.readouterr().err == "trader: PORT: expected a port from 0 to 65535, found 'abc'\n"


GOOGLE = {"TRADER_BACKEND": "google", "TRADER_PROJECT": "demo-1"}
EMULATORS = {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:8086", "PUBSUB_EMULATOR_HOST": "[::1]:8085"}


def test_google_needs_a_project_and_the_topics_have_their_names() -> None:
    settings = Settings.load(GOOGLE)
    assert (settings.project, settings.intents_topic, settings.results_topic) == (
        "demo-1",
        "intents",
        "results",
    )
    assert (settings.firestore_emulator, settings.pubsub_emulator) == (None, None)


def test_emulators_are_taken_where_google_is_chosen() -> None:
    settings = Settings.load({**GOOGLE, **EMULATORS})
    assert (settings.firestore_emulator, settings.pubsub_emulator) == ("127.0.0.1:8086", "[::1]:8085")
    assert Settings.load(EMULATORS).firestore_emulator is None


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"TRADER_BACKEND": "google"}, "TRADER_PROJECT: expected a project"),
        ({**GOOGLE, "TRADER_PROJECT": "No Such"}, "TRADER_PROJECT: expected text like"),
        ({**GOOGLE, "TRADER_INTENTS_TOPIC": "projects/p/topics/t"}, "TRADER_INTENTS_TOPIC: expected text"),
        ({**GOOGLE, "FIRESTORE_EMULATOR_HOST": "127.0.0.1:8086"}, "PUBSUB_EMULATOR_HOST: expected both"),
        ({**GOOGLE, **EMULATORS, "TRADER_MODE": "live"}, "FIRESTORE_EMULATOR_HOST: expected no emulator"),
        *(
            ({**GOOGLE, **EMULATORS, "PUBSUB_EMULATOR_HOST": address}, "PUBSUB_EMULATOR_HOST: expected an em")
            for address in ("10.0.0.7:8085", "emulator.example:8085", "0.0.0.0:8085", "127.0.0.1", "::1:x")
        ),
        ({"TRADER_PUSH_AUDIENCE": "https://w.example/"}, "TRADER_PUSH_SERVICE_ACCOUNT: expected it together"),
        ({"TRADER_PUSH_SERVICE_ACCOUNT": "a@b.example"}, "TRADER_PUSH_AUDIENCE: expected it together"),
        ({"TRADER_FIRESTORE_EMULATOR": "127.0.0.1:1"}, "unknown variable TRADER_FIRESTORE_EMULATOR"),
    ],
)
def test_what_does_not_go_together_is_one_line(variables: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(variables)
    assert str(caught.value).startswith(told), caught.value
    assert "\n" not in str(caught.value)


def test_google_is_imported_only_where_it_is_chosen() -> None:
    code = "import sys, trader.entrypoints.serve; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    heavy = {"google.cloud.firestore_v1", "google.pubsub_v1", "grpc", "jwt"}
    assert heavy.isdisjoint(loaded.stdout.split())
