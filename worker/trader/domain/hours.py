"""The broker's own trading hours, read from the text that comes with a contract."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from trader.domain.errors import Rejected
from trader.domain.instruments import Contract

# 20261123:0930-20261123:1600, one stretch a part; before TWS 970: 20261123:0930-1200,1300-1600, one day.
_DATED = re.compile(r"(\d{8}):(\d{4})-(\d{8}):(\d{4})", re.ASCII)
_DAY = re.compile(r"(\d{8}):(\d{4}-\d{4}(?:,\d{4}-\d{4})*)", re.ASCII)
_CLOSED = re.compile(r"(\d{8}):CLOSED", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session:
    """One stretch of open market, aware UTC; ``closes_at`` is outside."""

    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Hours:
    """The sessions that the broker has told of, in order; nothing is known after ``known_until``."""

    sessions: tuple[Session, ...]
    known_until: date
    zone: ZoneInfo

    def session_at(self, at: datetime) -> Session | None:
        """Return the session that ``at`` (aware) is in, None when the market is closed.

        Raises Rejected ``hours-out-of-date`` when the broker's text doesn't reach as far as ``at``.
        """
        self._today(at)
        return next((s for s in self.sessions if s.opens_at <= at < s.closes_at), None)

    def latest_session(self, at: datetime) -> Session | None:
        """Return the session that began last, over or not, None where none has yet; raises as above."""
        self._today(at)
        return next((s for s in reversed(self.sessions) if s.opens_at <= at), None)

    def close_today(self, at: datetime) -> datetime | None:
        """Return when the last session that ends on the exchange's date of ``at`` closes; raises as above."""
        today = self._today(at)
        closes = [s.closes_at for s in self.sessions if s.closes_at.astimezone(self.zone).date() == today]
        return max(closes, default=None)

    def closes_early(self, at: datetime) -> bool:
        """Return whether the market closes before its usual hour today; the usual one is most days'."""
        closes = {s.closes_at.astimezone(self.zone).date(): s.closes_at for s in self.sessions}
        hours = Counter(close.astimezone(self.zone).time() for close in closes.values())
        today = self.close_today(at)
        return today is not None and today.astimezone(self.zone).time() < max(
            hours, key=lambda h: (hours[h], h)
        )

    def next_opening(self, at: datetime) -> datetime | None:
        """Return when the first session after ``at`` opens, as far as is known."""
        return next((s.opens_at for s in self.sessions if s.opens_at > at), None)

    def _today(self, at: datetime) -> date:
        today = at.astimezone(self.zone).date()
        if today > self.known_until:
            raise Rejected(
                "hours-out-of-date",
                f"expected trading hours for {today}, found them up to {self.known_until}; "
                "ask for the contract again",
            )
        return today


def liquid_hours(contract: Contract) -> Hours:
    """Return the liquid hours of ``contract``; raises Rejected ``hours-unreadable``."""
    return read_hours(contract.liquid_hours, contract.time_zone)


@lru_cache(maxsize=256)  # two hundred stocks share two or three of them
def read_hours(text: str, time_zone: str) -> Hours:
    """Return the hours that ``text`` tells of; raises Rejected ``hours-unreadable``, never guesses.

    Wall-clock times that a clock change repeats or skips are taken as before the change (PEP 495, fold 0).
    """
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        raise _unreadable("a time zone such as US/Eastern", time_zone) from None
    sessions: list[Session] = []
    ends: list[datetime] = []
    for part in text.rstrip(";").split(";"):
        if shut := _CLOSED.fullmatch(part):
            ends.append(_at(shut[1], "0000", zone))
            continue
        for opens, closes in _stretches(part):
            session = Session(_at(*opens, zone), _at(*closes, zone))
            if session.opens_at >= session.closes_at:
                raise _unreadable("hours whose end is after their start", part)
            sessions.append(session)
            ends.append(session.closes_at)
    in_order = tuple(sorted(sessions, key=lambda session: session.opens_at))
    return Hours(in_order, known_until=max(ends).astimezone(zone).date(), zone=zone)


def _stretches(part: str) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    if dated := _DATED.fullmatch(part):
        return [((dated[1], dated[2]), (dated[3], dated[4]))]
    if day := _DAY.fullmatch(part):
        spans = (span.split("-") for span in day[2].split(","))
        return [((day[1], start), (day[1], end)) for start, end in spans]
    raise _unreadable("hours such as 20261123:0930-20261123:1600 or 20261123:CLOSED", part)


def _at(day: str, time_of_day: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.strptime(day + time_of_day, "%Y%m%d%H%M").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unreadable("a date and time such as 20261123:0930", f"{day}:{time_of_day}") from None


def _unreadable(expected: str, found: str) -> Rejected:
    return Rejected(
        "hours-unreadable",
        f"expected {expected} from the broker, found {found[:64]!r}; nothing is sent on it",
    )
