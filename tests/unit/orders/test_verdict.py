"""A run ends as its orders stand: doubt first, then what was refused, and success only without either."""

from decimal import Decimal
from itertools import product

import pytest

from tests.support.orders import record
from trader.domain.errors import Failed, OutcomeUnknown
from trader.domain.orders import OrderReport, OrderState
from trader.execution.verdict import verdict

ACCEPTED = (OrderState.WORKING, OrderState.HELD, OrderState.FILLED)
REFUSED = (OrderState.CANCELLED, OrderState.REJECTED, OrderState.UNSENT)


def order(state: OrderState, filled: int = 0) -> OrderReport:
    return record(filled=Decimal(filled), text="said so").at(state).report()


@pytest.mark.parametrize("states", list(product(ACCEPTED, repeat=2)))
def test_orders_that_were_all_accepted_are_no_failure(states: tuple[OrderState, ...]) -> None:
    assert verdict([order(state) for state in states]) is None


def test_no_orders_are_no_failure() -> None:
    assert verdict([]) is None


@pytest.mark.parametrize("other", list(OrderState))
def test_an_order_in_doubt_comes_before_everything_else(other: OrderState) -> None:
    for orders in ([other, OrderState.UNRESOLVED], [OrderState.UNRESOLVED, other]):
        judged = verdict([order(state) for state in orders])
        assert isinstance(judged, OutcomeUnknown)
        assert judged.code == "order-unresolved"


@pytest.mark.parametrize("state", REFUSED)
def test_orders_of_which_none_went_are_rejected(state: OrderState) -> None:
    judged = verdict([order(state), order(state)])
    assert isinstance(judged, Failed)
    assert (judged.code, "said so" in judged.message) == ("orders-rejected", True)


@pytest.mark.parametrize(("accepted", "refused"), list(product(ACCEPTED, REFUSED)))
def test_a_plan_of_which_a_part_went_is_partly_done(accepted: OrderState, refused: OrderState) -> None:
    judged = verdict([order(accepted), order(refused)])
    assert isinstance(judged, Failed)
    assert judged.code == "partly-done"


@pytest.mark.parametrize("state", REFUSED)
def test_an_order_that_was_filled_in_part_and_then_ended_is_partly_done(state: OrderState) -> None:
    judged = verdict([order(state, 4)])
    assert judged is not None
    assert judged.code == "partly-done"


def test_an_order_that_was_sent_for_and_never_heard_of_is_no_success() -> None:
    assert verdict([order(OrderState.PLANNED)]) is not None


def test_an_order_that_a_dry_run_would_send_is_a_success() -> None:
    would_be = order(OrderState.PLANNED).model_copy(update={"reference": None})
    assert verdict([would_be]) is None
