"""Run with ib_async: connect, read the account, fetch bars, trade; print what was found as JSON."""

import asyncio
import json
import sys

from ib_async import IB, MarketOrder, Stock


async def main(port: int) -> None:
    ib = IB()
    await ib.connectAsync("127.0.0.1", port, clientId=3)
    [spy] = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
    bars = await ib.reqHistoricalDataAsync(spy, "", "2 D", "1 hour", "TRADES", useRTH=True)
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
