"""Contracts, bars and prices, asked of the gateway one request each."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from ib_insync import BarData, Ticker

from trader.adapters.ib.connection import Connection
from trader.adapters.ib.contracts import one, resolved, to_ib, to_search
from trader.adapters.ib.history_pace import HistoryPace
from trader.adapters.ib.numbers import price
from trader.domain.errors import Rejected
from trader.domain.instruments import Contract, Instrument, Listed
from trader.domain.market import Bar, BarSize, Price, PriceKind, WhatToShow
from trader.ports import Clock

LONGEST_DAYS = 365
"""The broker wants longer durations in years."""
DELAYED = frozenset({3, 4})
"""Market data types: 1 live, 2 frozen, 3 delayed, 4 delayed frozen."""
DELAY = timedelta(minutes=15)
"""How old the broker's delayed data is at least; it says so only of the last trade."""
SNAPSHOT = "snapshot"


class IbMarketData:
    """The MarketData and the History port; any number of calls may wait at once."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._contracts: dict[tuple[date, Instrument], tuple[Contract, ...]] = {}
        self._pace = HistoryPace(clock)
        self._resolving: defaultdict[Instrument, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def contract(self, instrument: Instrument) -> Contract:
        return one(instrument, await self.contracts(instrument))

    async def contracts(self, instrument: Instrument) -> Sequence[Contract]:
        # An instrument's id doesn't change, but its trading hours are told only for the days to come.
        key = (self._clock.now().date(), instrument)
        async with self._resolving[instrument]:
            self._connection.session()
            if key not in self._contracts:
                found = await self._resolve(instrument)
                self._contracts = {old: c for old, c in self._contracts.items() if old[0] == key[0]}
                self._contracts[key] = found
                # One that is known by now needn't be asked for by its number; a continuous series has that of
                # the month that it stands for.
                for contract in found:
                    if contract.sec_type != "CONTFUT":
                        self._contracts[key[0], Listed(contract.con_id, contract.exchange)] = (contract,)
            return self._contracts[key]

    async def bars(self, contract: Contract, size: BarSize, *, days: int) -> Sequence[Bar]:
        if not 1 <= days <= LONGEST_DAYS:
            raise ValueError(f"expected 1 to {LONGEST_DAYS} days, was {days}")
        # Currency pairs trade over the counter: there is no tape of trades.
        show = WhatToShow.MIDPOINT if contract.sec_type == "CASH" else WhatToShow.TRADES
        self._pace.take()
        return await self.history(contract, size, f"{days} D", show)

    async def history_slot(self, requests: int, *, until: float) -> bool:
        return await self._pace.slot(requests, until=until)

    async def history(
        self, contract: Contract, size: BarSize, duration: str, show: WhatToShow
    ) -> Sequence[Bar]:
        session = self._connection.session()
        client = session.ib.client
        found = await session.requests.ask(
            f"bars of {contract}",
            lambda request_id: client.reqHistoricalData(
                request_id, to_ib(contract), "", duration, size.value, show.value, True, 2, False, []
            ),
            cancel=client.cancelHistoricalData,
        )
        return [_bar(bar) for bar in found]

    async def price(self, contract: Contract, *, data_type: int = 1) -> Price:
        ticker, traded_at = await self._snapshot(contract, data_type)
        delayed = ticker.marketDataType in DELAYED
        shown_at = self._clock.now() - (DELAY if delayed else timedelta(0))
        for kind, value in by_preference(ticker):
            if (found := price(value)) is not None:
                return Price(
                    value=found,
                    kind=kind,
                    currency=contract.currency,
                    at=traded_at or shown_at if kind is PriceKind.LAST else shown_at,
                    delayed=delayed,
                )
        raise Rejected(
            "no-price", f"expected a last price, a bid and an ask, or a close of {contract}, found none"
        )

    async def _resolve(self, instrument: Instrument) -> tuple[Contract, ...]:
        session = self._connection.session()
        try:
            found = await session.requests.ask(
                f"the contract of {instrument}",
                lambda request_id: session.ib.client.reqContractDetails(request_id, to_search(instrument)),
            )
        except Rejected as refused:
            raise Rejected(refused.code, f"{instrument}: {refused.message}") from None
        return resolved(instrument, found)

    async def _snapshot(self, contract: Contract, data_type: int) -> tuple[Ticker, datetime | None]:
        """Return the ticker of one snapshot and when its last trade was; leave nothing behind in ib_insync.

        ``IB.reqTickersAsync`` doesn't cancel what isn't answered, and keeps each ticker until the
        connection ends; a ticker that is kept would lend its old prices to the next snapshot.
        """
        session = self._connection.session()
        ib, asked = session.ib, to_ib(contract)
        request_id = 0

        def send(fresh_id: int) -> None:
            nonlocal request_id
            request_id = fresh_id
            ib.wrapper.startTicker(request_id, asked, SNAPSHOT)
            # One type for the whole connection; no other request can come between this and the next line.
            if session.market_data_type != data_type:
                ib.reqMarketDataType(data_type)
                session.market_data_type = data_type
            ib.client.reqMktData(request_id, asked, "", True, False, [])

        try:
            await session.requests.ask(f"a price of {contract}", send, cancel=ib.client.cancelMktData)
            return ib.wrapper.tickers[id(asked)], session.last_trades.take(request_id)
        finally:
            session.last_trades.take(request_id)
            ib.wrapper.reqId2Ticker.pop(request_id, None)
            ticker = ib.wrapper.tickers.pop(id(asked), None)
            if ticker is not None:
                ib.wrapper.endTicker(ticker, SNAPSHOT)


def by_preference(ticker: Ticker) -> Iterator[tuple[PriceKind, float]]:
    """Yield what may serve as a price, the best first; each may still be none."""
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
