"""How IB writes durations and bar sizes, and the words with which it refuses others."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

_LEGAL = (
    "1 secs, 5 secs, 10 secs, 15 secs, 30 secs, 1 min, 2 mins, 3 mins, 5 mins, 10 mins, 15 mins, 20 mins, "
    "30 mins, 1 hour, 2 hours, 3 hours, 4 hours, 8 hours, 1 day, 1W, 1M"
)
_SECONDS = {"sec": 1, "min": 60, "hour": 3600}
_SPANS = {"1 day": "day", "1 week": "week", "1w": "week", "1 w": "week", "1 month": "month", "1m": "month"}
_FORMAT = "When specifying a unit, historical data request duration format is integer{SPACE}unit (S|D|W|M|Y)."
_MOST = {"D": (365, "365 days"), "W": (52, "52 weeks"), "M": (12, "12 months")}
_MOST_SECONDS = 86400


class HistoryError(ValueError):
    """IB's refusal of a request for bars: its code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def invalid(cause: str) -> HistoryError:
    """IB's refusal of a request that makes no sense; the two letters vary, and mean nothing."""
    return HistoryError(321, f"Error validating request.-'bM' : cause - {cause}")


@dataclass(frozen=True, slots=True)
class BarSize:
    """A bar's length: seconds within a day, or a span of days."""

    seconds: int = 0
    span: str = ""  # day, week, month


@dataclass(frozen=True, slots=True)
class Duration:
    """How far back a request reaches."""

    count: int
    unit: str  # S, D, W, M, Y

    def before(self, day: date) -> date:
        """The day so many weeks, months or years earlier; the 31st of a shorter month is its last."""
        if self.unit == "W":
            return day - timedelta(weeks=self.count)
        months = day.year * 12 + day.month - 1 - self.count * {"M": 1, "Y": 12}[self.unit]
        first = date(months // 12, months % 12 + 1, 1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        return min(first + timedelta(days=day.day - 1), last)


def parse_bar_size(text: str) -> BarSize:
    """`30 mins`, `1 day`; HistoryError for a size that IB doesn't offer."""
    found = _SIZES.get(text.strip().lower())
    if found is None:
        raise invalid(f"Historical data bar size setting is invalid. Legal ones are: {_LEGAL}")
    return found


def parse_duration(text: str) -> Duration:
    """`5 D`, `3600 S`; HistoryError for one that IB refuses."""
    if not text:
        raise invalid("Historical data request duration not specified.")
    found = re.fullmatch(r"(\d+) ([SDWMY])", f"{text} S" if text.isdigit() else text.upper())
    if found is None:
        raise invalid(_FORMAT)
    duration = Duration(int(found[1]), found[2])
    most, name = _MOST.get(duration.unit, (0, ""))
    if duration.count < 1:
        raise invalid("Historical data requested duration is invalid.")
    if duration.unit == "S" and duration.count > _MOST_SECONDS:
        raise invalid(f"Historical data request for greater than {_MOST_SECONDS} seconds rejected.")
    if most and duration.count > most:
        raise invalid(f"Historical data requests for durations longer than {name} must be made in years.")
    return duration


def _sizes() -> dict[str, BarSize]:
    sizes = {text: BarSize(span=span) for text, span in _SPANS.items()}
    for text in _LEGAL.split(", "):
        count, _, unit = text.partition(" ")
        if unit.rstrip("s") in _SECONDS:
            sizes[text] = BarSize(seconds=int(count) * _SECONDS[unit.rstrip("s")])
    return sizes


_SIZES = _sizes()
