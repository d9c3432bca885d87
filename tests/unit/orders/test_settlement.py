"""What the broker's words make of an order, for every combination of them: found, absent, or in doubt."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.orders import OURS, PERM_ID, execution, lookup, record, told
from trader.domain.ledger import BookedFill, book, stem_of
from trader.domain.order_record import OrderRecord
from trader.domain.orders import BrokerOrder, Lookup, OrderState
from trader.domain.portfolio import Fill
from trader.domain.settlement import Verdict, judge

ANOTHERS = "i000000000000000"
NAMED: dict[str, dict[str, Any]] = {
    "by reference": {"reference": OURS, "perm_id": PERM_ID},
    "by permId": {"reference": "", "perm_id": PERM_ID},
    "by neither": {"reference": "", "perm_id": 0},
    "another's": {"reference": ANOTHERS, "perm_id": 78},
}
"""How an order or an execution says whose it is; the last two don't say that it is ours."""

OPEN = {
    "not open": None,
    "working": told(OrderState.WORKING),
    "held": told(OrderState.HELD),
    "half filled": told(OrderState.WORKING, 4),
}
COMPLETED = {
    "not completed": None,
    "cancelled": told(OrderState.CANCELLED),
    "cancelled after 4": told(OrderState.CANCELLED, 4),
    "rejected": told(OrderState.REJECTED),
    "filled": told(OrderState.FILLED, 10),
}
EXECUTED = {"no executions": 0, "4 executed": 4, "all executed": 10}
KNOWN = {
    "nothing known": (record(), 0),
    "told of before": (record(perm_id=PERM_ID, standing=OrderState.WORKING), 0),
    "4 booked before": (record(perm_id=PERM_ID, standing=OrderState.WORKING, filled=Decimal(4)), 4),
    "in doubt before": (record(standing=OrderState.UNRESOLVED, text="in doubt"), 0),
}


class Case:
    """One combination, and what must come of it, worked out from the facts alone."""

    def __init__(self, known: str, open_: str, completed: str, named: str, executed: str, by: str) -> None:
        self.name = f"{known}; {open_}; {completed} {named}; {executed} {by}"
        self.record, booked = KNOWN[known]
        self.booked = booked_fills(booked)
        self.open = OPEN[open_]
        found = COMPLETED[completed]
        self.completed = found.model_copy(update=NAMED[named]) if found else None
        quantity = EXECUTED[executed]
        self.fills = [execution("a.01", quantity, **NAMED[by])] if quantity else []

    @property
    def lookup(self) -> Lookup:
        return lookup(
            open=[self.open] if self.open else (),
            completed=[self.completed] if self.completed else (),
            fills=self.fills,
        )

    @property
    def perm_id(self) -> int:
        """The broker's number of our order, if anything tells it."""
        says = [thing for thing in (self.open, self.completed, *self.fills) if thing]
        named = [thing.perm_id for thing in says if thing.reference == OURS]
        return next(iter(named), self.record.perm_id)

    def is_ours(self, thing: BrokerOrder | Fill | None) -> bool:
        if thing is None:
            return False
        return thing.reference == OURS or (
            not thing.reference and thing.perm_id == self.perm_id and thing.perm_id != 0
        )

    @property
    def executed(self) -> Decimal:
        told = {stem_of(fill.exec_id): fill.quantity for fill in self.fills if self.is_ours(fill)}
        booked = {fill.stem: fill.quantity for fill in self.booked}
        return sum((booked | told).values(), Decimal(0))

    @property
    def expected(self) -> OrderState | str:
        completed = self.completed if self.is_ours(self.completed) else None
        if self.executed == 10:
            return OrderState.FILLED
        if self.open:
            return "doubt" if self.open.filled > self.executed else self.open.state
        if completed:
            claims_more = completed.state is OrderState.FILLED or completed.filled > self.executed
            return "doubt" if claims_more else completed.state
        return "doubt" if self.executed or self.perm_id else "absent"


def booked_fills(quantity: int) -> tuple[BookedFill, ...]:
    return book(record(), (), [execution("a.01", quantity)]) if quantity else ()


