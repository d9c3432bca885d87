"""What a person mistypes: one line that says what was expected, exit code 2, and nothing done."""

import errno
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trader.entrypoints.cli.app import app

Trader = Callable[..., Any]

WRONG = [
    (["frobnicate"], "expected a command, found frobnicate"),
    (["--frobnicate"], "expected a known option, found --frobnicate"),
    (["--version=1"], "expected --version alone"),
    (["publish"], "expected INTENT"),
    (["publish", ""], "unknown intent ''"),
    (["publish", "sumary"], "did you mean summary?"),
    (["publish", "summary", "more"], "expected no more arguments, found more"),
    (["publish", "summary", "--dryrun"], "found --dryrun; meant --dry-run?"),
    (["publish", "summary", "--dry-run=yes"], "expected --dry-run alone"),
    (["publish", "summary", "--set"], "expected a value after --set"),
    (["publish", "summary", "--set", "x"], "expected --set KEY=JSON such as symbol=SPY, found 'x'"),
    (["publish", "summary", "--set", "=1"], "expected --set KEY=JSON"),
    (["publish", "summary", "--set", "symbol=SPY"], "unknown-field (symbol)"),
    (["publish", "testsignalgenerator", "--set", "symbol=1"], "bad-field (symbol)"),
    (["publish", "testsignalgenerator", "--set", "symbol=A", "--set", "symbol=B"], "found it twice"),
    (["publish", "testsignalgenerator", "--set", "intent=summary"], "the field intent once, found it twice"),
    (["publish", "summary", "--dry-run", "--set", "dryRun=false"], "the field dryRun once, found it twice"),
    (["publish", "summary", "--set", "dryRun=NaN"], "bad-json"),
    (["publish", "summary", "--id", "a b"], "bad-field (id)"),
    (["publish", "summary", "--id", ""], "bad-field (id)"),
    (["publish", "summary", "--id", "x" * 65], "bad-field (id)"),
    (["publish", "summary", "--account", "no such"], "bad-field (account)"),
    (["publish", "summary", "--reason", ""], "bad-field (reason)"),
    (["publish", "summary", "--set", "reason=\udcff"], "expected text in UTF-8"),
    (["publish", "summary", "--reason", "x" * (300 << 10)], "too-large"),
    (["publish", "summary", "--expires-at", "tomorrow"], "expected a time with its offset"),
    (["publish", "summary", "--expires-at", "2026-11-23T21:00:00"], "expected a time with its offset"),
    (["publish", "summary", "--expires-at", ""], "expected a time with its offset"),
    (["publish", "summary", "--expires-at", "9999-12-31T23:59:59-14:00"], "between the years 1 and 9999"),
    (["publish", "summary", "--expires-at", "0001-01-01T00:00:00+14:00"], "between the years 1 and 9999"),
    (["publish", "summary", "--then", "["], "expected JSON after --then, found '['"),
    (["publish", "summary", "--then", "[" * 100_000], "expected JSON after --then"),
    (["publish", "summary", "--set", "x=" + "[" * 100_000], "unknown-field (x)"),
    (["publish", "summary", "--then", "{}"], "bad-field (then)"),
    (["publish", "summary", "--then", '[{"intent": "sumary"}]'], "unknown-intent (then.0.intent)"),
    (["publish", "summary", "--then", '[{"intent": "summary", "id": "x"}]'], "bad-follow-up (then.0.id)"),
    (["publish", "summary", "--timeout", "0"], "expected seconds above 0"),
    (["publish", "summary", "--timeout", "nan"], "expected seconds above 0"),
    (["publish", "summary", "--timeout", "soon"], "expected seconds above 0, at most 86400, found 'soon'"),
    (["publish", "summary", "--data-dir", ""], "expected a folder, found an empty text"),
    (["publish", "summary", "--data-dir", __file__], "expected a folder, found the file"),
    (["publish", "set-trading-state", "--set", "state=halt"], "missing-field (reason)"),
    (["publish", "set-trading-state", "--set", "state=gone", "--reason", "x"], "bad-field (state)"),
    (["results", "today"], "expected no more arguments, found today"),
    (["results", "--last", "0"], "expected a whole number from 1, found '0'"),
    (["results", "--last", "-1"], "expected a whole number from 1"),
    (["results", "--last", "ten"], "expected a whole number from 1"),
    (["results", "--last"], "expected a value after --last"),
    (["results", "--folow"], "meant --follow?"),
    (["results", "--data-dir", __file__], "expected a folder, found the file"),
    (["dev", "now"], "[FILE]: expected a file, found none at"),
    (["dev", __file__], "expected --schedules before a file of schedules"),
    (["dev", "--schedules", "nowhere.yaml"], "expected a file, found none at"),
    (["dev", "--schedules", __file__, "more"], "expected no more arguments, found more"),
    (["schedules", "--file", __file__, "apply"], "expected options after apply, found one before it"),
    (["schedules", "list"], "expected a command, found list"),
    (["schedules", "--file", "nowhere.yaml"], "expected a file, found none at"),
    (["schedules", "apply", "--file", "nowhere.yaml"], "expected a file, found none at"),
    (["expect", "--since", "yesterday"], "expected a time with its offset"),
    (["expect", "--since", "2999-01-01T00:00:00Z"], "expected a time that is past"),
    (["expect", "--since", "0001-01-01T00:00:00Z"], "expected a time of the last 400 days"),
    (["expect", "--since", "0001-01-01T00:00:00+14:00"], "between the years 1 and 9999"),
    (["state", "--data-dir", "~nobody_at_all/x"], "expected a path, found '~nobody_at_all/x'"),
    (["state", "--data-dir", "x" * 5000], "File name too long"),
    (["schedules", "--file", "~nobody_at_all/x"], "there is no such user"),
    (["schemas", "--dir", "x" * 5000], "File name too long"),
    (["dev", "--port", "http"], "expected a port from 0 to 65535, found 'http'"),
    (["dev", "--port", "65536"], "expected a port from 0 to 65535"),
    (["dev", "--port", "-1"], "expected a port from 0 to 65535"),
    (["dev", "--gateway", "localhost"], "expected HOST:PORT such as 127.0.0.1:4002, found 'localhost'"),
    (["dev", "--gateway", ":4002"], "expected HOST:PORT"),
    (["dev", "--gateway", "http://localhost:4002"], "expected HOST:PORT"),
    (["dev", "--gateway", "localhost:0"], "expected HOST:PORT"),
    (["dev", "--gateway", "h\udcf6st:4002"], "expected HOST:PORT"),
    (
        ["dev", "--gateway", "127.0.0.1:4002", "--seed", "1"],
        "expected --seed only with the simulated gateway",
    ),
    (["dev", "--seed", "lucky"], "expected a whole number, found 'lucky'"),
    (["dev", "--scenario", "nowhere.yaml"], "expected a file, found none at"),
    (["dev", "--market", ""], "expected a file"),
    (["dev", "--data-dir", __file__], "expected a folder, found the file"),
    (["demo", "fast"], "expected no more arguments, found fast"),
    (["demo", "--fast"], "expected a known option, found --fast"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(a)[:60] or "-" for a, _ in WRONG])
