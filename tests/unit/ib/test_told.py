"""Orders on the broker's word: what each message does to one, and what doesn't end it."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_insync import IB, Contract, Execution, Order, OrderState

from trader.adapters.ib.told import Told
from trader.domain import orders as domain
from trader.domain.orders import BrokerOrder, Complaint

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
SPY = Contract(conId=1, symbol="SPY", secType="STK", currency="USD", exchange="SMART")
WORKING, HELD = domain.OrderState.WORKING, domain.OrderState.HELD
FILLED, CANCELLED = domain.OrderState.FILLED, domain.OrderState.CANCELLED
REJECTED = domain.OrderState.REJECTED


class Broker:
    """Says things to a client 1 that has placed order 5, of 100 shares, under the reference r1."""

    def __init__(self, *, action: str = "BUY", placed: bool = True) -> None:
        self.ib = IB()
        self.ib.wrapper.clientId = 1
        self.told = Told(self.ib)
        self._action = action
        if placed:
            self.told.expect(SPY, self.order(perm_id=0))

    def order(self, reference: str = "r1", *, order_id: int = 5, perm_id: int = 77, client_id: int = 1,
              quantity: float = 100, filled: float = 0) -> Order:  # fmt: skip
        return Order(
            orderId=order_id,
            clientId=client_id,
            permId=perm_id,
            action=self._action,
            totalQuantity=quantity,
            filledQuantity=filled,
            orderType="LMT",
            lmtPrice=670.0,
            tif="DAY",
            orderRef=reference,
        )

    def open_order(self, status: str = "PreSubmitted", reference: str = "r1", **given: int) -> None:
        order = self.order(reference, **given)
        self.ib.wrapper.openOrder(order.orderId, SPY, order, OrderState(status=status))

    def completed(self, status: str, **given: float) -> None:
        order = self.order(**{"order_id": 0, "client_id": 0, **given})  # type: ignore[arg-type]
        self.ib.wrapper.completedOrder(SPY, order, OrderState(status=status, completedStatus="because"))

    def status(
        self, status: str, *, filled: float = 0, why_held: str = "", perm_id: int = 77, client_id: int = 1
    ) -> None:
        self.ib.wrapper.orderStatus(
            5, status, filled, 100 - filled, 671.0, perm_id, 0, 0.0, client_id, why_held, 0.0
        )

    def execution(self, exec_id: str = "a.01", shares: float = 100, *, cumulative: float = 0,
                  perm_id: int = 77, reference: str = "r1", request_id: int = -1) -> None:  # fmt: skip
        execution = Execution(
            execId=exec_id, side="BOT", shares=shares, price=671.0, cumQty=cumulative, permId=perm_id,
            orderId=5, clientId=1, orderRef=reference, time=AT,
        )  # fmt: skip
        if request_id != -1:
            self.ib.wrapper.startReq(request_id)
        self.ib.wrapper.execDetails(request_id, SPY, execution)

    def error(self, code: int, text: str = "why") -> None:
        self.ib.wrapper.error(5, code, text, "")

    @property
    def found(self) -> BrokerOrder | None:
        found = self.told.order("r1")
        return found.to_broker_order() if found else None

    @property
    def word(self) -> BrokerOrder:
        assert self.found is not None
        return self.found

    def listing(self) -> int:
        return self.told.start_listing()


@pytest.fixture
async def broker() -> Broker:
    return Broker()


async def test_nothing_is_said_of_an_order_before_the_broker_has_said_anything(broker: Broker) -> None:
    assert broker.found is None
    assert list(broker.told.orders()) == []


@pytest.mark.parametrize("status", ["PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel"])
async def test_an_order_that_the_broker_has_is_working(broker: Broker, status: str) -> None:
    broker.open_order(status)
    assert broker.word.state is WORKING


async def test_a_status_alone_is_a_word(broker: Broker) -> None:
    broker.status("Submitted", filled=40)

    assert (broker.word.state, broker.word.filled, broker.word.perm_id) == (WORKING, Decimal(40), 77)


@pytest.mark.parametrize("code", [10349, 161, 100, 103, 10197, 201])
async def test_an_error_alone_says_nothing_of_an_order(broker: Broker, code: int) -> None:
    broker.error(code)

    assert broker.found is None
    assert broker.told.order("r1") is None


@pytest.mark.parametrize("code", [10349, 161, 100, 103, 10197, 201, 202, 10147, 10148])
async def test_an_error_does_not_end_an_order(broker: Broker, code: int) -> None:
    broker.open_order("Submitted")
    broker.error(code)

    assert broker.word.state is WORKING
    broker.execution(cumulative=100)
    assert broker.word.state is FILLED


async def test_an_error_is_kept_as_the_reason_to_look(broker: Broker) -> None:
    assert broker.told.complaint("r1") is None
    broker.error(103, "Duplicate\norder id")

    assert broker.told.complaint("r1") == Complaint(code=103, text="Duplicate order id")


@pytest.mark.parametrize("code", [202, 399, 404, 161, 10147, 10148, 2109])
async def test_a_warning_or_a_refused_cancel_is_no_complaint_about_the_order(
    broker: Broker, code: int
) -> None:
    broker.error(103)
    broker.error(code)

    complaint = broker.told.complaint("r1")
    assert complaint is not None
    assert complaint.code == 103


async def test_an_error_of_a_request_with_another_id_concerns_no_order(broker: Broker) -> None:
    broker.ib.wrapper.error(6, 10089, "no data", "")
    assert broker.told.complaint("r1") is None


@pytest.mark.parametrize("first", ["error", "status"])
async def test_inactive_with_201_is_rejected_whichever_comes_first(broker: Broker, first: str) -> None:
    if first == "error":
        broker.error(201, "no margin")
    broker.status("Inactive")
    if first == "status":
        broker.error(201, "no margin")

    assert (broker.word.state, broker.word.text) == (REJECTED, "no margin")


async def test_inactive_alone_is_held_with_what_the_broker_says_about_it(broker: Broker) -> None:
    broker.error(404, "locating shares")
    broker.status("Inactive", why_held="locate")

    assert (broker.word.state, broker.word.text) == (HELD, "locating shares")


async def test_an_order_that_the_broker_says_is_held_is_held_until_it_works(broker: Broker) -> None:
    broker.status("PreSubmitted", why_held="locate")
    assert (broker.word.state, broker.word.text) == (HELD, "locate")

    broker.status("Submitted")
    assert broker.word.state is WORKING


async def test_a_rejected_change_does_not_make_a_later_hold_a_rejection(broker: Broker) -> None:
    broker.status("Submitted")
    broker.error(201, "the new size is too small")
    broker.status("Submitted")
    broker.status("Inactive")

    assert broker.word.state is HELD


@pytest.mark.parametrize("status", ["Cancelled", "ApiCancelled"])
async def test_a_cancel_that_the_broker_told_of_is_the_end_with_what_had_filled(
    broker: Broker, status: str
) -> None:
    broker.execution(shares=40, cumulative=40)
    broker.status(status, filled=40)

    assert (broker.word.state, broker.word.filled, broker.word.average_price) == (
        CANCELLED,
        Decimal(40),
        Decimal(671),
    )


async def test_a_fill_that_was_told_after_the_cancel_counts(broker: Broker) -> None:
    broker.status("Cancelled")
    broker.execution(cumulative=100)

    assert (broker.word.state, broker.word.filled) == (FILLED, Decimal(100))


async def test_a_status_of_filled_waits_for_its_executions(broker: Broker) -> None:
    broker.status("Filled", filled=100)
    assert (broker.word.state, broker.word.filled) == (WORKING, Decimal(100))

    broker.execution(cumulative=100)
    assert broker.word.state is FILLED


async def test_complete_executions_need_no_status(broker: Broker) -> None:
    broker.execution("a.01", shares=60, cumulative=60)
    assert (broker.word.state, broker.word.filled) == (WORKING, Decimal(60))

    broker.execution("b.01", shares=40, cumulative=100)
    assert (broker.word.state, broker.word.filled) == (FILLED, Decimal(100))


async def test_a_last_execution_that_counts_those_of_the_days_before_is_the_end(broker: Broker) -> None:
    broker.execution("b.01", shares=40, cumulative=100)

    assert (broker.word.state, broker.word.filled) == (FILLED, Decimal(100))


@given(st.permutations([("a.01", 30.0), ("a.02", 20.0), ("b.01", 50.0), ("b.01", 50.0), ("c.01", 30.0)]))
async def test_executions_count_once_however_often_and_in_whatever_order_they_are_told(
    told: list[tuple[str, float]],
) -> None:
    broker = Broker()
    for exec_id, shares in told:
        broker.execution(exec_id, shares)

    assert (broker.word.state, broker.word.filled) == (FILLED, Decimal(100))


async def test_a_fill_that_is_corrected_downwards_does_not_open_the_order_again(broker: Broker) -> None:
    broker.status("Filled", filled=100)
    broker.execution("a.01", shares=100, cumulative=100)
    broker.execution("a.02", shares=80, cumulative=80)

    assert (broker.word.state, broker.word.filled) == (FILLED, Decimal(80))


@pytest.mark.parametrize(("action", "sign"), [("BUY", 1), ("SELL", -1)])
async def test_quantities_of_a_sale_are_negative(action: str, sign: int) -> None:
    broker = Broker(action=action)
    broker.open_order()
    broker.status("Submitted", filled=40)

    assert (broker.word.quantity, broker.word.filled) == (Decimal(sign * 100), Decimal(sign * 40))
    found = broker.told.order("r1")
    assert found is not None
    open_order = found.to_open_order()
    assert (open_order.quantity, open_order.filled) == (Decimal(sign * 100), Decimal(sign * 40))
    assert (open_order.limit_price, open_order.status) == (Decimal(670), "Submitted")


@pytest.mark.parametrize("unset", [0.0, sys.float_info.max])
async def test_a_limit_that_was_not_sent_is_none(broker: Broker, unset: float) -> None:
    order = broker.order()
    order.lmtPrice = unset
    broker.ib.wrapper.openOrder(5, SPY, order, OrderState(status="Submitted"))

    [found] = broker.told.orders()
    assert found.to_open_order().limit_price is None


@pytest.mark.parametrize(
    ("status", "state"),
    [("Filled", FILLED), ("Cancelled", CANCELLED), ("Inactive", REJECTED), ("PendingCancel", CANCELLED)],
)
async def test_a_completed_order_is_at_its_end(broker: Broker, status: str, state: domain.OrderState) -> None:
    broker.open_order("Submitted")
    broker.completed(status, filled=100 if state is FILLED else 30)

    assert (broker.word.state, broker.word.order_id) == (state, 5)
    assert broker.word.filled == (100 if state is FILLED else 30)


async def test_a_completed_order_without_reference_and_quantity_is_known_by_its_permanent_id(
    broker: Broker,
) -> None:
    """As real ones were seen: filledQuantity is there, totalQuantity is 0."""
    broker.open_order("Submitted")
    order = broker.order("", order_id=0, client_id=0, quantity=0, filled=100)
    broker.ib.wrapper.completedOrder(SPY, order, OrderState(status="Filled"))

    assert (broker.word.state, broker.word.quantity, broker.word.filled) == (
        FILLED,
        Decimal(100),
        Decimal(100),
    )


async def test_a_completed_order_of_unknown_quantity_that_filled_in_part_is_not_filled() -> None:
    broker = Broker(placed=False)
    broker.execution(shares=30, cumulative=30, request_id=9)
    broker.completed("Cancelled", quantity=0, filled=30)

    assert (broker.word.state, broker.word.filled) == (CANCELLED, Decimal(30))


async def test_executions_told_before_their_order_are_its(broker: Broker) -> None:
    broker.execution("z.01", 70, perm_id=88, reference="r2", cumulative=70)
    broker.open_order("Submitted", "r2", perm_id=88, order_id=6)

    other = broker.told.order("r2")
    assert other is not None
    assert other.to_broker_order().filled == Decimal(70)
    assert broker.found is None


async def test_an_older_order_with_the_same_id_is_not_taken_for_the_new_one(broker: Broker) -> None:
    """The gateway's counter was reset, and ids are used again."""
    broker.execution(perm_id=33, reference="of-old", cumulative=100)
    broker.open_order("Submitted", "of-old", perm_id=33)
    broker.status("Cancelled", perm_id=33)
    assert broker.found is None

    broker.open_order("Submitted", perm_id=77)
    assert (broker.word.state, broker.word.filled, broker.word.perm_id) == (WORKING, Decimal(0), 77)


