"""A rehearsal's clock: whoever goes by one file is at one time, which only goes on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trader.adapters.clock import RehearsalClock, SystemClock, set_ahead

AT = datetime(2031, 11, 25, 14, 30, tzinfo=UTC)
SOON = timedelta(minutes=1)


def test_it_is_the_time_that_was_set_and_goes_on_from_there(tmp_path: Path) -> None:
    set_ahead(tmp_path / "ahead", AT)
    clock = RehearsalClock(tmp_path / "ahead")
    first, second = clock.now(), clock.now()
    assert AT - timedelta(seconds=1) < first <= second < AT + SOON


def test_who_goes_by_the_same_file_jumps_with_it(tmp_path: Path) -> None:
    set_ahead(tmp_path / "ahead", AT)
    mine, anothers = RehearsalClock(tmp_path / "ahead"), RehearsalClock(tmp_path / "ahead")
    mine.now()
    anothers.jump(AT + timedelta(hours=6))
    assert AT + timedelta(hours=6) - SOON < mine.now() < AT + timedelta(hours=6) + SOON


def test_it_never_goes_back(tmp_path: Path) -> None:
    set_ahead(tmp_path / "ahead", AT)
    clock = RehearsalClock(tmp_path / "ahead")
    with pytest.raises(ValueError, match="time goes on"):
        clock.jump(AT - SOON)
    assert clock.now() > AT - SOON


def test_what_is_measured_is_real(tmp_path: Path) -> None:
    set_ahead(tmp_path / "ahead", AT)
    clock, before = RehearsalClock(tmp_path / "ahead"), SystemClock().monotonic()
    clock.jump(AT + timedelta(days=1))
    assert before <= clock.monotonic() < before + 3600
