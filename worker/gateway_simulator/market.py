"""The market: quotes and bars of any contract, a function of seed, contract and time alone."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from gateway_simulator.clock import Clock
from gateway_simulator.contracts import Contract
from gateway_simulator.market_file import MarketFile, Permission


@dataclass(frozen=True, slots=True)
class Quote:
    """What the market shows now. None: IB sends no such tick (closed, or no price)."""

    at: datetime
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None  # the trading day before's
    bid_size: Decimal
    ask_size: Decimal
    last_size: Decimal
    volume: Decimal

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


class HistoryError(ValueError):
    """IB's refusal of a request for bars: its code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Market:
    """Prices by seeded walks, or from a market file."""

    def __init__(self, clock: Clock, seed: int = 0, prices: MarketFile | None = None) -> None:
        raise NotImplementedError

    def quote(self, contract: Contract) -> Quote:
        """The quote at the clock's now; the same seed and time give the same one, in any order of asking."""
        raise NotImplementedError

    def bars(
        self,
        contract: Contract,
        end: datetime,
        duration: str,
        bar_size: str,
        what_to_show: str,
        regular_hours: bool,
    ) -> tuple[Bar, ...]:
        """Bars as IB counts them; the last may be unfinished. Raises HistoryError for what IB refuses."""
        raise NotImplementedError

    def rate(self, source: str, target: str) -> Decimal:
        """How many of `target` one `source` is worth now; consistent across currencies, open or closed."""
        raise NotImplementedError

    def set_price(self, symbol: str, price: Decimal | None) -> None:
        """Pin a symbol's price from now on: bid, ask and last are it. NaN: no price at all. None: unpin."""
        raise NotImplementedError

    def permission(self, contract: Contract) -> Permission:
        """Whether its data is live, delayed or not to be had, with IB's error for what is not."""
        raise NotImplementedError