def test_a_mistake_is_one_line_and_nothing_is_done(
    trader: Trader, data_dir: Path, arguments: list[str], said: str
) -> None:
    ran = trader(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("trader: ")
    assert ran.err.count("\n") == 1
    assert said in ran.err
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TRADER_GATEWAY_PROT", "1", "unknown variable TRADER_GATEWAY_PROT"),
        ("TRADER_LEASE_S", "0", "TRADER_LEASE_S"),
        ("TRADER_ACCOUNT", "?", "TRADER_ACCOUNT"),
        ("TRADER_MODE", "real", "TRADER_MODE"),
        ("TRADER_DATA_DIR", "~nobody_at_all/x", "TRADER_DATA_DIR: expected a path"),
        ("TRADER_DATA_DIR", "x" * 5000, "TRADER_DATA_DIR: expected a path"),
    ],
)
@pytest.mark.parametrize("command", [["results"], ["publish", "summary"], ["dev"]])
def test_an_environment_that_cannot_be_used_is_one_line(
    trader: Trader,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    name: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(name, value)
    ran = trader(*command)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err
    assert not data_dir.exists()


@pytest.mark.parametrize("command", [["results"], ["publish", "summary"]])
def test_a_folder_that_cannot_be_made_is_the_topic_out_of_reach(trader: Trader, command: list[str]) -> None:
    ran = trader(*command, "--data-dir", f"{__file__}/below")
    assert (ran.code, ran.out, ran.err.count("\n")) == (4, "", 1)
    assert "expected a folder" in ran.err


@pytest.mark.parametrize("name", ["topics.sqlite3"])
@pytest.mark.parametrize("command", [["results"], ["publish", "summary"]])
def test_a_damaged_topic_is_out_of_reach(
    trader: Trader, data_dir: Path, command: list[str], name: str
) -> None:
    data_dir.mkdir()
    (data_dir / name).write_text("not a database, and long enough to be taken for one" * 20)
    ran = trader(*command)
    assert (ran.code, ran.out, ran.err.count("\n")) == (4, "", 1)
    assert name in ran.err


def test_a_port_that_is_taken_is_one_line(trader: Trader) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        ran = trader("dev", "--port", str(port))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert f"expected port {port} to be free" in ran.err


@pytest.mark.parametrize(
    "command",
    ["", *sorted(c.name or c.callback.__name__ for c in app.registered_commands if c.callback)],
)
def test_help_says_what_a_command_does_and_shows_how(trader: Trader, command: str) -> None:
    ran = trader(*command.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: trader {command}".rstrip())


def test_no_command_at_all_shows_the_help(trader: Trader) -> None:
    assert trader().out == trader("--help").out


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Let the topic's opening raise what only a terminal, a pipe or a defect would."""

    def end_with(error: BaseException) -> None:
        async def raises(*_: object) -> None:
            raise error

        monkeypatch.setattr("trader.bootstrap.open_topics", raises)

    return end_with


def test_ctrl_c_is_quiet(trader: Trader, ending: Any) -> None:
    ending(KeyboardInterrupt())
    ran = trader("results")
    assert (ran.code, ran.out, ran.err) == (130, "", "")


def test_a_reader_that_has_gone_ends_a_command_quietly(trader: Trader, ending: Any) -> None:
    ending(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    ran = trader("results")
    assert (ran.code, ran.out, ran.err) == (141, "", "")


def test_a_full_disk_is_told_in_a_line(trader: Trader, ending: Any) -> None:
    ending(OSError(errno.ENOSPC, "No space left on device"))
    ran = trader("results")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "expected room to write, found none (No space left on device)" in ran.err


@pytest.mark.parametrize(
    ("command", "code", "lines"),
    [
        ("--version >/dev/full", 1, 1),
        ("--version >&-", 0, 0),
        ("frobnicate 2>/dev/full", 2, 0),
        ("frobnicate 2>&-", 2, 0),
        ("frobnicate >&-", 2, 1),
    ],
)
def test_a_place_that_takes_no_words_makes_no_trace_and_no_other_exit_code(
    command: str, code: int, lines: int
) -> None:
    ran = subprocess.run(
        ["sh", "-c", f'exec "$0" -m trader.entrypoints.cli {command}', sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr.count("\n"), "Traceback" in ran.stderr) == (code, lines, False)


def test_a_defect_shows_its_trace(trader: Trader, ending: Any) -> None:
    ending(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        trader("results")
