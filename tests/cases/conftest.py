"""The table of cases: each test of a numbered case, and whether its promise held."""

from collections import defaultdict

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "case(number): the row of the table of broker behaviour that it is")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("case"):
            item.user_properties.append(("case", marker.args[0]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = defaultdict(list)
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            number = dict(getattr(report, "user_properties", ())).get("case")
            if number is not None and (report.when == "call" or outcome == "error"):
                promise = report.nodeid.partition("::test_")[2].replace("_", " ")
                rows[number].append((promise, outcome))
    if rows:
        terminalreporter.write_sep("-", "broker behaviour that broke others")
        for number in sorted(rows):
            for promise, outcome in rows[number]:
                terminalreporter.write_line(f"{number:>2}  {outcome}  {promise}")
