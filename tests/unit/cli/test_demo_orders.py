"""The demo's steps with orders notice an order doubled, lost, or ended by the wrong worker."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from trader.domain.events import RESULT_TYPE
from trader.domain.ledger import BookedFill
from trader.domain.messages import Reason, Result
from trader.domain.orders import OrderReport
from trader.domain.status import Mode, Severity, Status
from trader.entrypoints.cli.told import Told
from trader.entrypoints.demo.orders import ORDER_STEPS
from trader.entrypoints.demo.scene import Broken, Scene, Step

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HALTED, ACTIVE, LIVE, AGAIN, HELD, CLOSED, FLAT = ORDER_STEPS
NOTHING: dict[str, Any] = {"positions": [], "openOrders": [], "fills": []}


def told(
    outcome: Any = None,
    *orders: OrderReport,
    run: str = "id/a",
    code: str | None = None,
    publication: int = 1,
) -> Told:
    status = Status.REJECTED if code else Status.SUCCEEDED
    result = Result(
        id=run,
        intent="close-all",
        status=status,
        severity=Severity.INFO,
        dry_run=False,
        mode=Mode.PAPER,
        account="DU1",
        reason=Reason(code=code, message="why") if code else None,
        outcome=outcome,
        orders=orders,
        requested_at=NOON,
        started_at=NOON,
        finished_at=NOON,
        attempt=1,
    )
    return Told(f"{run}#{publication}", RESULT_TYPE, "", NOON, result.to_json(), result)


def an_order(quantity: str, filled: str | None = None, *, reference: str = "i1") -> OrderReport:
    done = quantity if filled is None else filled
    return OrderReport.model_validate(
        {
            "instrument": "SPY",
            "quantity": quantity,
            "orderType": "MKT",
            "tif": "DAY",
            "state": "filled" if done == quantity else "working",
            "filled": done,
            "averagePrice": "600.5",
            "currency": "USD",
            "reference": reference,
        }
    )


def booked(reference: str, quantity: str, stem: str = "e1") -> BookedFill:
    amount = Decimal(quantity)
    return BookedFill(
        stem=stem,
        exec_id=f"{stem}.01",
        order=reference,
        con_id=756733,
        instrument="SPY",
        currency="USD",
        quantity=amount,
        price=Decimal(600),
        at=NOON,
        shares={"testsignalgenerator": amount},
    )


def account(*fills: tuple[str, str], position: str = "0", open_orders: tuple[Any, ...] = ()) -> Any:
    return {
        "positions": [{"symbol": "SPY", "quantity": position}],
        "openOrders": list(open_orders),
        "fills": [{"reference": reference, "quantity": quantity} for reference, quantity in fills],
    }


SIGNALLED = told({"signal": "long"}, an_order("65"))
CLOSING = told({"cancelled": 0, "residue": []}, an_order("-65", reference="i2"), run="id/b")
BOOKED = (booked("i1", "65"), booked("i2", "-26", "e2"), booked("i2", "-39", "e3"))
FILLS = (("i1", "65"), ("i2", "-26"), ("i2", "-39"))
BEFORE = (SIGNALLED, replace(SIGNALLED, id="id/a#2"), CLOSING)
END = Scene(told(account(*FILLS)), BEFORE, BOOKED, heard=BEFORE)


@pytest.mark.parametrize(
    ("step", "scene", "says"),
    [
        (HALTED, Scene(told(code="halted")), "nothing was sent"),
        (ACTIVE, Scene(told({"before": "halted", "after": "active"})), "was halted and is now active"),
        (LIVE, Scene(SIGNALLED), "the signal is long: one order, .* bought 65 SPY at 600.5"),
        (AGAIN, Scene(replace(SIGNALLED, id="id/a#2"), (SIGNALLED,)), "id/a#2"),
        (HELD, Scene(told(account(FILLS[0], position="65")), BEFORE[:2], BOOKED[:1]), "position of 65 SPY"),
        (CLOSED, Scene(CLOSING, attempts=2), "sold 65 SPY"),
        (FLAT, END, "2 orders in 3 fills, .* holdings 0, positions 0"),
    ],
)
def test_a_step_that_ends_as_promised_says_so(step: Step, scene: Scene, says: str) -> None:
    assert step.holds(scene)
    assert re.search(says, step.verify(scene))


@pytest.mark.parametrize(
    ("step", "scene", "why"),
    [
        (HALTED, Scene(told(code="halted"), booked=BOOKED), "expected no order while trading is halted"),
        (LIVE, Scene(told({"signal": "hold"})), "expected one order, filled, found none"),
        (LIVE, Scene(told({"signal": "long"}, an_order("65", "20"))), "found working 20 SPY"),
        (AGAIN, Scene(SIGNALLED, (SIGNALLED,)), "told again as #2"),
        (HELD, Scene(told(account(FILLS[0])), BEFORE[:2], BOOKED[:1]), "a position of 65 SPY, found none"),
        (
            HELD,
            Scene(told(account(*FILLS[:1] * 2, position="130")), BEFORE[:2], BOOKED[:1]),
            "expected fills of 65 i1 at the gateway, found 130 i1",
        ),
        (CLOSED, Scene(CLOSING, attempts=1), "expected another worker"),
        (CLOSED, Scene(replace(CLOSING, result=None), attempts=2), "expected a result"),
        (FLAT, replace(END, booked=BOOKED[:2]), "in the books"),
        (FLAT, replace(END, booked=(*BOOKED, booked("", "1", "e4"))), "in the books"),
        (FLAT, replace(END, told=told(account(*FILLS, position="-65"))), "positions -65 SPY"),
        (FLAT, replace(END, told=told(account(*FILLS, open_orders=({},)))), "1 open orders"),
        (
            FLAT,
            replace(END, told=told(account(FILLS[0], ("i2", "-65")))),
            "expected each fill to be booked once, found 2 fills booked as 3",
        ),
        (
            FLAT,
            replace(END, heard=(*BEFORE, told(NOTHING, run="id/b", publication=2))),
            "expected one result of id/b, found two that differ",
        ),
    ],
)
def test_a_broken_promise_is_noticed(step: Step, scene: Scene, why: str) -> None:
    assert not step.holds(scene)
    with pytest.raises(Broken, match=why):
        step.verify(scene)


def test_the_worker_is_killed_while_its_order_is_filled_in_part() -> None:
    order = {"symbol": "SPY", "quantity": "-65", "filled": "-26"}
    middle = CLOSED.killed_at
    assert middle is not None
    assert "26 of 65 SPY" in middle.verify(Scene(told({**NOTHING, "openOrders": [order]})))
    for too_early in ([], [{**order, "filled": "0"}]):
        assert not middle.holds(Scene(told({**NOTHING, "openOrders": too_early})))
