"""How far each limit of the configuration is used, as far as the books and the broker's last words tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from trader.domain.configuration import Configuration
from trader.domain.risk_check import Measures
from trader.domain.wire import Amount, Time, Wire

Source = Literal["books", "broker", "each-order"]
"""Who tells: our own books, now; the broker, when last looked at; nobody, of a limit on each order alone."""


class LimitUse(Wire):
    """One limit, and how much of it is taken."""

    limit: str = Field(description="Its key in the configuration.")
    allows: Amount
    used: Amount | None = Field(description="Null where nobody knows, and of a limit on each order alone.")
    unit: str = Field(description="Such as USD or percent; empty for a mere count.")
    source: Source
    at: Time | None = Field(description="When what is used was so; null where nobody knows.")

    @property
    def share(self) -> Decimal | None:
        """How much of it is used, 1 being all; None where nobody knows, or where it allows nothing."""
        return None if self.used is None or not self.allows else self.used / self.allows


@dataclass(frozen=True, slots=True)
class Usage:
    """What was counted at ``at``, and what the broker had told at ``seen_at``."""

    at: datetime
    orders_today: int
    conversions_today: int
    oldest_order_minutes: int
    seen: Measures | None
    seen_at: datetime | None


def limit_uses(configuration: Configuration, usage: Usage) -> tuple[LimitUse, ...]:
    """Return every limit of ``configuration``; what grows with use comes first."""
    return tuple(_uses(configuration, usage))


def _uses(configuration: Configuration, usage: Usage) -> Iterator[LimitUse]:
    limits, seen = configuration.limits, usage.seen
    money = (seen.currency if seen else configuration.base_currency) or ""

    def booked(limit: str, allows: int, used: int, unit: str = "") -> LimitUse:
        return LimitUse(
            limit=f"limits.{limit}",
            allows=Decimal(allows),
            used=Decimal(used),
            unit=unit,
            source="books",
            at=usage.at,
        )

    def told(limit: str, allows: Decimal, used: Decimal | None, unit: str = "") -> LimitUse:
        at = None if used is None else usage.seen_at
        return LimitUse(limit=limit, allows=allows, used=used, unit=unit, source="broker", at=at)

    def each(limit: str, allows: Decimal | int, unit: str) -> LimitUse:
        allowed = Decimal(allows)
        return LimitUse(
            limit=f"limits.{limit}", allows=allowed, used=None, unit=unit, source="each-order", at=None
        )

    yield booked("ordersPerDay", limits.orders_per_day, usage.orders_today)
    yield booked("conversionsPerDay", limits.conversions_per_day, usage.conversions_today)
    yield booked("stuckAfterMinutes", limits.stuck_after_minutes, usage.oldest_order_minutes, "minutes")
    yield told("limits.positions", Decimal(limits.positions), Decimal(seen.positions) if seen else None)
    gross = seen.gross_exposure if seen else None
    yield told("limits.grossExposure", limits.gross_exposure, gross, "x net liquidation")
    yield told("limits.dailyDrawdownPercent", limits.daily_drawdown_percent, _loss(seen), "percent")
    values = {line.strategy: line.value for line in seen.strategies} if seen else {}
    for strategy, bounds in sorted(configuration.strategies.items()):
        used = values.get(strategy, Decimal(0)) if seen else None
        yield told(f"strategies.{strategy}.maxNotional", bounds.max_notional, used, money)
    yield each("orderNotional", limits.order_notional, money)
    yield each("priceCollarPercent", limits.price_collar_percent, "percent")
    yield each("barJumpPercent", limits.bar_jump_percent, "percent")
    yield each("priceAgeSeconds", limits.price_age_seconds, "seconds")


def _loss(seen: Measures | None) -> Decimal | None:
    """Return the day's loss in percent, 0 for a gain; None while the day or what became of it isn't known."""
    if seen is None or seen.day is None or seen.day.change_percent is None:
        return None
    return max(-seen.day.change_percent, Decimal(0))
