"""Logs: one JSON object a line in Cloud Logging's names, without secrets, bodies and amounts."""

import json
import logging
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import structlog

from trader.logs import configure


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_has_the_names_that_cloud_logging_reads(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    with structlog.contextvars.bound_contextvars(run="id/x"):
        structlog.get_logger("trader.test").warning("put off", code="not-now")
    (line,) = lines(capsys)
    assert line.pop("time")
    assert line == {
        "severity": "WARNING",
        "message": "put off",
        "code": "not-now",
        "run": "id/x",
        "logger": "trader.test",
    }


def test_the_libraries_speak_the_same_language(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    logging.getLogger("uvicorn.error").info("started on port %d", 8080)
    (line,) = lines(capsys)
    assert (line["severity"], line["message"]) == ("INFO", "started on port 8080")


@pytest.mark.parametrize("trouble", [BrokenPipeError(), ValueError("I/O operation on closed file.")])
def test_nothing_fails_for_a_line_that_can_not_be_told(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    configure("info")

    def fails(_: str) -> None:
        raise trouble

    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", SimpleNamespace(write=fails))
        structlog.get_logger("trader.test").error("unexpected error")


def test_what_is_below_the_level_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    configure("warning")
    structlog.get_logger("trader.test").info("quiet")
    logging.getLogger("other").info("quiet")
    assert lines(capsys) == []


def test_a_trace_shows_the_code_and_none_of_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    try:
        secret = "4711" * 3
        raise RuntimeError("a defect" + secret[:0])
    except RuntimeError as error:
        structlog.get_logger("trader.test").error("unexpected error", exc_info=error)
    (line,) = lines(capsys)
    assert "a defect" in json.dumps(line)
    assert "4711" not in json.dumps(line).replace('"4711" * 3', "")


def test_what_ib_insync_logs_is_kept_out_with_its_amounts(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    logging.getLogger("ib_insync.wrapper").error("execDetails Execution(price=671.3, shares=100)")
    logging.getLogger("ib_insync.Decoder").error(
        "Error handling fields: %s", ["6", "NetLiquidation", "100000"]
    )
    (line,) = lines(capsys)
    assert line["message"] == "a message from the gateway could not be decoded"
    assert "100000" not in json.dumps(line)
