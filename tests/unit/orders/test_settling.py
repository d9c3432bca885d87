"""Settling first: every open order is found, proven unsent, or locked and told of; no fill is lost."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.support.desk import LINK, Desk, claimed, position
from tests.support.orders import EVIDENCE, OURS, PERM_ID, RUN, SENDING, SPY, execution, lookup, record, told
from tests.support.world import ACCOUNT
from trader.domain.ledger import EXTERNAL, BookedFill, book, holdings
from trader.domain.order_record import OrderRecord
from trader.domain.orders import Complaint, OrderState, reference_of
from trader.domain.session import trading_day
from trader.domain.status import Severity
from trader.execution.settling import Settled, Settler
from trader.ports import Create
from trader.runs.lease import Lease
from trader.stored import orderbook

SETTLE_S = 5.0
HERE = SENDING.model_copy(update={"link": LINK.id})
"""How an order goes on the connection that there is now."""


async def stored(desk: Desk, orders: Iterable[OrderRecord], fills: Iterable[BookedFill] = ()) -> None:
    await desk.store.commit(
        [
            *(Create(orderbook.order_path(ACCOUNT, o.order.reference), o.to_json()) for o in orders),
            *(Create(orderbook.fill_path(ACCOUNT, fill.stem), fill.to_json()) for fill in fills),
        ]
    )


async def settle(desk: Desk, *, resend: bool = True) -> Settled:
    """Settle all open orders of the account, and write what was found."""
    settler = Settler(desk.ports, ACCOUNT, RUN, settle_s=SETTLE_S, resend=resend)
    settling = asyncio.create_task(settler.settle(await orderbook.open_orders(desk.store, ACCOUNT)))
    asleep = asyncio.create_task(desk.clock.until_asleep())
    await asyncio.wait({settling, asleep}, return_when=asyncio.FIRST_COMPLETED)
    asleep.cancel()
    desk.clock.advance(SETTLE_S)
    settled = await settling
    await desk.store.commit(settled.writes)
    return settled


async def order_in(desk: Desk, reference: str = OURS) -> OrderRecord:
    return (await orderbook.read_order(desk.store, ACCOUNT, reference)).value


async def held_in(desk: Desk) -> dict[str, Decimal]:
    found = holdings(await orderbook.all_fills(desk.store, ACCOUNT))
    return {owner: quantity for (owner, _), quantity in found.items()}


async def in_doubt(desk: Desk, reference: str = OURS) -> bool:
    """Return whether an order is unresolved, its contract locked and its name in the lock."""
    order = await order_in(desk, reference)
    locks = await orderbook.contract_locks(desk.store, ACCOUNT)
    if order.standing is not OrderState.UNRESOLVED:
        return False
    assert reference in locks[order.order.contract.con_id].value.orders
    return True


def other(quantity: int = 10, **changes: Any) -> OrderRecord:
    """Return a second order of the run, under the id after the first's."""
    sending = SENDING.model_copy(update={"order_id": SENDING.order_id + 1})
    return record(quantity, index=1, **{"sending": sending, **changes})


OTHER = reference_of(RUN, 1)
OTHERS: dict[str, Any] = {"reference": OTHER, "perm_id": PERM_ID + 1, "order_id": 11}


# -- found ------------------------------------------------------------------------------------------------


async def test_with_nothing_to_settle_the_broker_is_asked_nothing(desk: Desk) -> None:
    settled = await settle(desk)
    assert desk.orders.lookups == 0
    assert not settled.writes


async def test_an_order_that_is_found_needs_one_lookup(desk: Desk) -> None:
    await stored(desk, [record()])
    desk.orders.will_say(lookup(fills=[execution()], next_order_id=11))
    await settle(desk)
    assert desk.orders.lookups == 1
    order = await order_in(desk)
    assert (order.standing, order.state, order.perm_id) == (OrderState.FILLED, "ended", PERM_ID)
    assert await held_in(desk) == {"alpha": 10}


async def test_an_order_that_works_stays_open_and_its_fills_are_booked(desk: Desk) -> None:
    await stored(desk, [record()])
    desk.orders.will_say(lookup(open=[told(OrderState.WORKING, 4)], fills=[execution("a.01", 4)]))
    await settle(desk)
    order = await order_in(desk)
    assert (order.standing, order.state) == (OrderState.WORKING, "open")
    assert await held_in(desk) == {"alpha": 4}
    desk.orders.will_say(lookup(fills=[execution("a.01", 4), execution("b.01", 6)]))
    await settle(desk)
    assert (await order_in(desk)).standing is OrderState.FILLED
    assert await held_in(desk) == {"alpha": 10}


