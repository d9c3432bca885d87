"""The account at a glance: values, positions, open orders, today's fills, gateway and trading state."""

from pydantic import ConfigDict

from trader.domain.gateway import GatewayState
from trader.domain.messages import NoCommand, Outcome
from trader.domain.portfolio import Account, Fill, OpenOrder, Position
from trader.domain.status import IntentClass
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject, Time, Wire
from trader.intent import Completed, Intent, Run
from trader.ports import Ports
from trader.stored.records import trading_state

EXAMPLE: JsonObject = {
    "account": {
        "id": "DU1234567",
        "baseCurrency": "USD",
        "values": [{"name": "NetLiquidation", "value": "100000.00", "currency": "USD"}],
    },
    "positions": [
        {
            "conId": 756733,
            "symbol": "SPY",
            "secType": "STK",
            "exchange": "SMART",
            "currency": "USD",
            "quantity": "100",
            "averageCost": "669.12",
            "marketPrice": "671.30",
            "marketValue": "67130.00",
            "unrealizedPnl": "218.00",
        }
    ],
    "openOrders": [],
    "fills": [],
    "gateway": {"state": "ready", "since": "2026-11-23T14:30:00.000000Z", "marketData": "ok"},
    "tradingState": "halted",
}


class GatewayLine(Wire):
    """Where the connection to the gateway stands."""

    state: GatewayState
    since: Time
    market_data: str


class SummaryOutcome(Outcome):
    """The account at a glance."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    account: Account
    positions: tuple[Position, ...]
    open_orders: tuple[OpenOrder, ...]
    fills: tuple[Fill, ...]
    gateway: GatewayLine
    trading_state: TradingState


async def handle(_: NoCommand, run: Run, ports: Ports) -> Completed:
    """Answer from the state that the connection keeps subscribed; the gateway is asked nothing."""
    broker = ports.broker
    status = broker.status()
    return Completed(
        SummaryOutcome(
            account=broker.account(),
            positions=tuple(broker.positions()),
            open_orders=tuple(broker.open_orders()),
            fills=tuple(broker.fills()),
            gateway=GatewayLine(state=status.state, since=status.since, market_data=status.market_data),
            trading_state=await trading_state(ports.store, run.account),
        )
    )


INTENT = Intent(
    name="summary",
    kind=IntentClass.READING,
    command=NoCommand,
    outcome=SummaryOutcome,
    handle=handle,
    at_once=True,
    example={"intent": "summary"},
)
