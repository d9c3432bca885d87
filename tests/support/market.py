"""Contracts, hours and bars for the tests of what is decided on them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from trader.domain.instruments import Contract
from trader.domain.market import Bar

NEW_YORK = "US/Eastern"
WEEK = (
    "20261123:0930-20261123:1600;20261124:0930-20261124:1600;20261125:0930-20261125:1600;"
    "20261126:CLOSED;20261127:0930-20261127:1300;20261128:CLOSED;20261129:CLOSED"
)
"""Thanksgiving week: a holiday on Thursday, an early close on Friday."""


def contract(
    hours: str = WEEK,
    time_zone: str = NEW_YORK,
    *,
    con_id: int = 756733,
    symbol: str = "SPY",
    multiplier: int = 1,
) -> Contract:
    return Contract(
        con_id=con_id,
        symbol=symbol,
        sec_type="STK",
        currency="USD",
        exchange="SMART",
        local_symbol=symbol,
        multiplier=Decimal(multiplier),
        min_tick=Decimal("0.01"),
        time_zone=time_zone,
        trading_hours=hours,
        liquid_hours=hours,
    )


def local(text: str, time_zone: str = NEW_YORK) -> datetime:
    """Return the aware instant of a wall-clock time such as ``2026-11-23 09:30``."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(time_zone))


def bars(first: datetime, closes: Iterable[float], minutes: int = 30) -> tuple[Bar, ...]:
    """Return bars of one price each, the first of which starts at ``first``."""
    start, step = first.astimezone(UTC), timedelta(minutes=minutes)
    return tuple(Bar(start + n * step, close, close, close, close, 100.0) for n, close in enumerate(closes))
