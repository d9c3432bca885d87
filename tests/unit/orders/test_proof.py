"""No order is called unsent without the whole proof, and no history in which it stood has one."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.orders import EVIDENCE, RUN, SENDING, execution, lookup, record, told
from trader.domain.order_record import OrderRecord
from trader.domain.orders import BrokerOrder, OrderState, reference_of
from trader.domain.portfolio import Fill
from trader.domain.proof import Scene, missing_proof

ANOTHERS: dict[str, Any] = {"reference": "i000000000000000", "perm_id": 78}
"""Another order of our own client."""


def scene(
    *,
    first: int = 6,
    second: int = 6,
    orders: Sequence[BrokerOrder] = (),
    fills: Sequence[Fill] = (),
    **changes: Any,
) -> Scene:
    """Return a scene that proves ``record()`` unsent: its id is 10, 5 is taken, the counter is at 6."""
    proven = Scene(
        first=lookup(next_order_id=first, after_s=60, remembers=True),
        second=lookup(next_order_id=second, after_s=65, remembers=True, open=orders, fills=fills),
        links=("link-2", "link-2"),
        gateway=SENDING.gateway,
        client_id=SENDING.client_id,
        session_date=EVIDENCE.session_date,
        position=Decimal(0),
        expected_position=Decimal(0),
        settle_s=5,
    )
    return replace(proven, **changes)


def forgotten(*, first: bool = False, second: bool = False) -> Scene:
    """Return the scene with a lookup that shows nothing of before."""
    told = scene()
    return replace(
        told,
        first=told.first.model_copy(update={"fills": ()}) if first else told.first,
        second=told.second.model_copy(update={"fills": ()}) if second else told.second,
    )


def ordered(**evidence: Any) -> OrderRecord:
    """Return the order with other evidence."""
    return record(evidence=EVIDENCE.model_copy(update=evidence))


def test_an_order_of_which_nothing_was_sent_is_proven_unsent() -> None:
    assert missing_proof(record(), scene()) is None


def test_an_order_that_never_got_an_id_was_never_sent() -> None:
    assert missing_proof(record(sending=None), scene(session_date="2026-11-24", position=Decimal(9))) is None


@pytest.mark.parametrize(
    ("order", "found", "missing"),
    [
        (record(), scene(second=6, settle_s=5.001), "two lookups"),
        (record(), replace(scene(), second=scene().first), "two lookups"),
        (record(), scene(links=(SENDING.link, SENDING.link)), "end of the connection"),
        (record(), scene(gateway="127.0.0.1:4004"), "gateway"),
        (record(), scene(client_id=2), "client"),
        (record(), scene(session_date="2026-11-24"), "session"),
        (record(), scene(position=Decimal(10)), "position"),
        (record(), scene(position=Decimal("0.001")), "position"),
        (record(), scene(first=11), "id was taken"),
        (record(), scene(second=11), "id was taken"),
        (record(), scene(first=5), "reset"),
        (record(), scene(second=5), "reset"),
        (record(), scene(first=1, second=1), "reset"),
        (record(), scene(first=3, second=3), "reset"),
        (ordered(taken_order_id=0), scene(), "known to have taken"),
        (record(), forgotten(first=True), "forgotten"),
        (record(), forgotten(second=True), "forgotten"),
        (ordered(last_execution=""), scene(), "forgotten"),
        (ordered(taken_order_id=2, next_order_id=9), scene(first=8, second=8), "reset"),
    ],
)
def test_each_condition_is_needed(order: OrderRecord, found: Scene, missing: str) -> None:
    assert missing in (missing_proof(order, found) or "nothing is missing")


@given(
    taken=st.integers(0, 12), before=st.integers(1, 12), first=st.integers(0, 14), second=st.integers(0, 14)
)
def test_the_counter_proves_only_between_what_was_taken_and_the_order_itself(
    taken: int, before: int, first: int, second: int
) -> None:
    proven = missing_proof(
        ordered(taken_order_id=taken, next_order_id=before), scene(first=first, second=second)
    )
    between = all(taken < counter <= 10 and before <= counter for counter in (first, second))
    assert (proven is None) == (between and taken > 0)


def test_an_order_of_ours_that_the_gateway_shows_is_an_id_known_taken() -> None:
    unknown = ordered(taken_order_id=0)
    shown = scene(first=8, second=8, orders=[told(order_id=7, **ANOTHERS)])
    assert missing_proof(unknown, shown) is None
    filled = scene(first=8, second=8, fills=[execution(order_id=7, **ANOTHERS)])
    assert missing_proof(unknown, filled) is None


@pytest.mark.parametrize("shown", [told(order_id=7, client_id=9, **ANOTHERS), told(order_id=0, **ANOTHERS)])
def test_an_order_of_another_client_or_without_an_id_says_nothing_of_our_counter(shown: BrokerOrder) -> None:
    assert missing_proof(ordered(taken_order_id=0), scene(first=8, second=8, orders=[shown])) is not None


# -- histories in which the order stood: its run died before it heard of it --------------------------------


def test_a_fresh_gateway_of_the_next_day_proves_nothing() -> None:
    """It has forgotten everything and counts from 3, while the order has filled."""
    forgetful = scene(first=3, second=3, session_date="2026-11-24", position=Decimal(10))
    for alike in (forgetful, replace(forgetful, position=Decimal(0)), scene(session_date="2026-11-24")):
        assert missing_proof(record(), alike) is not None


@pytest.mark.parametrize("counter", [1, 3, 5])
def test_a_counter_that_began_again_proves_nothing(counter: int) -> None:
    assert missing_proof(record(), scene(first=counter, second=counter)) is not None


def test_a_counter_that_began_again_between_the_lookups_proves_nothing() -> None:
    assert missing_proof(record(), scene(first=6, second=1)) is not None
    assert missing_proof(record(), scene(first=1, second=6)) is not None


def test_a_midnight_between_plan_and_lookup_proves_nothing() -> None:
    before = ordered(session_date="2026-11-22")
    assert missing_proof(before, scene()) is not None


def test_a_position_that_has_moved_proves_nothing_either_way() -> None:
    for moved in (Decimal(10), Decimal(-10), Decimal(1)):
        assert missing_proof(record(), scene(position=moved)) is not None


def test_ids_taken_by_data_requests_leave_no_gap_that_proves_anything_once_the_order_was_taken() -> None:
    """The client's counter is at 40, the gateway's at 6: the order takes 40, and so the counter is at 41."""
    order = record(sending=SENDING.model_copy(update={"order_id": 40}))
    assert missing_proof(order, scene(first=41, second=41)) is not None
    assert missing_proof(order, scene(first=6, second=41)) is not None


def test_an_order_that_the_first_lookup_showed_is_not_proven_unsent_by_the_second() -> None:
    """The gateway restarts between the two: it has rolled its counter back, and lost the order."""
    for before in (
        lookup(open=[told()], next_order_id=8, after_s=60, remembers=True),
        lookup(completed=[told(OrderState.CANCELLED)], next_order_id=8, after_s=60, remembers=True),
        lookup(fills=[execution()], next_order_id=8, after_s=60, remembers=True),
    ):
        assert missing_proof(record(), replace(scene(second=8), first=before)) is not None


@pytest.mark.parametrize("by", ["an open order", "a fill"])
@pytest.mark.parametrize("at", ["the first lookup", "the second lookup"])
def test_a_later_id_of_ours_that_the_gateway_shows_says_that_its_counter_was_reset(by: str, at: str) -> None:
    """It has taken 11, so it had taken 10, and yet it counts 8."""
    orders = [told(order_id=11, **ANOTHERS)] if by == "an open order" else []
    fills = [execution(order_id=11, **ANOTHERS)] if by == "a fill" else []
    found = scene(first=8, second=8)
    if at == "the first lookup":
        found = replace(
            found, first=lookup(open=orders, fills=fills, next_order_id=8, after_s=60, remembers=True)
        )
    else:
        found = replace(
            found, second=lookup(open=orders, fills=fills, next_order_id=8, after_s=65, remembers=True)
        )
    assert missing_proof(record(), found) is not None


def test_a_gateway_that_counts_on_from_before_the_order_and_has_forgotten_proves_nothing() -> None:
    """It rejected 10 and came back as of 6, as if it had lost it: only its reports give that away."""
    assert missing_proof(record(), forgotten(first=True, second=True)) is not None


def test_an_earlier_order_of_the_same_run_shows_that_the_reports_reach_back() -> None:
    first = execution("0002.00.01", reference=reference_of(RUN, 0), order_id=9, perm_id=79)
    found = forgotten(first=True, second=True)
    found = replace(
        found,
        first=found.first.model_copy(update={"fills": (first,), "next_order_id": 10}),
        second=found.second.model_copy(update={"fills": (first,), "next_order_id": 10}),
    )
    alone = EVIDENCE.model_copy(update={"last_execution": ""})
    assert missing_proof(record(index=1, evidence=alone), found) is None
    assert missing_proof(record(index=0, evidence=alone), found) is not None


def test_an_id_of_ours_that_now_belongs_to_another_order_says_that_the_counter_was_reset() -> None:
    found = scene(first=10, second=10, orders=[told(order_id=10, **ANOTHERS)])
    assert missing_proof(record(), found) is not None
