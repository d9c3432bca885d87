"""May this order type go now? From the broker's own trading hours."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from trader.domain.hours import Hours, Session, liquid_hours
from trader.domain.instruments import Contract
from trader.domain.market import Bar, BarSize
from trader.domain.orders import OrderType, TimeInForce
from trader.domain.refusal import Refusal

MOC_CUT_OFF = timedelta(minutes=10)
"""How long before the close an MOC order must be in: NYSE's deadline (SEC release 34-84804, SR-NYSE-2018-58,
15:50 for a close at 16:00). Nasdaq and Arca take them later; the earliest serves all."""

_MOMENT = timedelta(microseconds=1)

CLOSED = "market-closed"
"""The code of an order that would go at another hour: a dry run tells it, and goes on."""

EXCHANGE_ZONE = "America/New_York"
"""Whose midnight ends the account's session date: the gateway's reports are cut off then."""


def trading_day(at: datetime) -> str:
    """Return the account's session date at ``at`` (aware), as 2026-11-23."""
    return session_date(at).isoformat()


def session_date(at: datetime, time_zone: str = EXCHANGE_ZONE) -> date:
    """Return the exchange's date at ``at`` (aware): late in New York it is already tomorrow in UTC."""
    return at.astimezone(ZoneInfo(time_zone)).date()


def may_go(
    order_type: OrderType, tif: TimeInForce, good_after: datetime | None, contract: Contract, at: datetime
) -> Refusal | None:
    """Return None when such an order may be placed at ``at``, else why not and when the market opens.

    MKT, and LMT for the day, need liquid hours; MOC a session today before its cut-off; LMT GTC and any
    order that starts later may be placed at any time. Raises Rejected when the hours can't be relied on.
    """
    if _at_any_time(order_type, tif, good_after, at):
        return None
    hours = liquid_hours(contract)
    if order_type is OrderType.MOC:
        close = hours.close_today(at)
        if close is not None and at < close - MOC_CUT_OFF:
            return None
        found = "no session" if close is None else f"it past {_local(close - MOC_CUT_OFF, hours)}"
        return _closed(f"expected {contract} before its cut-off for MOC today, found {found}", hours, at)
    if hours.session_at(at):
        return None
    return _closed(
        f"expected {contract} in its liquid hours for {order_type} {tif}, found it closed", hours, at
    )


def goes_until(
    order_type: OrderType, tif: TimeInForce, good_after: datetime | None, contract: Contract, at: datetime
) -> datetime | None:
    """Return when such an order, which may be placed at ``at``, may not any more; None if it always may.

    Raises as ``may_go`` does.
    """
    if _at_any_time(order_type, tif, good_after, at):
        return None
    hours = liquid_hours(contract)
    if order_type is OrderType.MOC:
        close = hours.close_today(at)
        return None if close is None else close - MOC_CUT_OFF
    session = hours.session_at(at)
    return None if session is None else session.closes_at


def finished(bars: Sequence[Bar], size: BarSize, hours: Hours, now: datetime) -> tuple[Bar, ...]:
    """Return the bars that will not change any more."""
    if size is BarSize.DAY_1:
        closes = {day_of(session, hours): session.closes_at for session in hours.sessions}
        return tuple(bar for bar in bars if _end_of_day(bar.start.date(), closes, hours) <= now)
    return tuple(bar for bar in bars if _end(bar, size, hours) <= now)


def day_of(session: Session, hours: Hours) -> date:
    """Return the exchange's date of a session, which is the one that it ends on, at midnight too."""
    return (session.closes_at - _MOMENT).astimezone(hours.zone).date()


def _end_of_day(day: date, closes: Mapping[date, datetime], hours: Hours) -> datetime:
    """Return when a day's bar ends: with its session.

    Where that isn't told any more, it ends with its date, and before that as the next day's session opens.
    """
    midnight = datetime.combine(day + timedelta(days=1), time(), hours.zone)
    opening = next((s.opens_at for s in hours.sessions if day_of(s, hours) > day), midnight)
    return closes.get(day) or min(opening, midnight)


def _end(bar: Bar, size: BarSize, hours: Hours) -> datetime:
    """Return when a bar within a day ends: with its session, if that closes first."""
    end = bar.start + timedelta(seconds=size.seconds)
    closes = [s.closes_at for s in hours.sessions if s.opens_at < end and bar.start < s.closes_at]
    return min(end, max(closes)) if closes else end


def _at_any_time(order_type: OrderType, tif: TimeInForce, good_after: datetime | None, at: datetime) -> bool:
    starts_later = good_after is not None and good_after > at
    return starts_later or (order_type is OrderType.LMT and tif is TimeInForce.GTC)


def _closed(finding: str, hours: Hours, at: datetime) -> Refusal:
    opening = hours.next_opening(at)
    when = f"it opens next at {_local(opening, hours)}" if opening else "no later opening is known"
    return Refusal(code=CLOSED, message=f"{finding}; {when}")


def _local(at: datetime, hours: Hours) -> str:
    return f"{at.astimezone(hours.zone):%Y-%m-%d %H:%M} {hours.zone.key}"
