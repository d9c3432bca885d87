"""Every server version that is spoken: the same questions, the same answers, every message understood."""

from decimal import Decimal
from typing import Any

import pytest
from ib_insync import (
    ExecutionCondition,
    MarginCondition,
    MarketOrder,
    Order,
    PercentChangeCondition,
    PriceCondition,
    SoftDollarTier,
    TagValue,
    TimeCondition,
    VolumeCondition,
)

from gateway_simulator.server import serve
from tests.support.simulator import SPY, client, connected, ended, qualified, simulated, until

VERSIONS = range(157, 177)  # those that ib_insync speaks

EVERYTHING: dict[str, Any] = {
    "action": "BUY",
    "totalQuantity": 10.0,
    "orderType": "LMT",
    "lmtPrice": 100.25,
    "auxPrice": 1.5,
    "tif": "GTC",
    "ocaGroup": "group",
    "ocaType": 2,
    "orderRef": "ref é",
    "blockOrder": True,
    "sweepToFill": True,
    "displaySize": 5,
    "triggerMethod": 4,
    "outsideRth": True,
    "hidden": True,
    "goodAfterTime": "20261123 09:45:00 US/Eastern",
    "goodTillDate": "20261201 16:00:00 US/Eastern",
    "rule80A": "A",
    "allOrNone": True,
    "minQty": 2,
    "percentOffset": 0.5,
    "trailStopPrice": 99.5,
    "trailingPercent": 2.5,
    "faGroup": "fa",
    "faMethod": "NetLiq",
    "faPercentage": "20",
    "faProfile": "profile",
    "designatedLocation": "there",
    "openClose": "C",
    "origin": 1,
    "shortSaleSlot": 2,
    "exemptCode": 3,
    "discretionaryAmt": 0.25,
    "nbboPriceCap": 200.5,
    "optOutSmartRouting": True,
    "auctionStrategy": 1,
    "startingPrice": 101.5,
    "stockRefPrice": 102.5,
    "delta": 0.5,
    "stockRangeLower": 90.5,
    "stockRangeUpper": 110.5,
    "randomizePrice": True,
    "randomizeSize": True,
    "volatility": 0.3,
    "volatilityType": 2,
    "deltaNeutralOrderType": "LMT",
    "deltaNeutralAuxPrice": 1.25,
    "deltaNeutralConId": 99,
    "deltaNeutralSettlingFirm": "firm",
    "deltaNeutralClearingAccount": "clearing",
    "deltaNeutralClearingIntent": "intent",
    "deltaNeutralOpenClose": "O",
    "deltaNeutralShortSale": True,
    "deltaNeutralShortSaleSlot": 1,
    "deltaNeutralDesignatedLocation": "here",
    "continuousUpdate": True,
    "referencePriceType": 1,
    "scaleInitLevelSize": 3,
    "scaleSubsLevelSize": 4,
    "scalePriceIncrement": 0.75,
    "scalePriceAdjustValue": 1.75,
    "scalePriceAdjustInterval": 6,
    "scaleProfitOffset": 2.75,
    "scaleAutoReset": True,
    "scaleInitPosition": 7,
    "scaleInitFillQty": 8,
    "scaleRandomPercent": True,
    "hedgeType": "B",
    "hedgeParam": "1.5",
    "settlingFirm": "settling",
    "clearingAccount": "account",
    "clearingIntent": "IB",
    "algoStrategy": "Adaptive",
    "algoParams": [TagValue("adaptivePriority", "Normal"), TagValue("other", "")],
    "notHeld": True,
    "solicited": True,
    "modelCode": "model",
    "adjustedOrderType": "STP",
    "triggerPrice": 95.5,
    "adjustedStopPrice": 94.5,
    "adjustedStopLimitPrice": 93.5,
    "adjustedTrailingAmount": 92.5,
    "adjustableTrailingUnit": 1,
    "lmtPriceOffset": 0.5,
    "conditions": [
        PriceCondition(price=100.5, conId=756733, exch="SMART", triggerMethod=2),
        TimeCondition(conjunction="o", isMore=False, time="20261123 10:00:00 US/Eastern"),
        MarginCondition(percent=30),
        ExecutionCondition(secType="STK", exch="SMART", symbol="SPY"),
        VolumeCondition(volume=1000, conId=756733, exch="SMART"),
        PercentChangeCondition(changePercent=1.5, conId=756733, exch="SMART"),
    ],
    "conditionsCancelOrder": True,
    "conditionsIgnoreRth": True,
    "softDollarTier": SoftDollarTier("tier", "1", ""),
    "cashQty": 1000.5,
    "dontUseAutoPriceForHedge": True,
    "isOmsContainer": True,
    "discretionaryUpToLimitPrice": True,
    "usePriceMgmtAlgo": True,
    "duration": 60,
    "postToAts": 9,
    "autoCancelParent": True,
}
"""Each field that an open order brings back."""