def cases() -> Iterator[Case]:
    for known, open_, completed, named, executed, by in product(
        KNOWN, OPEN, COMPLETED, NAMED, EXECUTED, NAMED
    ):
        nothing_to_name = (completed == "not completed" and named != "by reference") or (
            executed == "no executions" and by != "by reference"
        )
        if not nothing_to_name:
            yield Case(known, open_, completed, named, executed, by)


EVERY = list(cases())


def summed_up(verdict: Verdict) -> OrderState | str:
    if verdict.absent:
        return "absent"
    return "doubt" if verdict.doubt else verdict.record.standing


def test_each_combination_of_the_brokers_words_has_its_verdict() -> None:
    wrong = [
        f"{case.name}: expected {case.expected}, found {summed_up(verdict)}"
        for case in EVERY
        if summed_up(verdict := judge(case.record, case.booked, case.lookup)) != case.expected
    ]
    assert len(EVERY) > 1000
    assert not wrong, "\n".join([f"{len(wrong)} of {len(EVERY)}", *wrong[:20]])


def test_an_order_is_filled_by_its_executions_alone() -> None:
    for case in EVERY:
        verdict = judge(case.record, case.booked, case.lookup)
        if verdict.record.standing is OrderState.FILLED:
            assert case.executed == 10, case.name


def test_an_order_is_absent_only_if_nothing_at_all_says_otherwise() -> None:
    for case in EVERY:
        verdict = judge(case.record, case.booked, case.lookup)
        if verdict.absent:
            assert not any(case.is_ours(thing) for thing in (case.open, case.completed, *case.fills)), (
                case.name
            )
            assert not case.booked, case.name
            assert not case.record.perm_id, case.name
            assert not verdict.fills, case.name


def test_what_was_executed_is_booked_whatever_became_of_the_order() -> None:
    for case in EVERY:
        verdict = judge(case.record, case.booked, case.lookup)
        booked = {fill.stem: fill.quantity for fill in (*case.booked, *verdict.fills)}
        assert sum(booked.values(), Decimal(0)) == case.executed == verdict.record.filled, case.name


def test_the_brokers_number_is_never_forgotten() -> None:
    for case in EVERY:
        verdict = judge(case.record, case.booked, case.lookup)
        assert verdict.record.perm_id == case.perm_id, case.name


def test_what_is_anothers_changes_nothing() -> None:
    anothers = NAMED["another's"]
    crowd = lookup(
        open=[told(**anothers)],
        completed=[told(OrderState.CANCELLED, 4, **anothers)],
        fills=[execution("z.01", 4, **anothers)],
    )
    for order, _ in KNOWN.values():
        assert judge(order, (), crowd) == judge(order, (), lookup())


def test_a_second_verdict_on_the_same_words_books_nothing() -> None:
    for case in EVERY:
        first = judge(case.record, case.booked, case.lookup)
        booked = {fill.stem: fill for fill in (*case.booked, *first.fills)}
        second = judge(first.record, booked.values(), case.lookup)
        assert not second.fills, case.name
        assert summed_up(second) == summed_up(first), case.name


def test_the_end_of_an_order_ends_its_record_and_nothing_else_does() -> None:
    for case in EVERY:
        verdict = judge(case.record, case.booked, case.lookup)
        found = not verdict.absent and not verdict.doubt
        assert (verdict.record.state == "ended") == (found and verdict.record.standing.is_end), case.name


def test_a_partly_filled_order_that_is_cancelled_keeps_its_fills() -> None:
    gone = lookup(completed=[told(OrderState.CANCELLED, 4)], fills=[execution("a.01", 4)])
    verdict = judge(record(), (), gone)
    assert (verdict.record.standing, verdict.record.filled) == (OrderState.CANCELLED, Decimal(4))
    assert [fill.quantity for fill in verdict.fills] == [4]


