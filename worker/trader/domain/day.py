"""A session date and what the account was worth when it began."""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from trader.domain.wire import Amount, Time, Wire


class StartOfDay(Wire):
    """What the account was worth when the first run of a session date met it."""

    version: Literal[1] = 1
    session_date: str = Field(description="The exchange's date, as 2026-11-23.")
    net_liquidation: Amount
    currency: str
    run: str = Field(description="The run that wrote it.")
    at: Time


class DayResult(Wire):
    """What the account has gained since its day began, deposits and withdrawals included."""

    session_date: str
    start: Amount = Field(description="Net liquidation when the day's first run met the account.")
    now: Amount
    change: Amount = Field(description="Now less start: a loss is negative.")
    change_percent: Amount | None = Field(description="Of the start; null where that isn't above 0.")
    currency: str
    start_at: Time


def day_result(start: StartOfDay, now: Decimal) -> DayResult:
    """Return the day so far; ``now`` is net liquidation in the start's currency."""
    change = now - start.net_liquidation
    percent = change * 100 / start.net_liquidation if start.net_liquidation > 0 else None
    return DayResult(
        session_date=start.session_date,
        start=start.net_liquidation,
        now=now,
        change=change,
        change_percent=None if percent is None else percent.quantize(Decimal("0.0001")),
        currency=start.currency,
        start_at=start.at,
    )
