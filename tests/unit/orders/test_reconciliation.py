"""What the broker's reports change in our books, and where the two then differ."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.orders import NOON, OURS, PERM_ID, SPY, execution, lookup, record, told
from trader.domain.ledger import EXTERNAL, BookedFill, stem_of
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderState
from trader.domain.portfolio import Fill, Position
from trader.domain.posting import Posting, post
from trader.domain.reconciliation import Tally, counted_until, repair_of, tallies

NOBODYS: dict[str, Any] = {"reference": "", "perm_id": 0, "order_id": 0, "client_id": 0}
ENDED = record(standing=OrderState.CANCELLED, state="ended", perm_id=PERM_ID, text="cancelled by us")


def by_hand(exec_id: str = "0009.aa.01", quantity: int = 10, **changes: Any) -> Fill:
    """Return an execution of somebody else's order."""
    return execution(exec_id, quantity, **{**NOBODYS, **changes})


def booked_by(posting: Posting) -> tuple[BookedFill, ...]:
    return (*posting.fills, *posting.external)


def shares(posting: Posting) -> list[tuple[str, int]]:
    """Return who is given how much by each booking."""
    return [(owner, int(part)) for fill in booked_by(posting) for owner, part in fill.shares.items()]


def position(quantity: int, con_id: int = SPY.con_id) -> Position:
    return Position(
        con_id=con_id,
        symbol="SPY",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        quantity=Decimal(quantity),
        average_cost=Decimal(100),
        market_price=None,
        market_value=None,
        unrealized_pnl=None,
    )


def repair(
    quantity: int = 0, *, at_s: float = 0, run: str = "id/repair", con_id: int = SPY.con_id
) -> BookedFill:
    """Return the booking of a repair that found so much more at the broker, so long after noon."""
    tally = Tally(con_id, "SPY", "USD", Decimal(0), Decimal(quantity))
    return repair_of(tally, run, NOON + timedelta(seconds=at_s))


# -- whose an execution is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [{"perm_id": PERM_ID}, {"perm_id": 0}, {"reference": ""}],
    ids=["by both", "by reference", "by the broker's number"],
)
def test_a_late_execution_is_its_orders_own(names: dict[str, Any]) -> None:
    posting = post([ENDED], [], lookup(fills=[execution(quantity=4, **names)]))
    assert shares(posting) == [("alpha", 4)]
    (after,) = posting.orders
    assert (after.standing, after.filled, after.text) == (OrderState.CANCELLED, Decimal(4), ENDED.text)


@pytest.mark.parametrize(
    "names",
    [NOBODYS, {"reference": "mine", "perm_id": 9}, {"reference": "mine", "perm_id": PERM_ID}],
    ids=["entered by hand", "another client's", "another's reference decides before the number"],
)
def test_an_execution_of_nobodys_order_is_adopted_once(names: dict[str, Any]) -> None:
    reports = lookup(fills=[by_hand(**names)])
    posting = post([ENDED], [], reports)
    assert shares(posting) == [(EXTERNAL, 10)]
    again = post([ENDED], posting.external, reports)
    assert (again.fills, again.external, again.orders) == ((), (), ())


def test_a_spread_traded_by_hand_is_booked_by_its_legs_alone() -> None:
    spread = [by_hand(sec_type="BAG", con_id=28812380), by_hand("0009.ab.01", 10), by_hand("0009.ac.01", -10)]
    posting = post([], [], lookup(fills=spread))
    assert [fill.con_id for fill in posting.external] == [SPY.con_id, SPY.con_id]


def test_without_adopting_what_is_nobodys_stays_so() -> None:
    assert booked_by(post([], [], lookup(fills=[by_hand()]), adopts=False)) == ()


def test_an_execution_that_is_booked_stays_its_orders_though_a_report_forgets_whose_it_was() -> None:
    first = post([ENDED], [], lookup(fills=[execution()]))
    assert booked_by(post([], first.fills, lookup(fills=[by_hand("0001.aa.01")]))) == ()


def test_before_the_time_given_nothing_is_adopted_nor_added_to_an_end_but_open_orders_are_judged_whole() -> (
    None
):
    early = [execution("0001.aa.01", 4), by_hand()]
    since = NOON + timedelta(seconds=1)
    assert booked_by(post([ENDED], [], lookup(fills=early), since=since)) == ()
    working = record(standing=OrderState.WORKING, perm_id=PERM_ID)
    posting = post([working], [], lookup(fills=early, open=[told(filled=4)]), since=since)
    assert shares(posting) == [("alpha", 4)]


# -- corrections and commissions --------------------------------------------------------------------------


