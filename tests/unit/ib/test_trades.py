"""Orders on the broker's word: what an error does to one, and what doesn't end it."""

import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from ib_insync import CommissionReport, Contract, Execution, Fill, Order, OrderStatus, Trade, TradeLogEntry

from trader.adapters.ib.trades import is_open, take_back_cancel, to_open_order

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def trade(
    status: str = "Submitted", *log: tuple[str, int], action: str = "BUY", limit: float = 670.0
) -> Trade:
    return Trade(
        contract=Contract(conId=1, symbol="SPY", secType="STK", currency="USD"),
        order=Order(
            action=action, totalQuantity=100, orderType="LMT", lmtPrice=limit, tif="DAY", orderRef="r1"
        ),
        orderStatus=OrderStatus(status=status),
        log=[TradeLogEntry(AT, entry, "", code) for entry, code in log],
    )


@pytest.mark.parametrize("code", [10349, 161, 100, 103, 10197])
def test_an_error_on_an_order_does_not_cancel_it(code: int) -> None:
    order = trade("Cancelled", ("PendingSubmit", 0), ("PreSubmitted", 0), ("Cancelled", code))

    take_back_cancel(order)

    assert order.orderStatus.status == "PreSubmitted"
    assert is_open(order)


def test_errors_upon_errors_leave_the_last_status_that_the_broker_told() -> None:
    order = trade("Cancelled", ("Submitted", 0), ("Cancelled", 161), ("Cancelled", 10349))

    take_back_cancel(order)

    assert order.orderStatus.status == "Submitted"


def test_an_order_whose_status_was_never_told_is_open_after_an_error() -> None:
    order = trade("Cancelled", ("Cancelled", 10349))

    take_back_cancel(order)

    assert is_open(order)


def test_a_cancel_that_the_broker_told_stands() -> None:
    order = trade("Cancelled", ("Submitted", 0), ("Cancelled", 10349), ("Cancelled", 0))

    take_back_cancel(order)

    assert not is_open(order)


@pytest.mark.parametrize(
    "status", ["PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel", "Inactive"]
)
def test_an_order_that_may_still_trade_is_open(status: str) -> None:
    assert is_open(trade(status, (status, 0)))


@pytest.mark.parametrize("status", ["Filled", "Cancelled", "ApiCancelled"])
def test_an_order_at_its_end_is_not_open(status: str) -> None:
    assert not is_open(trade(status, (status, 0)))


def test_a_rejected_order_ends_inactive_and_is_not_open() -> None:
    assert not is_open(trade("Inactive", ("PendingSubmit", 0), ("Cancelled", 201), ("Inactive", 0)))


@pytest.mark.parametrize(("action", "sign"), [("BUY", 1), ("SELL", -1)])
def test_quantities_of_a_sale_are_negative(action: str, sign: int) -> None:
    order = trade(action=action)
    order.orderStatus.filled = 40.0

    found = to_open_order(order)

    assert (found.quantity, found.filled) == (Decimal(sign * 100), Decimal(sign * 40))
    assert (found.limit_price, found.reference, found.tif) == (Decimal(670), "r1", "DAY")


def test_a_fill_that_no_status_told_of_counts_once_even_if_it_was_corrected() -> None:
    order = trade()
    for exec_id in ("a.01", "a.02"):
        execution = Execution(execId=exec_id, side="BOT", shares=30, price=670, time=AT)
        order.fills.append(Fill(order.contract, execution, CommissionReport(), AT))

    assert to_open_order(order).filled == 30


@pytest.mark.parametrize("unset", [0.0, sys.float_info.max])
def test_a_limit_that_was_not_sent_is_none(unset: float) -> None:
    assert to_open_order(trade(limit=unset)).limit_price is None
