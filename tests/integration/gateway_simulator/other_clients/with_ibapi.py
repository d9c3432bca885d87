"""Run with IB's own ibapi: connect, read the account, fetch bars, trade; print what was found as JSON."""

import json
import sys
import threading
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper

CHAIN, SERIES = 4, 5  # requests


def derivative(sec_type: str, symbol: str, exchange: str) -> Contract:
    found = Contract()
    found.secType, found.symbol, found.exchange, found.currency = sec_type, symbol, exchange, "USD"
    return found


class Client(EWrapper, EClient):  # type: ignore[misc] # the library has no types
    """Each answer starts the next question; the last one hangs up."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, wrapper=self)
        self.found: dict[str, Any] = {
            "bars": 0,
            "fills": [],
            "positions": [],
            "cash": [],
            "errors": [],
            "chain": [],
        }

    def nextValidId(self, orderId: int) -> None:  # noqa: N802, N803 - as the library names it
        self.found["version"] = self.serverVersion()
        self.order_id = orderId
        self.reqAccountUpdates(True, "")

    def managedAccounts(self, accountsList: str) -> None:  # noqa: N802, N803
        self.found["accounts"] = accountsList.split(",")

    def error(self, reqId: int, errorCode: int, errorString: str) -> None:  # noqa: N803
        if errorCode < 2000:
            self.found["errors"].append([reqId, errorCode, errorString])

    def updateAccountValue(self, key: str, val: str, currency: str, accountName: str) -> None:  # noqa: N802, N803
        if (key, currency) == ("CashBalance", "USD"):
            self.found["cash"].append(val)

    def accountDownloadEnd(self, accountName: str) -> None:  # noqa: N802, N803
        self.contract = Contract()
        self.contract.symbol, self.contract.secType = "SPY", "STK"
        self.contract.exchange, self.contract.currency = "SMART", "USD"
        self.reqContractDetails(1, self.contract)

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:  # noqa: N802, N803
        contract = contractDetails.contract
        if reqId == 1:
            self.found["contract"] = contract.conId
        elif reqId == CHAIN:
            self.found["chain"].append(contract.localSymbol)
            self.found.setdefault("expires", contract.lastTradeDateOrContractMonth)
        else:
            self.found["series"] = contract.localSymbol

    def contractDetailsEnd(self, reqId: int) -> None:  # noqa: N802, N803
        if reqId == 1:
            self.reqSecDefOptParams(3, "SPY", "", "STK", self.found["contract"])
        elif reqId == CHAIN:
            self.reqContractDetails(SERIES, derivative("CONTFUT", "ES", "CME"))
        elif reqId == SERIES:
            option = derivative("OPT", "SPY", "SMART")
            option.lastTradeDateOrContractMonth, option.strike, option.right = "20261218", 600, "C"
            self.reqMktData(6, option, "", True, False, [])

    def securityDefinitionOptionParameter(  # noqa: N802
        self,
        reqId: int,  # noqa: N803
        exchange: str,
        underlyingConId: int,  # noqa: N803
        tradingClass: str,  # noqa: N803
        multiplier: str,
        expirations: set[str],
        strikes: set[float],
    ) -> None:
        self.found["strikes"] = [len(strikes)]

    def securityDefinitionOptionParameterEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self.reqContractDetails(CHAIN, derivative("FUT", "ES", "CME"))

    def tickOptionComputation(self, reqId: int, tickType: int, *numbers: Any) -> None:  # noqa: N802, N803
        self.found["priced"] = [True, numbers[2] > 0]  # implied volatility, delta

    def tickSnapshotEnd(self, reqId: int) -> None:  # noqa: N802, N803
        self.reqHistoricalData(2, self.contract, "", "2 D", "1 hour", "TRADES", 1, 1, False, [])

    def historicalData(self, reqId: int, bar: Any) -> None:  # noqa: N802, N803
        self.found["bars"] += 1

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:  # noqa: N802, N803
        order = Order()
        order.action, order.totalQuantity, order.orderType = "BUY", 10, "MKT"
        order.tif, order.orderRef = "DAY", "official"
        order.eTradeOnly = order.firmQuoteOnly = False
        self.placeOrder(self.order_id, self.contract, order)

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:  # noqa: N802, N803
        self.found["open"] = [orderId, contract.symbol, order.orderRef, orderState.status]

    def orderStatus(self, orderId: int, status: str, *_: Any) -> None:  # noqa: N802, N803
        self.found["status"] = status

    def execDetails(self, reqId: int, contract: Any, execution: Any) -> None:  # noqa: N802, N803
        self.found["fills"].append([execution.shares, execution.orderRef])

    def commissionReport(self, commissionReport: Any) -> None:  # noqa: N802, N803
        self.found["commission"] = commissionReport.commission
        self.reqPositions()

    def position(self, account: str, contract: Any, position: float, avgCost: float) -> None:  # noqa: N803
        self.found["positions"].append([contract.symbol, position])

    def positionEnd(self) -> None:  # noqa: N802
        json.dump(self.found, sys.stdout)
        sys.stdout.flush()
        self.done = True
        self.disconnect()


def main(port: int) -> None:
    client = Client()
    client.connect("127.0.0.1", port, 4)
    # The library's loop has no end of its own if an answer never comes.
    watchdog = threading.Timer(20, client.disconnect)
    watchdog.daemon = True
    watchdog.start()
    client.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