@pytest.mark.parametrize("ours", [True, False])
def test_a_correction_takes_the_executions_place_whichever_comes_first(ours: bool) -> None:
    make, owner = (execution, "alpha") if ours else (by_hand, EXTERNAL)
    first, second = make("0001.aa.01", 10), make("0001.aa.02", 6)
    before = booked_by(post([ENDED], [], lookup(fills=[first])))
    corrected = post([ENDED], before, lookup(fills=[second]))
    assert shares(corrected) == [(owner, 6)]
    assert booked_by(post([ENDED], booked_by(corrected), lookup(fills=[first]))) == ()
    assert shares(post([ENDED], [], lookup(fills=[second, first]))) == [(owner, 6)]


@pytest.mark.parametrize("ours", [True, False])
def test_a_commission_that_comes_late_is_filled_in_and_never_lost(ours: bool) -> None:
    make = execution if ours else by_hand
    paid = make(commission=Decimal(1), commission_currency="USD")
    silent = booked_by(post([ENDED], [], lookup(fills=[make()])))
    (filled_in,) = booked_by(post([ENDED], silent, lookup(fills=[paid])))
    assert (filled_in.commission, filled_in.commission_currency) == (Decimal(1), "USD")
    assert booked_by(post([ENDED], [filled_in], lookup(fills=[make()]))) == ()


# -- where an order stands --------------------------------------------------------------------------------


@pytest.mark.parametrize("standing", [OrderState.CANCELLED, OrderState.REJECTED, OrderState.UNSENT])
def test_a_status_is_never_taken_for_a_fill(standing: OrderState) -> None:
    ended = record(standing=standing, state="ended", perm_id=PERM_ID)
    posting = post([ended], [], lookup(completed=[told(OrderState.FILLED, 10)]))
    assert (booked_by(posting), posting.orders) == ((), ())


def test_an_order_at_its_end_that_the_broker_shows_at_work_is_open_again() -> None:
    (after,) = post([ENDED], [], lookup(open=[told()])).orders
    assert (after.state, after.standing) == ("open", OrderState.WORKING)


def test_an_end_that_the_broker_confirms_keeps_what_was_said_of_it_and_another_end_does_not() -> None:
    def after(state: OrderState) -> OrderRecord:
        late = execution(quantity=4)
        (found,) = post([ENDED], [], lookup(fills=[late], completed=[told(state, 4, text="so IB")])).orders
        return found

    assert (after(OrderState.CANCELLED).text, after(OrderState.REJECTED).text) == (ENDED.text, "so IB")


def test_the_last_execution_of_an_order_taken_for_cancelled_fills_it() -> None:
    (after,) = post([ENDED], [], lookup(fills=[execution()])).orders
    assert (after.standing, after.filled) == (OrderState.FILLED, Decimal(10))


@pytest.mark.parametrize(
    ("standing", "perm_id"),
    [(OrderState.PLANNED, 0), (OrderState.UNRESOLVED, 0), (OrderState.WORKING, PERM_ID)],
    ids=["planned", "in doubt", "vanished"],
)
def test_an_open_order_that_the_broker_does_not_account_for_is_in_doubt(
    standing: OrderState, perm_id: int
) -> None:
    posting = post([record(standing=standing, perm_id=perm_id)], [], lookup())
    assert list(posting.doubts) == [OURS]
    assert posting.doubts[OURS]
    assert posting.orders == ()


# -- repairs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [execution, by_hand], ids=["ours", "nobody's"])
def test_what_a_repair_has_counted_is_not_booked_again_and_what_comes_after_it_is(make: Any) -> None:
    counted, later = make("0001.aa.01", 6), make("0002.aa.01", 4, at=NOON + timedelta(seconds=9))
    posting = post([ENDED], [repair(6, at_s=3)], lookup(fills=[counted, later]))
    assert [(fill.stem, fill.quantity) for fill in booked_by(posting)] == [("0002.aa", Decimal(4))]


def test_what_a_repair_has_counted_still_tells_that_the_order_is_filled() -> None:
    open_again = record(standing=OrderState.WORKING, perm_id=PERM_ID)
    (after,) = post([open_again], [repair(10, at_s=3)], lookup(fills=[execution()])).orders
    assert (after.standing, after.filled) == (OrderState.FILLED, Decimal(0))


def test_an_execution_booked_before_a_repair_is_corrected_after_it() -> None:
    before = booked_by(post([ENDED], [], lookup(fills=[execution()])))
    posting = post([ENDED], [*before, repair(at_s=3)], lookup(fills=[execution("0001.aa.02", 6)]))
    assert shares(posting) == [("alpha", 6)]