async def test_settling_again_changes_nothing(desk: Desk) -> None:
    await stored(desk, [record()])
    answer = lookup(open=[told(OrderState.WORKING, 4)], fills=[execution("a.01", 4)])
    desk.orders.will_say(answer, answer)
    await settle(desk)
    again = await settle(desk)
    assert (again.writes, again.alerts) == ([], [])


async def test_orders_of_other_runs_are_settled_too(desk: Desk) -> None:
    theirs = record(run="id/other")
    await stored(desk, [theirs])
    desk.orders.will_say(lookup(fills=[execution()]))
    await settle(desk)
    assert (await order_in(desk)).standing is OrderState.FILLED


async def test_an_order_that_the_first_lookup_misses_and_the_second_shows_is_found(desk: Desk) -> None:
    await stored(desk, [record()])
    desk.orders.will_say(lookup(), lookup(fills=[execution()]))
    settled = await settle(desk)
    assert (await order_in(desk)).standing is OrderState.FILLED
    assert not settled.alerts


# -- proven unsent ----------------------------------------------------------------------------------------


async def test_an_order_that_is_proven_unsent_stays_open_and_only_named(desk: Desk) -> None:
    await stored(desk, [record()])
    desk.orders.will_say(lookup(next_order_id=6, remembers=True), lookup(next_order_id=6, remembers=True))
    settled = await settle(desk)
    assert settled.unsent == {OURS}
    assert not settled.alerts
    order = await order_in(desk)
    assert (order.state, order.standing) == ("open", OrderState.PLANNED)
    assert not await orderbook.contract_locks(desk.store, ACCOUNT)


async def test_what_is_proven_unsent_is_not_sent_where_resending_is_off(desk: Desk) -> None:
    await stored(desk, [record()])
    desk.orders.will_say(lookup(next_order_id=6, remembers=True), lookup(next_order_id=6, remembers=True))
    settled = await settle(desk, resend=False)
    assert not settled.unsent
    assert await in_doubt(desk)


@pytest.mark.parametrize("state", ["ended", "reported"])
async def test_an_order_of_a_run_that_has_ended_is_at_its_end_when_it_is_proven_unsent(
    desk: Desk, state: str
) -> None:
    """Nobody will send it any more, and left open it would close its contract for ever."""
    gone = await claimed(desk.store, desk.clock, "id/gone", Lease(nonce="n", worker="w"))
    await gone.write(state=state)
    await stored(desk, [record(run="id/gone")])
    desk.orders.will_say(lookup(next_order_id=6, remembers=True))
    await settle(desk)
    order = await order_in(desk)
    assert (order.standing, order.state) == (OrderState.UNSENT, "ended")


async def test_an_order_that_was_once_in_doubt_is_never_proven_unsent_by_itself(desk: Desk) -> None:
    await stored(desk, [record().at(OrderState.UNRESOLVED, "in doubt")])
    desk.orders.will_say(lookup(next_order_id=6, remembers=True), lookup(next_order_id=6, remembers=True))
    settled = await settle(desk)
    assert not settled.unsent
    assert await in_doubt(desk)
    assert not settled.alerts, "it was told of when the doubt began"


async def test_an_order_that_may_still_be_on_its_way_on_this_connection_is_in_doubt(desk: Desk) -> None:
    await stored(desk, [record(sending=HERE)])
    desk.orders.handed_over.add(OURS)
    desk.orders.will_say(lookup(next_order_id=6, remembers=True), lookup(next_order_id=6, remembers=True))
    assert not (await settle(desk)).unsent
    assert await in_doubt(desk)


async def test_an_order_that_this_connection_was_never_handed_is_unsent(desk: Desk) -> None:
    """An earlier attempt of this very worker stopped between storing and sending."""
    await stored(desk, [record(sending=HERE)])
    desk.orders.will_say(lookup(next_order_id=6, remembers=True), lookup(next_order_id=6, remembers=True))
    assert (await settle(desk)).unsent == {OURS}


# -- in doubt ---------------------------------------------------------------------------------------------


