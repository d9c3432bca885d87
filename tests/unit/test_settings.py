"""The environment: nothing has to be set, and a slip is one line."""

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