def test_a_partly_filled_order_that_is_rejected_keeps_its_fills() -> None:
    gone = lookup(completed=[told(OrderState.REJECTED, 4, text="no credit")], fills=[execution("a.01", 4)])
    verdict = judge(record(), (), gone)
    assert (verdict.record.standing, verdict.record.filled) == (OrderState.REJECTED, Decimal(4))
    assert verdict.record.text == "no credit"


def test_a_status_that_claims_more_than_its_executions_is_doubted_and_what_is_known_is_booked() -> None:
    claimed = lookup(completed=[told(OrderState.FILLED, 10)], fills=[execution("a.01", 4)])
    verdict = judge(record(), (), claimed)
    assert verdict.doubt is not None
    assert "10" in verdict.doubt
    assert [fill.quantity for fill in verdict.fills] == [4]
    assert verdict.record.standing is not OrderState.FILLED


def test_an_order_in_doubt_that_the_broker_shows_again_is_found() -> None:
    lost = record(standing=OrderState.UNRESOLVED, text="in doubt")
    verdict = judge(lost, (), lookup(open=[told()]))
    assert (verdict.record.standing, verdict.doubt) == (OrderState.WORKING, None)


def test_an_order_told_of_once_is_doubted_when_the_broker_has_forgotten_it() -> None:
    verdict = judge(record(perm_id=PERM_ID, standing=OrderState.WORKING), (), lookup())
    assert verdict.doubt is not None
    assert not verdict.absent


def test_fills_of_yesterday_count_although_the_broker_reports_today_alone() -> None:
    order = record(perm_id=PERM_ID, standing=OrderState.WORKING)
    verdict = judge(order, booked_fills(4), lookup(fills=[execution("b.01", 6)]))
    assert (verdict.record.standing, verdict.record.filled) == (OrderState.FILLED, Decimal(10))
    assert [fill.stem for fill in verdict.fills] == ["b"]


def test_a_fill_told_while_the_order_is_still_shown_as_working_ends_it() -> None:
    verdict = judge(record(), (), lookup(open=[told()], fills=[execution()]))
    assert verdict.record.standing is OrderState.FILLED


def test_the_brokers_number_of_one_answer_finds_what_another_says_without_a_reference() -> None:
    partly = execution("a.01", 4)
    nameless = told(OrderState.CANCELLED, 4, reference="")
    verdict = judge(record(), (), lookup(completed=[nameless], fills=[partly]))
    assert (verdict.record.standing, verdict.doubt) == (OrderState.CANCELLED, None)


def test_an_execution_without_a_reference_is_known_by_the_number_of_its_order() -> None:
    nameless = execution("a.01", 10, reference="")
    verdict = judge(record(), (), lookup(completed=[told(OrderState.FILLED, 10)], fills=[nameless]))
    assert (verdict.record.standing, verdict.doubt) == (OrderState.FILLED, None)


@pytest.mark.parametrize("quantity", [10, -10])
def test_a_correction_moves_the_quantity_and_the_price_of_its_order(quantity: int) -> None:
    order = record(quantity, wanted={"alpha": quantity})
    first = judge(order, (), lookup(open=[told()], fills=[execution("a.01", quantity * 4 // 10)]))
    raised = execution("a.02", quantity, price=Decimal(101))
    second = judge(first.record, first.fills, lookup(fills=[raised]))
    assert (second.record.standing, second.record.filled) == (OrderState.FILLED, Decimal(quantity))
    assert second.record.average_price == 101


amounts = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@given(amounts, st.integers(0, 6))
def test_however_the_fills_are_told_the_order_is_filled_by_their_sum_alone(
    parts: Sequence[int], told_first: int
) -> None:
    order: OrderRecord = record(sum(parts))
    fills = [execution(f"e.{n}.01", part) for n, part in enumerate(parts)]
    working = told(quantity=Decimal(sum(parts)))
    first = judge(order, (), lookup(open=[working], fills=fills[:told_first]))
    second = judge(first.record, first.fills, lookup(open=[working], fills=fills[told_first:]))
    assert second.record.standing is OrderState.FILLED
    assert len(first.fills) + len(second.fills) == len(parts)