async def test_an_order_in_doubt_locks_its_contract_and_alerts_a_person(desk: Desk) -> None:
    await stored(desk, [record()])
    desk.orders.will_say(lookup(next_order_id=11, remembers=True), lookup(next_order_id=11, remembers=True))
    settled = await settle(desk)
    assert await in_doubt(desk)
    (alert,) = settled.alerts
    assert (alert.event, alert.severity) == ("order-unresolved", Severity.CRITICAL)
    assert OURS in alert.message


async def test_two_orders_in_doubt_in_one_contract_share_its_lock(desk: Desk) -> None:
    await stored(desk, [record(), other()])
    desk.orders.will_say(lookup(next_order_id=12, remembers=True), lookup(next_order_id=12, remembers=True))
    settled = await settle(desk)
    assert len(settled.alerts) == 2
    assert await in_doubt(desk)
    assert await in_doubt(desk, OTHER)


async def test_an_order_in_doubt_that_the_broker_shows_again_is_resolved_and_told_of(desk: Desk) -> None:
    await stored(desk, [record()])
    desk.orders.will_say(lookup(next_order_id=11, remembers=True), lookup(next_order_id=11, remembers=True))
    await settle(desk)
    desk.orders.will_say(lookup(fills=[execution()]))
    settled = await settle(desk)
    assert [alert.event for alert in settled.alerts] == ["order-resolved"]
    assert (await order_in(desk)).standing is OrderState.FILLED
    assert await held_in(desk) == {"alpha": 10}


async def test_one_order_in_doubt_does_not_keep_another_from_its_end(desk: Desk) -> None:
    await stored(desk, [record(), other()])
    answer = lookup(fills=[execution("b.01", **OTHERS)], next_order_id=12)
    desk.orders.will_say(answer, answer)
    await settle(desk)
    assert await in_doubt(desk)
    assert (await order_in(desk, OTHER)).standing is OrderState.FILLED


async def test_a_fill_that_only_the_first_lookup_shows_is_booked(desk: Desk) -> None:
    """A midnight between the two: the reports are cut off."""
    await stored(desk, [record(), other()])
    desk.orders.will_say(
        lookup(fills=[execution("a.01", 4)], next_order_id=12), lookup(next_order_id=12, remembers=True)
    )
    settled = await settle(desk)
    assert not settled.unsent
    assert await held_in(desk) == {"alpha": 4}


async def test_an_order_that_the_first_lookup_shows_and_the_second_does_not_is_in_doubt(desk: Desk) -> None:
    await stored(desk, [record(), other()])
    desk.orders.will_say(lookup(open=[told()], next_order_id=8), lookup(next_order_id=8, remembers=True))
    settled = await settle(desk)
    assert OURS not in settled.unsent
    assert await in_doubt(desk)
    assert (await order_in(desk)).perm_id == PERM_ID, (
        "the broker has told of it: it can be found by its number"
    )


async def test_lookups_on_two_connections_are_not_two_after_the_end_of_the_orders_own(desk: Desk) -> None:
    """The first is asked on the connection that the order went over, the second right after its end."""
    went_over = replace(LINK, id="link-1")
    desk.orders.current = went_over
    await stored(desk, [record()])
    desk.orders.will_say(
        lookup(next_order_id=10, remembers=True), (lookup(next_order_id=10, remembers=True), LINK)
    )
    assert not (await settle(desk)).unsent


async def test_a_fill_of_before_the_plan_is_not_taken_for_a_move_since(desk: Desk) -> None:
    """5 of an older order were filled before: the position was 5 at the plan. 10 now is 5 more: it stood."""
    older = other(20, perm_id=PERM_ID + 1).at(OrderState.WORKING)
    five = execution("b.01", 5, **{**OTHERS, "order_id": 3})
    order = record(5, evidence=EVIDENCE.model_copy(update={"position": Decimal(5)}))
    booked = book(older, (), [five])
    await stored(desk, [order, older.model_copy(update={"filled": Decimal(5)})], booked)
    desk.broker.held = [position(10)]
    answer = lookup(
        open=[told(OrderState.WORKING, 5, **{**OTHERS, "order_id": 3})], fills=[five], next_order_id=8
    )
    desk.orders.will_say(answer, answer)
    assert not (await settle(desk)).unsent


