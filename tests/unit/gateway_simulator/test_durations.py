from datetime import date

import pytest

from gateway_simulator.durations import BarSize, Duration, HistoryError, parse_bar_size, parse_duration


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1 secs", BarSize(1)),
        ("30 secs", BarSize(30)),
        ("1 min", BarSize(60)),
        ("20 mins", BarSize(1200)),
        ("1 hour", BarSize(3600)),
        ("8 hours", BarSize(28800)),
        ("1 day", BarSize(span="day")),
        ("1 week", BarSize(span="week")),
        ("1W", BarSize(span="week")),
        ("1 month", BarSize(span="month")),
        ("1M", BarSize(span="month")),
    ],
)
def test_every_bar_size_of_ib_is_understood(text: str, size: BarSize) -> None:
    assert parse_bar_size(text) == size


@pytest.mark.parametrize("text", ["", "1 sec", "7 mins", "1 hours", "1", "2 days"])
def test_another_bar_size_is_refused_with_ibs_list(text: str) -> None:
    with pytest.raises(HistoryError, match="bar size setting is invalid") as refusal:
        parse_bar_size(text)
    assert refusal.value.code == 321
    assert refusal.value.text.endswith("3 hours, 4 hours, 8 hours, 1 day, 1W, 1M")


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("3600 S", Duration(3600, "S")),
        ("5 D", Duration(5, "D")),
        ("60", Duration(60, "S")),
        ("1 y", Duration(1, "Y")),
    ],
)
def test_durations_are_a_number_and_a_unit(text: str, duration: Duration) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "duration not specified"),
        ("5D", r"duration format is integer\{SPACE\}unit"),
        ("D 5", "duration format"),
        ("-1 D", "duration format"),
        ("0 D", "duration is invalid"),
        ("86401 S", "greater than 86400 seconds"),
        ("366 D", "longer than 365 days must be made in years"),
        ("53 W", "longer than 52 weeks"),
        ("13 M", "longer than 12 months"),
    ],
)
def test_other_durations_are_refused_in_ibs_words(text: str, cause: str) -> None:
    with pytest.raises(HistoryError, match=cause) as refusal:
        parse_duration(text)
    assert refusal.value.text.startswith("Error validating request.-'bM' : cause - ")


@pytest.mark.parametrize(
    ("duration", "day", "before"),
    [
        (Duration(1, "M"), date(2026, 3, 31), date(2026, 2, 28)),
        (Duration(1, "Y"), date(2028, 2, 29), date(2027, 2, 28)),
        (Duration(2, "M"), date(2026, 1, 15), date(2025, 11, 15)),
        (Duration(2, "W"), date(2026, 1, 8), date(2025, 12, 25)),
    ],
)
def test_weeks_months_and_years_go_by_the_calendar(duration: Duration, day: date, before: date) -> None:
    assert duration.before(day) == before
