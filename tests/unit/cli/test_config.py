"""`trader config`: shown with its defaults, written only when the whole can be used."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from trader.domain.configuration import Configuration
from trader.domain.configuration_sample import sample

Trader = Callable[..., Any]
SAMPLE = sample("DU1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with the sample configuration of DU1."""
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(SAMPLE))
    return path


def shown(trader: Trader, *arguments: str) -> dict[str, Any]:
    said = trader("config", "show", "--account", "DU1", "--json", *arguments)
    assert said.code == 0
    found: dict[str, Any] = json.loads(said.out)
    return found


def test_what_is_set_is_shown_and_defaults_are_marked(trader: Trader, file: Path) -> None:
    assert trader("config", "set", str(file)).code == 0
    found = shown(trader)
    assert Configuration.model_validate(found["configuration"]) == Configuration.model_validate(SAMPLE)
    assert "limits.positions" in found["defaults"]
    assert "limits.orderNotional" not in found["defaults"]
    table = trader("config", "show", "--account", "DU1").out
    (row,) = [line for line in table.splitlines() if line.startswith("limits.positions")]
    assert row.split() == ["limits.positions", "10", "default"]


def test_what_is_shown_can_be_set_again(trader: Trader, file: Path, tmp_path: Path) -> None:
    trader("config", "set", str(file))
    before = shown(trader)
    again = tmp_path / "again.json"
    again.write_text(json.dumps(before["configuration"], indent="\t"))
    assert trader("config", "set", str(again)).code == 0
    assert shown(trader)["version"] == before["version"]


def test_setting_replaces_the_part_and_keeps_nothing_of_the_old_one(trader: Trader, file: Path) -> None:
    file.write_text(yaml.safe_dump({**SAMPLE, "cashThreshold": 5}))
    trader("config", "set", str(file))
    file.write_text(yaml.safe_dump(SAMPLE))
    trader("config", "set", str(file))
    assert shown(trader)["configuration"]["cashThreshold"] == "1000"


def test_an_account_lies_over_the_common_part(trader: Trader, file: Path, tmp_path: Path) -> None:
    common = tmp_path / "common.yaml"
    common.write_text("limits: {orderNotional: 7, positions: 3}\n")
    assert trader("config", "set", "--common", str(common)).code == 0
    file.write_text(yaml.safe_dump({**SAMPLE, "limits": {"orderNotional": 9}}))
    assert trader("config", "set", str(file)).code == 0
    table = {
        line.split()[0]: line.split()[1:]
        for line in trader("config", "show", "--account", "DU1").out.splitlines()
    }
    assert table["limits.orderNotional"] == ["9", "account"]
    assert table["limits.positions"] == ["3", "common"]
    assert table["limits.ordersPerDay"] == ["50", "default"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"limits": {}}, "limits.orderNotional: expected the largest value of one order"),
        ({"limts": {}}, "limts: unknown key; did you mean limits?"),
        ({"account": "DU2", "allowedAccounts": ["DU2"]}, "account: expected DU1, found DU2"),
        ({"exposure": {"overall": 2}}, "exposure.overall: expected"),
        ({"order": {"type": "MOC", "tif": "GTC"}}, "order.tif: expected DAY"),
    ],
)
def test_what_cannot_be_used_is_told_a_line_each_and_not_written(
    trader: Trader, file: Path, change: dict[str, Any], told: str
) -> None:
    trader("config", "set", str(file))
    version = shown(trader)["version"]
    file.write_text(yaml.safe_dump({**SAMPLE, **change, "marketDataType": 9}))
    said = trader("config", "set", str(file), "--account", "DU1")
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert "marketDataType: expected" in said.err
    assert said.err.count("\n") == 2
    assert shown(trader)["version"] == version
    checked = trader("config", "check", str(file), "--account", "DU1")
    assert (checked.code, checked.err) == (1, said.err)