# -- the broker complained --------------------------------------------------------------------------------

COMPLAINT = Complaint(code=103, text="Duplicate order id")


async def test_an_order_that_was_complained_of_and_never_shown_on_its_connection_was_refused(
    desk: Desk,
) -> None:
    await stored(desk, [record(sending=HERE)])
    desk.orders.complaints[OURS] = COMPLAINT
    desk.orders.will_say(lookup(), lookup())
    await settle(desk)
    order = await order_in(desk)
    assert (order.standing, "103" in order.text) == (OrderState.REJECTED, True)


async def test_a_complaint_of_an_earlier_connection_proves_nothing(desk: Desk) -> None:
    await stored(desk, [record()])
    desk.orders.complaints[OURS] = COMPLAINT
    desk.orders.will_say(lookup(next_order_id=11, remembers=True), lookup(next_order_id=11, remembers=True))
    await settle(desk)
    assert await in_doubt(desk)


async def test_a_complaint_about_an_order_that_stands_changes_nothing(desk: Desk) -> None:
    await stored(desk, [record(sending=HERE)])
    desk.orders.complaints[OURS] = Complaint(code=10349, text="TIF was set to DAY")
    desk.orders.will_say(lookup(open=[told()]))
    await settle(desk)
    assert (await order_in(desk)).standing is OrderState.WORKING


async def test_a_complaint_about_an_order_that_either_lookup_showed_is_no_refusal(desk: Desk) -> None:
    await stored(desk, [record(sending=HERE), other()])
    desk.orders.complaints[OURS] = Complaint(code=10349, text="TIF was set to DAY")
    desk.orders.will_say(lookup(open=[told()]), lookup())
    await settle(desk)
    assert (await order_in(desk)).standing is not OrderState.REJECTED


# -- booked once ------------------------------------------------------------------------------------------


async def test_an_execution_that_was_taken_for_external_is_booked_once_when_its_order_is_found(
    desk: Desk,
) -> None:
    """It had neither reference nor a known number; then the broker says whose it was."""
    (fill,) = book(record(), (), [execution("a.01", 10)])
    external = fill.model_copy(update={"order": "", "shares": {EXTERNAL: Decimal(10)}})
    await stored(desk, [record()], [external])
    answer = lookup(
        completed=[told(OrderState.FILLED, 10)], fills=[execution("a.01", 10, reference="")], next_order_id=11
    )
    desk.orders.will_say(answer, answer)
    await settle(desk)
    assert sum((await held_in(desk)).values()) == 10


async def test_a_fill_is_booked_on_the_strategy_that_ordered_it_and_no_other(desk: Desk) -> None:
    theirs = other(7, wanted={"beta": 7})
    await stored(desk, [record(), theirs])
    answer = lookup(fills=[execution("a.01", 10), execution("b.01", 7, **OTHERS)], next_order_id=12)
    desk.orders.will_say(answer)
    await settle(desk)
    assert await held_in(desk) == {"alpha": 10, "beta": 7}


async def test_what_the_gateway_shows_of_our_client_is_known_taken(desk: Desk) -> None:
    await stored(desk, [record()])
    others = told(reference="i000000000000000", perm_id=5, order_id=99, client_id=2)
    desk.orders.will_say(lookup(open=[told(order_id=10), others]))
    assert (await settle(desk)).taken_order_id == 10


@pytest.mark.parametrize(
    ("at", "date"),
    [
        ("2026-11-24T04:59:59Z", "2026-11-23"),
        ("2026-11-24T05:00:00Z", "2026-11-24"),
        ("2026-07-01T03:59:59Z", "2026-06-30"),
    ],
)
def test_a_session_ends_at_midnight_in_new_york(at: str, date: str) -> None:
    assert trading_day(record(planned_at=at).planned_at) == date


async def test_a_contract_is_locked_for_the_order_that_is_in_doubt_alone(desk: Desk) -> None:
    elsewhere = SPY.model_copy(update={"con_id": 1, "symbol": "VIXY"})
    await stored(desk, [record(), other(contract=elsewhere)])
    answer = lookup(fills=[execution("b.01", con_id=1, **OTHERS)], next_order_id=12)
    desk.orders.will_say(answer, answer)
    await settle(desk)
    assert set(await orderbook.contract_locks(desk.store, ACCOUNT)) == {SPY.con_id}