NOT_COMPLETED = {
    "adjustableTrailingUnit",
    "adjustedOrderType",
    "adjustedStopLimitPrice",
    "adjustedStopPrice",
    "adjustedTrailingAmount",
    "auctionStrategy",
    "blockOrder",
    "deltaNeutralClearingAccount",
    "deltaNeutralClearingIntent",
    "deltaNeutralOpenClose",
    "deltaNeutralSettlingFirm",
    "discretionaryUpToLimitPrice",
    "duration",
    "nbboPriceCap",
    "optOutSmartRouting",
    "postToAts",
    "softDollarTier",
    "triggerPrice",
    "usePriceMgmtAlgo",
}
"""Fields that a completed order lacks."""

SINCE = {"duration": 159, "postToAts": 160, "autoCancelParent": 162}  # as ib_insync reads them


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_whole_day_at_each_version(version: int) -> None:
    gateway = simulated(max_version=version)
    async with connected(gateway) as ib:
        assert ib.client.serverVersion() == version
        ib.TimezoneTWS = "US/Eastern"  # times come without a zone before 174
        spy = await qualified(ib, SPY)
        trade = await ended(ib.placeOrder(spy, MarketOrder("BUY", 10, tif="DAY", orderRef="a")))
        [details] = await ib.reqContractDetailsAsync(spy)
        [ticker] = await ib.reqTickersAsync(spy)
        bars = await ib.reqHistoricalDataAsync(spy, "", "2 D", "1 hour", "TRADES", useRTH=True)
        [fill] = ib.fills()
        [done] = await ib.reqCompletedOrdersAsync(apiOnly=False)
        summary = {row.tag: row.value for row in await ib.accountSummaryAsync()}
        await until(ib.portfolio)

    assert trade.orderStatus.status == "Filled"
    assert fill.execution.time == gateway.clock.now()
    assert fill.execution.orderRef == done.order.orderRef == "a"
    assert fill.commissionReport.commission == 1
    assert done.orderStatus.status == "Filled"
    assert details.minTick == 0.01
    assert details.stockType == "ETF"
    assert ticker.bid < ticker.ask
    assert bars[0].open > 0
    assert Decimal(summary["TotalCashValue"]) < 100_000


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_field_of_an_order_comes_back_at_each_version(version: int) -> None:
    gateway = simulated(max_version=version)
    async with serve(gateway) as server:
        async with client(server) as ib:
            placed = ib.placeOrder(await qualified(ib, SPY), Order(**EVERYTHING))
            await until(lambda: placed.orderStatus.status == "Submitted")
        async with client(server) as ib:
            [trade] = ib.openTrades()
            ib.cancelOrder(trade.order)
            await ended(trade)
            [done] = await ib.reqCompletedOrdersAsync(apiOnly=False)

    sent = {name: value for name, value in EVERYTHING.items() if version >= SINCE.get(name, 0)}
    assert {name: getattr(trade.order, name) for name in sent} == sent
    kept = {name: sent[name] for name in sent.keys() & vars(done.order).keys() - NOT_COMPLETED}
    assert {name: getattr(done.order, name) for name in kept} == kept
    assert done.orderStatus.status == "Cancelled"
