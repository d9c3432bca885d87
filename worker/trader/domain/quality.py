"""The data gate: what the broker sent is either fit to decide on, or refused with a code.

A refusal means Hold; it never sizes an order.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from trader.domain.hours import Hours, Session
from trader.domain.market import Bar, BarSize, Price, PriceKind
from trader.domain.refusal import Refusal
from trader.domain.session import day_of, finished

OPENING_GRACE = timedelta(minutes=30)
"""How long after the opening the newest bar may be the last session's: delayed data is 15 minutes late."""

LONGEST_PAUSE = timedelta(days=5)
"""The longest that a market usually stays closed: Easter in Europe, from Thursday's close to Tuesday."""


def fit_bars(
    bars: Sequence[Bar],
    size: BarSize,
    *,
    hours: Hours,
    now: datetime,
    jump_percent: Decimal,
    delay: timedelta = timedelta(0),
) -> tuple[Bar, ...] | Refusal:
    """Return the finished ones of ``bars`` (as they came, oldest first), or why none may be used.

    With a ``delay`` they are judged as of then: what has ended since is still growing.
    Codes: ``no-bars``, ``bars-out-of-order``, ``bad-bar``, ``bars-too-old``, ``bar-jump``.
    """
    told_at = now - delay
    done = finished(bars, size, hours, told_at)
    if not done:
        return _refuse("no-bars", f"a finished bar of {size}", f"{len(bars)} bars, none finished")
    if any(later.start <= earlier.start for earlier, later in pairwise(bars)):
        return _refuse("bars-out-of-order", "bars from the oldest to the newest", "others")
    for bar in done:
        for price in (bar.open, bar.high, bar.low, bar.close):
            if not math.isfinite(price) or price <= 0:
                return _refuse(
                    "bad-bar", "prices above 0", f"{price} in the bar of {bar.start:%Y-%m-%d %H:%M} UTC"
                )
    if not _is_fresh(bars[-1], size, hours, told_at):
        found = f"one that began at {bars[-1].start:%Y-%m-%d %H:%M} UTC"
        return _refuse("bars-too-old", f"a bar begun within twice {size} of open market", found)
    for earlier, later in pairwise(done):
        change = abs(later.close - earlier.close) * 100
        if change > float(jump_percent) * earlier.close:
            found = f"{change / earlier.close:.1f} percent in the bar of {later.start:%Y-%m-%d %H:%M} UTC"
            return _refuse("bar-jump", f"changes up to limits.barJumpPercent {jump_percent}", found)
    return done


def price_refusal(
    price: Price, *, session: Session | None, now: datetime, age_seconds: int
) -> Refusal | None:
    """Return why ``price`` may not size an order, or None; ``session`` is the one that is open, if any.

    Codes: ``bad-price``, ``price-too-old``.
    """
    if not price.value.is_finite() or price.value <= 0:
        return _refuse("bad-price", "a price above 0", str(price.value))
    if session is None:
        return None
    if price.kind is PriceKind.CLOSE:
        return _refuse("price-too-old", "a price of the open session", "the previous close")
    if now - price.at > timedelta(seconds=age_seconds):
        found = f"one of {(now - price.at).total_seconds():.0f} s ago"
        return _refuse("price-too-old", f"a price within limits.priceAgeSeconds {age_seconds}", found)
    return None


def _is_fresh(newest: Bar, size: BarSize, hours: Hours, now: datetime) -> bool:
    """Judge the newest bar as it came: at the opening, the newest *finished* one is always yesterday's."""
    length = timedelta(seconds=size.seconds)
    session = hours.latest_session(now)
    if session is None:
        return now - newest.start <= LONGEST_PAUSE + length
    if now >= session.closes_at:
        if size is BarSize.DAY_1:
            return newest.start.date() >= day_of(session, hours)
        return session.closes_at - newest.start <= 2 * length
    if now - newest.start <= 2 * length:
        return True
    is_opening = now - session.opens_at < OPENING_GRACE
    return is_opening and session.opens_at - newest.start <= LONGEST_PAUSE + length


def _refuse(code: str, expected: str, found: str) -> Refusal:
    return Refusal(code=code, message=f"expected {expected}, found {found}; holding until the data is good")