def test_a_common_part_that_breaks_an_account_is_not_written(
    trader: Trader, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(yaml.safe_dump({**SAMPLE, "order": {"tif": "GTC"}}))
    trader("config", "set", str(file))
    file.write_text("order: {type: MOC}\n")
    monkeypatch.setenv("TRADER_ACCOUNT", "DU1")
    said = trader("config", "set", "--common", str(file))
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "DU1: order.tif: expected DAY with type MOC, found GTC" in said.err
    assert trader("config", "check").code == 0


def test_check_finds_what_is_missing_or_was_damaged_since(trader: Trader, data_dir: Path, file: Path) -> None:
    data_dir.mkdir()
    missing = trader("config", "check", "--account", "DU1")
    assert (missing.code, "expected one, found none" in missing.err) == (1, True)
    assert trader("config", "show", "--account", "DU1").code == 1
    trader("config", "set", str(file))
    assert trader("config", "check", "--account", "DU1").code == 0
    found = json.loads(trader("config", "check", "--account", "DU1", "--json").out)
    assert found == {"account": "DU1", "problems": []}


def test_a_file_can_be_checked_before_there_is_a_store(trader: Trader, data_dir: Path, file: Path) -> None:
    assert trader("config", "check", str(file)).code == 0
    assert trader("config", "check", str(file), "--account", "DU2").code == 1
    assert trader("config", "check", "--common", str(file)).code == 0
    assert not data_dir.exists()


def test_a_dash_is_standard_input(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(SAMPLE).encode())))
    assert trader("config", "set", "-").code == 0
    assert shown(trader)["account"] == "DU1"


def test_symbols_and_times_are_what_they_look_like(trader: Trader, file: Path) -> None:
    file.write_text(
        "account: DU1\nallowedAccounts: [DU1]\nlimits: {orderNotional: 1e3}\n"
        "strategies: {a: {allowedSymbols: [ON, NO, Y, 700], maxNotional: 0.5}}\n"
        "restartWindow: {start: 23:40, end: 00:10}\n".replace("700", '"700"')
    )
    assert trader("config", "set", str(file)).code == 0
    found = shown(trader)["configuration"]
    assert found["strategies"]["a"]["allowedSymbols"] == ["ON", "NO", "Y", "700"]
    assert found["restartWindow"]["start"] == "23:40"
    assert found["limits"]["orderNotional"] == "1000"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "expected keys and values such as account: DU1234567, found nothing"),
        (b"- 1", "found a list"),
        (b"a: [", "line 1: expected YAML or JSON"),
        (b"a: 1\nb:\t2\n\tc: 3", "expected YAML or JSON"),
        (b"limits: {positions: 1, positions: 2}", "found 'positions' twice"),
        (b'{"limits": {"positions": 1, "positions": 2}}', "found 'positions' twice"),
        (b"a: &a {b: *a}", "plain values"),
        (b'{"a": NaN}', "plain values"),
        (b"a: !!python/object/apply:os.getcwd []", "expected YAML or JSON"),
        (b"? [a]\n: 1", "expected YAML or JSON"),
        (b"\xff\xfe", "expected UTF-8 text"),
        (b"[" * 100_000, "correct it"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_exit_code_2(
    trader: Trader, data_dir: Path, file: Path, text: bytes, told: str
) -> None:
    file.write_bytes(text)
    for command in ("set", "check"):
        said = trader("config", command, str(file))
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert told in said.err
    assert not data_dir.exists()


@pytest.mark.parametrize(
    "arguments", [["set", "nowhere.yaml"], ["set", "."], ["set"], ["put"], ["show", "x"]]
)
def test_a_wrong_argument_is_one_line(trader: Trader, arguments: list[str]) -> None:
    said = trader("config", *arguments)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "expected" in said.err


def test_without_a_command_it_shows_its_help(trader: Trader) -> None:
    assert "trader config check plan.yaml" in trader("config").out


def test_a_first_configuration_is_written_once_and_what_is_there_stays(trader: Trader, file: Path) -> None:
    assert "is written" in trader("config", "set", "--once", str(file)).out
    before = shown(trader)["version"]
    file.write_text(yaml.safe_dump({**SAMPLE, "cashThreshold": 5}))
    said = trader("config", "set", "--once", str(file))
    assert (said.code, said.out) == (0, "the configuration of DU1 is there, and stays as it is\n")
    assert shown(trader)["version"] == before


def test_a_configuration_may_be_given_as_text(trader: Trader, file: Path) -> None:
    assert trader("config", "set", "--text", file.read_text()).code == 0
    assert shown(trader)["account"] == "DU1"
    said = trader("config", "set", "--text", "account: [")
    assert said.code == 2
    assert "--text: line 1: expected YAML or JSON" in said.err


@pytest.mark.parametrize(("arguments", "found"), [((), "neither"), (("plan.yaml", "--text", "{}"), "both")])
def test_a_file_and_a_text_are_two_ways_of_which_one_is_taken(
    trader: Trader, arguments: tuple[str, ...], found: str
) -> None:
    said = trader("config", "set", *arguments)
    assert said.code == 2
    assert f"expected FILE or --text, found {found}" in said.err
