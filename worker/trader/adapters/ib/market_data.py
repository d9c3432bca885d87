"""Contracts, bars and prices, asked of the gateway one request each."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time

from ib_insync import BarData, Ticker

from trader.adapters.ib.connection import Connection
from trader.adapters.ib.contracts import resolved, to_ib, to_search
from trader.adapters.ib.numbers import price
from trader.adapters.ib.session import Session
from trader.domain.errors import Rejected
from trader.domain.instruments import Contract, Instrument
from trader.domain.market import Bar, BarSize, Price, PriceKind
from trader.ports import Clock

LONGEST_DAYS = 365
"""The broker wants longer durations in years."""
DELAYED = frozenset({3, 4})
"""Market data types: 1 live, 2 frozen, 3 delayed, 4 delayed frozen."""
SNAPSHOT = "snapshot"


class IbMarketData:
    """The MarketData port; any number of calls may wait at once."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._contracts: dict[tuple[date, Instrument], Contract] = {}
        self._resolving: defaultdict[Instrument, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def contract(self, instrument: Instrument) -> Contract:
        # An instrument's id doesn't change, but its trading hours are told only for the days to come.
        key = (self._clock.now().date(), instrument)
        async with self._resolving[instrument]:
            self._connection.session()
            if key not in self._contracts:
                contract = await self._resolve(instrument)
                self._contracts = {old: c for old, c in self._contracts.items() if old[0] == key[0]}
                self._contracts[key] = contract
            return self._contracts[key]

    async def bars(self, contract: Contract, size: BarSize, *, days: int) -> Sequence[Bar]:
        if not 1 <= days <= LONGEST_DAYS:
            raise ValueError(f"expected 1 to {LONGEST_DAYS} days, was {days}")
        session = self._connection.session()
        client = session.ib.client
        # Currency pairs trade over the counter: there is no tape of trades.
        what = "MIDPOINT" if contract.sec_type == "CASH" else "TRADES"
        found = await session.ask(
            f"bars of {contract}",
            lambda request_id: client.reqHistoricalData(
                request_id, to_ib(contract), "", f"{days} D", size.value, what, True, 2, False, []
            ),
            cancel=client.cancelHistoricalData,
        )
        return [_bar(bar) for bar in found]

    async def price(self, contract: Contract, *, data_type: int = 1) -> Price:
        session = self._connection.session()
        ticker = await self._snapshot(session, contract, data_type)
        for kind, value in _by_preference(ticker):
            if (found := price(value)) is not None:
                return Price(
                    value=found,
                    kind=kind,
                    currency=contract.currency,
                    # The broker doesn't say when a snapshot's last trade was.
                    at=self._clock.now(),
                    delayed=ticker.marketDataType in DELAYED,
                )
        raise Rejected(
            "no-price", f"expected a last price, a bid and an ask, or a close of {contract}, found none"
        )

    async def _resolve(self, instrument: Instrument) -> Contract:
        session = self._connection.session()
        found = await session.ask(
            f"the contract of {instrument}",
            lambda request_id: session.ib.client.reqContractDetails(request_id, to_search(instrument)),
        )
        return resolved(instrument, found)

    async def _snapshot(self, session: Session, contract: Contract, data_type: int) -> Ticker:
        """Return the ticker of one snapshot, and leave nothing of it behind in ib_insync.

        ``IB.reqTickersAsync`` doesn't cancel what isn't answered, and keeps each ticker until the
        connection ends; a ticker that is kept would lend its old prices to the next snapshot.
        """
        ib, asked = session.ib, to_ib(contract)

        def send(request_id: int) -> None:
            ib.wrapper.startTicker(request_id, asked, SNAPSHOT)
            # One type for the whole connection: said just before each request, so that none gets another's.
            ib.reqMarketDataType(data_type)
            ib.client.reqMktData(request_id, asked, "", True, False, [])

        try:
            await session.ask(f"a price of {contract}", send, cancel=ib.client.cancelMktData)
            return ib.wrapper.tickers[id(asked)]
        finally:
            ticker = ib.wrapper.tickers.pop(id(asked), None)
            if ticker is not None:
                ib.wrapper.reqId2Ticker.pop(ib.wrapper.endTicker(ticker, SNAPSHOT), None)


def _by_preference(ticker: Ticker) -> Iterator[tuple[PriceKind, float]]:
    yield PriceKind.LAST, ticker.last
    if price(ticker.bid) is not None and price(ticker.ask) is not None:
        yield PriceKind.MIDPOINT, (ticker.bid + ticker.ask) / 2
    yield PriceKind.CLOSE, ticker.close


def _bar(bar: BarData) -> Bar:
    # A day's bar is dated, not timed: its start is midnight UTC of the session's date.
    start = bar.date if isinstance(bar.date, datetime) else datetime.combine(bar.date, time(), UTC)
    return Bar(
        start=start,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=max(bar.volume, 0.0),  # -1 where nothing is counted, as for midpoints
    )
