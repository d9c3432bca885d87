"""`trader state`: the switch that needs nothing but the store."""

import asyncio
import io
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trader.adapters.sqlite import SqliteStore
from trader.domain.configuration_sample import sample
from trader.stored import records

Trader = Callable[..., Any]


def served(data_dir: Path, *accounts: str) -> None:
    """Make the store of a worker that has served ``accounts``."""

    async def remember() -> None:
        store = await SqliteStore.open(data_dir / "state.sqlite3")
        for account in accounts:
            await records.remember_account(store, account, datetime.now(UTC))
        await store.close()

    data_dir.mkdir(exist_ok=True)
    asyncio.run(remember())


def test_an_account_whose_state_was_never_set_is_halted(trader: Trader, data_dir: Path) -> None:
    served(data_dir, "DU1")
    shown = json.loads(trader("state", "--json").out)
    assert (shown["account"], shown["state"], shown["since"]) == ("DU1", "halted", None)


@pytest.mark.parametrize(
    ("word", "state"),
    [("active", "active"), ("reduce-only", "reduce-only"), ("halt", "halted"), ("HALTED", "halted")],
)
def test_a_state_is_set_with_its_reason_and_told(
    trader: Trader, data_dir: Path, word: str, state: str
) -> None:
    served(data_dir, "DU1")
    changed = json.loads(trader("state", word, "--reason", "news at noon", "--json").out)
    assert (changed["before"], changed["state"], changed["reason"]) == ("halted", state, "news at noon")
    shown = trader("state")
    assert shown.code == 0
    assert state in shown.out
    assert "news at noon" in shown.out


def test_a_halt_is_carried_out_though_its_reason_came_in_another_encoding(
    trader: Trader, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(data_dir, "DU1")
    trader("state", "active")
    monkeypatch.setenv("LOGNAME", "J\udcf6rg")
    # What Python makes of the byte F6 in an argument, where it expects UTF-8.
    halted = json.loads(trader("state", "halt", "--reason", "St\udcf6rung", "--json").out)
    assert (halted["state"], halted["reason"], halted["by"]) == ("halted", "St\ufffdrung", "J\ufffdrg")


def test_a_state_is_told_on_a_terminal_that_has_no_letter_for_its_reason(
    trader: Trader, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(data_dir, "DU1")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", terminal)
    assert trader("state", "halt", "--reason", "\u592a\u5feb").code == 0
    terminal.seek(0)
    assert "??" in terminal.read()


def test_a_state_can_be_tightened_and_loosened_at_once(trader: Trader, data_dir: Path) -> None:
    served(data_dir, "DU1")
    codes = [trader("state", word).code for word in ("active", "halt", "reduce-only", "active", "active")]
    assert codes == [0] * 5
    assert json.loads(trader("state", "--json").out)["state"] == "active"


def test_without_a_reason_it_says_who_did_it(trader: Trader, data_dir: Path) -> None:
    served(data_dir, "DU1")
    assert "trader state halted by " in json.loads(trader("state", "halt", "--json").out)["reason"]


def test_what_holds_comes_with_each_limit_and_how_far_it_is_used(trader: Trader, data_dir: Path) -> None:
    served(data_dir, "DU1")
    file = data_dir / "config.json"
    file.write_text(json.dumps(sample("DU1")))
    assert trader("config", "set", str(file), "--account", "DU1").code == 0
    shown = trader("state")
    assert shown.code == 0
    (orders,) = (line for line in shown.out.splitlines() if line.startswith("limits.ordersPerDay"))
    assert orders.split()[1:3] == ["0", "50"]
    (positions,) = (line for line in shown.out.splitlines() if line.startswith("limits.positions"))
    assert positions.split()[1:3] == ["unknown", "10"]
    assert "limits.orderNotional" in shown.out
    limits = {line["limit"]: line for line in json.loads(trader("state", "--json").out)["limits"]}
    assert (limits["limits.ordersPerDay"]["used"], limits["limits.positions"]["used"]) == ("0", None)


def test_without_a_usable_configuration_the_state_is_told_and_the_limits_say_why_not(
    trader: Trader, data_dir: Path
) -> None:
    served(data_dir, "DU1")
    shown = trader("state")
    assert (shown.code, "halted" in shown.out, "config-missing" in shown.out) == (0, True, True)
    told = json.loads(trader("state", "--json").out)
    assert told["limits"] == []
    assert told["limitsUnknown"].startswith("config-missing")


def test_halting_mends_a_state_that_someone_has_damaged(trader: Trader, data_dir: Path) -> None:
    served(data_dir, "DU1")
    trader("state", "active")
    with sqlite3.connect(data_dir / "state.sqlite3") as file:
        file.execute("UPDATE documents SET data = '{}' WHERE collection = 'accounts/DU1/control'")
    file.close()
    shown = trader("state")
    assert (shown.code, shown.err.count("\n")) == (1, 1)
    assert "document-damaged" in shown.err
    assert trader("state", "active").code == 1
    assert trader("state", "halt").code == 0
    assert trader("state").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["hold"], 2, "expected active, reduce-only or halt, found 'hold'"),
        (["--reason", "why"], 2, "expected a state to set"),
        (["halt", "--reason", " "], 2, "--reason: expected a text"),
        (["halt", "--account", "DU2"], 2, "expected an account of this store (DU1), found DU2"),
        (["halt", "--account", "D"], 2, "TRADER_ACCOUNT"),
        (["halt", "now"], 2, "expected no more arguments, found now"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    trader: Trader, data_dir: Path, arguments: list[str], code: int, told: str
) -> None:
    served(data_dir, "DU1")
    said = trader("state", *arguments)
    assert (said.code, said.out, said.err.count("\n")) == (code, "", 1)
    assert told in said.err
    assert json.loads(trader("state", "--json").out)["since"] is None


def test_among_several_accounts_one_has_to_be_named(
    trader: Trader, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(data_dir, "DU1", "DU2")
    said = trader("state", "halt")
    assert (said.code, "found DU1, DU2; name one with --account" in said.err) == (2, True)
    assert json.loads(trader("state", "halt", "--account", "DU2", "--json").out)["account"] == "DU2"
    monkeypatch.setenv("TRADER_ACCOUNT", "DU1")
    assert json.loads(trader("state", "--json").out)["account"] == "DU1"


def test_a_slip_in_the_folder_is_no_empty_store(trader: Trader, data_dir: Path) -> None:
    said = trader("state", "halt", "--account", "DU1")
    assert (said.code, "store-missing" in said.err) == (4, True)
    assert not data_dir.exists()


def test_a_store_that_cannot_be_read_is_exit_code_4(trader: Trader, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "state.sqlite3").write_text(
        "this is no database, and longer than a header of SQLite's is " * 9
    )
    said = trader("state", "--account", "DU1")
    assert (said.code, said.err.count("\n")) == (4, 1)