def test_an_order_planned_after_a_repair_counts_each_of_its_executions() -> None:
    fresh = record(planned_at=NOON + timedelta(seconds=4), standing=OrderState.WORKING, perm_id=PERM_ID)
    posting = post([fresh], [repair(at_s=3)], lookup(fills=[execution()]))
    assert shares(posting) == [("alpha", 10)]


def test_a_repair_counts_in_its_own_contract_and_the_last_one_decides() -> None:
    other = 1
    repairs = [repair(at_s=3), repair(at_s=9, run="id/second"), repair(at_s=1, con_id=other)]
    assert counted_until(repairs) == {
        SPY.con_id: NOON + timedelta(seconds=9),
        other: NOON + timedelta(seconds=1),
    }
    assert counted_until([*booked_by(post([], [], lookup(fills=[by_hand()])))]) == {}


def test_a_repair_is_told_from_any_other_and_from_every_execution() -> None:
    stems = [repair().stem, repair(run="id/second").stem, repair(con_id=1).stem]
    assert len(set(stems)) == 3
    assert all(stem_of(stem) == stem and "/" in stem for stem in stems)


# -- ours against theirs ----------------------------------------------------------------------------------


def test_books_that_agree_show_no_difference_and_a_contract_only_one_side_knows_does() -> None:
    held = booked_by(post([ENDED], [], lookup(fills=[execution(quantity=4)])))
    found = tallies(held, [position(4), position(7, con_id=1)])
    assert {con_id: tally.difference for con_id, tally in found.items()} == {SPY.con_id: 0, 1: 7}
    assert tallies(held, [])[SPY.con_id].difference == -4


def test_a_contract_is_named_as_our_order_names_it() -> None:
    pair = SPY.model_copy(update={"symbol": "EUR", "local_symbol": "EUR.USD"})
    ours = record(contract=pair, standing=OrderState.CANCELLED, state="ended")
    held = booked_by(post([ours], [], lookup(fills=[by_hand(symbol="EUR"), execution(symbol="EUR")])))
    for fills in (held, held[::-1]):
        assert tallies(fills, [position(20)])[SPY.con_id].instrument == "EUR.USD"


quantities = st.integers(-50, 50).filter(bool)
fills = st.lists(
    st.builds(
        lambda n, revision, quantity, ours: (execution if ours else by_hand)(
            f"{n:04d}.aa.{revision:02d}", abs(quantity) if ours else quantity
        ),
        st.integers(0, 5),
        st.integers(1, 3),
        quantities,
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda fill: fill.exec_id,
).filter(
    lambda told: (
        len({(stem_of(f.exec_id), f.reference) for f in told}) == len({stem_of(f.exec_id) for f in told})
    )
)
"""Executions and their corrections, each of one owner whatever its revision."""


def posted(orders: Sequence[OrderRecord], parts: Sequence[Sequence[Fill]]) -> dict[str, BookedFill]:
    """Return the books after lookups that told of these executions, one part after another."""
    standing: dict[str, BookedFill] = {}
    for part in parts:
        posting = post(orders, list(standing.values()), lookup(fills=part))
        standing |= {fill.stem: fill for fill in booked_by(posting)}
    return standing


@given(fills, st.randoms(use_true_random=False), st.integers(0, 12))
def test_the_order_and_the_partition_of_reports_do_not_matter(
    reported: list[Fill], random: Any, cut: int
) -> None:
    shuffled = random.sample(reported, len(reported))
    at_once = tallies(posted([ENDED], [reported]).values(), [])
    in_parts = tallies(posted([ENDED], [shuffled[:cut], shuffled[cut:], reported]).values(), [])
    assert in_parts == at_once
    assert sum(tally.ours for tally in at_once.values()) == sum(latest(reported).values())


def latest(reported: Sequence[Fill]) -> dict[str, Decimal]:
    """Return the quantity of each execution as last corrected."""
    ordered = sorted(reported, key=lambda fill: fill.exec_id)
    return {stem_of(fill.exec_id): fill.quantity for fill in ordered}


@given(fills, st.integers(-100, 100))
def test_a_repair_makes_the_books_agree_and_what_it_counted_leaves_them_so(
    reported: list[Fill], held: int
) -> None:
    seen, unseen = reported[::2], reported[1::2]
    stems = {stem_of(fill.exec_id) for fill in seen}
    unseen = [fill for fill in unseen if stem_of(fill.exec_id) not in stems]
    standing = posted([ENDED], [seen])
    tally = tallies(standing.values(), [position(held)])[SPY.con_id]
    booking = repair_of(tally, "id/repair", NOON)
    repaired = [*standing.values(), booking]
    assert tallies(repaired, [position(held)])[SPY.con_id].difference == 0
    assert booked_by(post([ENDED], repaired, lookup(fills=unseen))) == ()
