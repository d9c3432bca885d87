"""What the whole suite shares: counts that tests have recorded are shown at its end."""

from collections import defaultdict

import pytest
from hypothesis import HealthCheck, settings

from tests.support.emulators import firestore_emulator, pubsub_emulator

# On a busy machine an example takes long: that is no failure, and nothing here measures time.
settings.register_profile(
    "untimed", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")

__all__ = ["firestore_emulator", "pubsub_emulator"]

SHOWN = ("crash points", "histories", "real deaths", "images", "processes", "night restart")
"""The properties, as of ``record_property``, whose values are printed."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print them; reports carry them also from the processes of xdist."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name in SHOWN:
                found[name].append(str(value))
    for name, values in found.items():
        terminalreporter.section(name)
        for value in sorted(values):
            terminalreporter.write_line(value)
