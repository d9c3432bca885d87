"""Run with ib_async: connect, read the account, fetch bars, trade; print what was found as JSON."""

import asyncio
import json
import sys

from ib_async import IB, ContFuture, Future, Index, MarketOrder, Option, Stock


async def main(port: int) -> None:
    ib = IB()
    await ib.connectAsync("127.0.0.1", port, clientId=3)
    [spy] = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
    bars = await ib.reqHistoricalDataAsync(spy, "", "2 D", "1 hour", "TRADES", useRTH=True)
    chain = await ib.reqContractDetailsAsync(Future("ES", exchange="CME"))
    [series] = await ib.qualifyContractsAsync(ContFuture("ES", "CME"))
    [vix, call] = await ib.qualifyContractsAsync(
        Index("VIX", "CBOE"), Option("SPY", "20261218", 600, "C", "SMART")
    )
    prices = await ib.reqTickersAsync(vix, call)
    parameters = await ib.reqSecDefOptParamsAsync("SPY", "", "STK", spy.conId)
    order = MarketOrder("BUY", 10, tif="DAY", orderRef="async")
    trade = ib.placeOrder(spy, order)
    await asyncio.wait_for(trade.filledEvent, 10)
    while not ib.positions():
        await ib.positionEvent
    json.dump(
        {
            "version": ib.client.serverVersion(),
            "accounts": ib.managedAccounts(),
            "cash": [v.value for v in ib.accountValues() if (v.tag, v.currency) == ("CashBalance", "USD")],
            "bars": len(bars),
            "chain": [d.contract.localSymbol for d in chain],
            "series": series.localSymbol,
            "expires": chain[0].contract.lastTradeDateOrContractMonth,
            "priced": [prices[0].last > 0, prices[1].modelGreeks.delta > 0],
            "strikes": sorted({len(p.strikes) for p in parameters}),
            "status": trade.orderStatus.status,
            "fills": [[f.execution.shares, f.execution.orderRef] for f in trade.fills],
            "positions": [[p.contract.symbol, p.position] for p in ib.positions()],
        },
        sys.stdout,
        default=float,
    )
    ib.disconnect()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
