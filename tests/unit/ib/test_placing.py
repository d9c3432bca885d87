"""What the broker is sent of an order: everything that it would otherwise fill in by itself."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from trader.adapters.ib.placing import to_ib_contract, to_ib_order
from trader.domain.orders import Order, OrderContract, OrderType, TimeInForce

SPY = OrderContract(con_id=756733, symbol="SPY", sec_type="STK", currency="USD", exchange="SMART")


def order(**given: Any) -> Order:
    return Order(
        **{
            "reference": "r1",
            "contract": SPY,
            "quantity": Decimal(10),
            "order_type": OrderType.MKT,
            "tif": TimeInForce.DAY,
            **given,
        }
    )


def limit(**given: Any) -> Order:
    return order(**{"order_type": OrderType.LMT, "limit_price": Decimal("671.35"), **given})


@pytest.mark.parametrize(("quantity", "action"), [(Decimal(10), "BUY"), (Decimal(-10), "SELL")])
def test_the_sign_of_a_quantity_is_the_side(quantity: Decimal, action: str) -> None:
    placed = to_ib_order(order(quantity=quantity), 5, 1, "DU1")

    assert (placed.action, placed.totalQuantity) == (action, 10.0)


def test_nothing_is_left_to_the_broker_s_presets() -> None:
    placed = to_ib_order(limit(tif=TimeInForce.GTC), 5, 1, "DU1")

    assert (placed.orderId, placed.clientId, placed.account, placed.orderRef) == (5, 1, "DU1", "r1")
    assert (placed.orderType, placed.lmtPrice, placed.tif) == ("LMT", 671.35, "GTC")
    assert placed.transmit
    assert not any([placed.outsideRth, placed.eTradeOnly, placed.firmQuoteOnly, placed.whatIf])
    assert (placed.algoStrategy, placed.goodAfterTime) == ("", "")


@pytest.mark.parametrize("placed", [order(), limit()])
@pytest.mark.parametrize("priority", ["Urgent", "Normal", "Patient"])
def test_an_adaptive_priority_is_the_broker_s_algorithm(placed: Order, priority: str) -> None:
    sent = to_ib_order(placed.model_copy(update={"adaptive_priority": priority}), 5, 1, "DU1")

    assert sent.algoStrategy == "Adaptive"
    assert [(param.tag, param.value) for param in sent.algoParams] == [("adaptivePriority", priority)]


def test_an_order_for_the_close_has_no_algorithm() -> None:
    sent = to_ib_order(order(order_type=OrderType.MOC, adaptive_priority="Normal"), 5, 1, "DU1")

    assert (sent.orderType, sent.algoStrategy) == ("MOC", "")


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 24, 14, 30, tzinfo=UTC),
        datetime(2026, 11, 24, 9, 30, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_a_time_is_sent_in_utc(at: datetime) -> None:
    assert to_ib_order(order(good_after=at), 5, 1, "DU1").goodAfterTime == "20261124-14:30:00"


@pytest.mark.parametrize(
    "wrong", [{"quantity": Decimal(0)}, {"limit_price": Decimal(1)}, {"order_type": OrderType.LMT}]
)
def test_an_order_that_could_mean_two_things_is_not_sent(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected a quantity, and a limit price for LMT alone"):
        to_ib_order(order(**wrong), 5, 1, "DU1")


def test_a_contract_is_sent_whole() -> None:
    sent = to_ib_contract(SPY)

    assert (sent.conId, sent.symbol, sent.secType, sent.currency, sent.exchange) == (
        756733,
        "SPY",
        "STK",
        "USD",
        "SMART",
    )
