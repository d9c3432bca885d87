"""What a run of the benchmarks says: each row, whether it misses its mark, and what could not be measured."""

import json

from tests.benchmarks.measuring import Bound, Compared, Mark, Row, Spread, Unmeasured
from tests.benchmarks.table import Report

ROWS = (
    Row(
        "summary",
        "ms",
        Spread(1.9, 2.1, 1234.5),
        "echo function",
        Spread(0.2, 0.25, 0.3),
        Compared.MORE,
        Mark(Bound.AT_MOST, 3),
    ),
    Row(
        "close-all",
        "/s",
        Spread(90, 100, 110),
        "bare ib_insync",
        Spread(900, 1000, 1100),
        Compared.TIMES,
        Mark(Bound.AT_LEAST, 0.5),
    ),
    Row("as before", "ms", Spread(9, 10, 11), "ours", Spread(2, 2, 2)),
    Unmeasured("publish to result", "no emulator here"),
)
REPORT = Report("the short form", ROWS, 2000, 3, 61.4)


def lines() -> dict[str, str]:
    return {line.partition("  ")[0]: " ".join(line.split()) for line in REPORT.table().splitlines()}


def test_each_row_stands_beside_its_floor_with_its_noise() -> None:
    assert lines()["summary"] == (
        "summary ms 1.90 2.10 1,234 0.20 0.25 0.30 echo function +1.85 ms at most +3.00 ms reached"
    )


def test_a_row_that_misses_its_mark_is_printed_as_missing_it() -> None:
    assert lines()["close-all"].endswith("0.10 x at least 0.50 x MISSED")
    assert "1 of 4 rows miss their mark; the short form, 61 s" in REPORT.table()


def test_a_row_without_a_mark_only_reports() -> None:
    assert lines()["as before"].endswith("5.00 x - reported")


def test_what_could_not_be_measured_is_said() -> None:
    assert "not measured: publish to result: no emulator here" in REPORT.table()


def test_the_acknowledged_messages_are_counted() -> None:
    assert "2000 messages were acknowledged, and each has its stored result; 3 " in REPORT.table()


def test_the_same_can_be_read_by_a_program() -> None:
    told = json.loads(REPORT.to_json())
    assert [row["verdict"] for row in told["rows"]] == ["reached", "missed", "reported", "not measured"]
    assert told["rows"][0]["ours"] == {"least": 1.9, "median": 2.1, "most": 1234.5}
    assert told["rows"][0]["mark"] == {"bound": "at most", "limit": 3}
    assert told["rows"][1]["comparison"] == 0.1