async def test_an_order_of_another_client_with_the_same_id_is_not_taken_for_ours(broker: Broker) -> None:
    broker.open_order("Submitted", "theirs", perm_id=33, client_id=2)
    broker.status("Filled", perm_id=33, client_id=2)

    assert broker.found is None
    assert [order.order.clientId for order in broker.told.orders()] == [2]


async def test_an_order_that_is_placed_again_is_not_told_of_by_its_first_placing(broker: Broker) -> None:
    broker.open_order("Submitted")
    broker.told.expect(SPY, broker.order(order_id=9, perm_id=0))

    assert broker.found is None


async def test_an_open_order_that_is_no_longer_listed_is_not_told_of(broker: Broker) -> None:
    broker.open_order("Submitted")
    broker.execution("a.01", shares=40, cumulative=40)
    turn = broker.listing()
    broker.execution("b.01", shares=10, cumulative=50, request_id=9)
    broker.told.finish_listing(turn)

    assert broker.found is None
    assert list(broker.told.orders()) == []


@pytest.mark.parametrize("again", ["open", "status", "execution"])
async def test_an_open_order_that_is_heard_of_while_orders_are_listed_is_told_of(
    broker: Broker, again: str
) -> None:
    broker.open_order("Submitted")
    turn = broker.listing()
    match again:
        case "open":
            broker.open_order("Submitted")
        case "status":
            broker.status("Submitted")
        case _:
            broker.execution(shares=40, cumulative=40)
    broker.told.finish_listing(turn)

    assert broker.word.state is WORKING
    assert [order.order.orderRef for order in broker.told.orders(since=turn)] == ["r1"]


async def test_an_end_that_was_told_stays_told_even_if_the_gateway_forgets_it(broker: Broker) -> None:
    broker.status("Cancelled")
    broker.told.finish_listing(broker.listing())

    assert broker.word.state is CANCELLED


async def test_executions_that_are_asked_for_prove_an_order_filled_that_nothing_else_was_told_of(
    broker: Broker,
) -> None:
    turn = broker.listing()
    broker.execution(cumulative=100, request_id=9)
    broker.told.finish_listing(turn)

    assert broker.word.state is FILLED
