"""Our own orders and what a broker says of them: small values for the tests of what is made of them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from trader.domain.order_record import Evidence, OrderRecord, Sending
from trader.domain.orders import (
    BrokerOrder,
    Lookup,
    Order,
    OrderContract,
    OrderState,
    OrderType,
    TimeInForce,
    reference_of,
)
from trader.domain.portfolio import Fill

NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
RUN = "id/x"
OURS = reference_of(RUN, 0)
PERM_ID = 77
SPY = OrderContract(con_id=756733, symbol="SPY", sec_type="STK", currency="USD", exchange="SMART")
SENDING = Sending(link="link-1", gateway="127.0.0.1:4002", client_id=1, order_id=10)
EVIDENCE = Evidence(
    session_date="2026-11-23",
    position=Decimal(0),
    next_order_id=6,
    taken_order_id=5,
    last_execution="0001.00",
)


def record(
    quantity: int = 10, *, index: int = 0, wanted: Mapping[str, int] | None = None, **changes: Any
) -> OrderRecord:
    """Return an order of ours as it is planned: a market order of SPY under the id 10."""
    order = Order(
        reference=reference_of(RUN, index),
        contract=changes.pop("contract", SPY),
        quantity=Decimal(quantity),
        order_type=OrderType.MKT,
        tif=TimeInForce.DAY,
    )
    return OrderRecord(
        **{
            "run": RUN,
            "index": index,
            "order": order,
            "wanted": {name: Decimal(part) for name, part in (wanted or {"alpha": quantity}).items()},
            "reduces": False,
            "sending": SENDING,
            "evidence": EVIDENCE,
            "planned_at": NOON,
            **changes,
        }
    )


def execution(exec_id: str = "0001.aa.01", quantity: int = 10, **changes: Any) -> Fill:
    """Return an execution of the order."""
    return Fill(
        **{
            "exec_id": exec_id,
            "order_id": 10,
            "perm_id": PERM_ID,
            "client_id": 1,
            "reference": OURS,
            "con_id": SPY.con_id,
            "symbol": SPY.symbol,
            "sec_type": SPY.sec_type,
            "currency": SPY.currency,
            "quantity": Decimal(quantity),
            "price": Decimal(100),
            "at": NOON,
            "commission": None,
            "commission_currency": None,
            **changes,
        }
    )


EARLIER = execution("0001.00.01", order_id=0, perm_id=1, client_id=9, reference="", con_id=1)
"""What the gateway has reported before any order of the tests: somebody else's, in another contract."""


def told(state: OrderState = OrderState.WORKING, filled: int = 0, **changes: Any) -> BrokerOrder:
    """Return what the broker says of the order."""
    return BrokerOrder(
        **{
            "reference": OURS,
            "order_id": 10,
            "perm_id": PERM_ID,
            "client_id": 1,
            "contract": SPY,
            "quantity": Decimal(10),
            "filled": Decimal(filled),
            "average_price": None,
            "state": state,
            **changes,
        }
    )


def lookup(
    *,
    open: Iterable[BrokerOrder] = (),  # noqa: A002 - the field's own name
    completed: Iterable[BrokerOrder] = (),
    fills: Iterable[Fill] = (),
    next_order_id: int = 10,
    after_s: float = 0,
    remembers: bool = False,
) -> Lookup:
    """Return an answer of the broker, so many seconds after noon; ``remembers`` an execution of before."""
    return Lookup(
        open=tuple(open),
        completed=tuple(completed),
        fills=(*fills, *([EARLIER] if remembers else [])),
        next_order_id=next_order_id,
        at=NOON + timedelta(seconds=after_s),
    )
