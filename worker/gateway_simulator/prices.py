"""Quotes and bars: what the market shows, in the contract's ticks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import ceil, exp, floor

_HALF_SPREAD = 0.00002  # of the price; a tick at least on each side of it, once rounded


@dataclass(frozen=True, slots=True)
class Quote:
    """What the market shows. None: there is no such price (closed, or none pinned), IB sends no tick."""

    at: datetime
    bid: Decimal | None  # like ask, only while the market is open
    ask: Decimal | None
    last: Decimal | None  # for forex, where IB sends no last, the middle: good for valuing positions
    open: Decimal | None  # of the trading day's regular hours, like high and low
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None  # the trading day before's
    bid_size: Decimal
    ask_size: Decimal
    last_size: Decimal
    volume: Decimal
    last_at: datetime | None = None  # when that last price was; None: just now

    @property
    def mid(self) -> Decimal | None:
        """Half-way between bid and ask; the last price where one of them is missing."""
        if self.bid is None or self.ask is None:
            return self.last
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. `day` is its trading day: what IB sends in place of a time for bars of a day and more."""

    start: datetime
    day: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal  # -1, like wap and count, where IB counts none (MIDPOINT, BID, ASK)
    wap: Decimal
    count: int


def mark(quote: Quote) -> Decimal | None:
    """The price that a position is valued at: the last trade, else the middle, else yesterday's close."""
    for price in (quote.last, quote.mid, quote.close):
        if price is not None and price.is_finite() and price > 0:
            return price
    return None


def joined(bars: Iterable[Bar]) -> Bar | None:
    """One bar of several that follow one another."""
    parts = tuple(bars)
    if len(parts) < 2:
        return parts[0] if parts else None
    volume = sum((part.volume for part in parts), Decimal(0))
    weighed = sum((part.wap * part.volume for part in parts), Decimal(0))
    counted = parts[0].count >= 0
    return Bar(
        start=parts[0].start,
        day=parts[-1].day,
        open=parts[0].open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[-1].close,
        volume=volume if counted else Decimal(-1),
        wap=round(weighed / volume, 4) if counted and volume else parts[-1].wap,
        count=sum(part.count for part in parts) if counted else -1,
    )


def shown_last(price: float, tick: Decimal) -> Decimal:
    """The price at which a trade shows; nothing trades below a tick."""
    return max(round(exp(price) / float(tick)), 1) * tick


def shown_bid(price: float, tick: Decimal) -> Decimal:
    """The best bid beside a price."""
    return floor(exp(price) * (1 - _HALF_SPREAD) / float(tick)) * tick


def shown_ask(price: float, tick: Decimal) -> Decimal:
    """The best ask beside a price."""
    return ceil(exp(price) * (1 + _HALF_SPREAD) / float(tick)) * tick


def shown_mid(price: float, tick: Decimal) -> Decimal:
    """Half-way between the two."""
    return (shown_bid(price, tick) + shown_ask(price, tick)) / 2


# Each grows with the price, so that the high of bars is the bar of highs, whatever is shown.
SHOWN: dict[str, Callable[[float, Decimal], Decimal]] = {
    "TRADES": shown_last,
    "ADJUSTED_LAST": shown_last,
    "MIDPOINT": shown_mid,
    "BID": shown_bid,
    "ASK": shown_ask,
}
