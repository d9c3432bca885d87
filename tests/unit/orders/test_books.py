"""What each strategy holds and has under way, and where nothing may be opened."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import JsonValue

from tests.support.desk import Desk, open_order, position
from tests.support.orders import NOON, OURS, RUN, SPY, execution, record
from tests.support.world import ACCOUNT
from trader.books import Books, read_books
from trader.domain.errors import Failed
from trader.domain.ledger import BookedFill, book
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderState
from trader.ports import Create, Update
from trader.stored import orderbook
from trader.stored.orderbook import ContractLock

LOCK = ContractLock(con_id=SPY.con_id, instrument="SPY", orders=(OURS,), reason="lost", run=RUN, since=NOON)


async def written(
    desk: Desk,
    *,
    orders: Iterable[OrderRecord] = (),
    fills: Iterable[BookedFill] = (),
    locks: Iterable[ContractLock] = (),
) -> None:
    """Put documents into the store."""
    await desk.store.commit(
        [
            *(Create(orderbook.order_path(ACCOUNT, o.order.reference), o.to_json()) for o in orders),
            *(Create(orderbook.fill_path(ACCOUNT, fill.stem), fill.to_json()) for fill in fills),
            *(Create(orderbook.contract_lock_path(ACCOUNT, lock.con_id), lock.to_json()) for lock in locks),
        ]
    )


async def books(desk: Desk) -> Books:
    return await read_books(desk.ports, ACCOUNT)


def working(quantity: int = 10, filled: int = 0, **changes: Any) -> OrderRecord:
    return record(quantity, filled=Decimal(filled), perm_id=77, **changes).at(OrderState.WORKING)


def fills_of(order: OrderRecord, *quantities: int) -> tuple[BookedFill, ...]:
    told = [execution(f"e.{n}.01", quantity) for n, quantity in enumerate(quantities)]
    return book(order, (), told)


async def test_an_account_without_orders_and_positions_is_open(desk: Desk) -> None:
    found = await books(desk)
    assert (dict(found.held), dict(found.in_flight), dict(found.closed)) == ({}, {}, {})
    assert found.holding("alpha", SPY.con_id) == found.under_way("alpha", SPY.con_id) == 0


async def test_holdings_are_the_sum_of_what_is_booked(desk: Desk) -> None:
    order = record(10, wanted={"alpha": 7, "beta": 3})
    await written(desk, fills=fills_of(order, 4, 6))
    desk.broker.held = [position(10)]
    found = await books(desk)
    assert dict(found.held) == {("alpha", SPY.con_id): 7, ("beta", SPY.con_id): 3}
    assert not found.closed


async def test_what_is_left_of_an_open_order_is_under_way_for_whoever_wanted_it(desk: Desk) -> None:
    order = working(10, 4, wanted={"alpha": 7, "beta": 3})
    await written(desk, orders=[order], fills=fills_of(order, 4))
    desk.broker.held = [position(4)]
    found = await books(desk)
    assert found.holding("alpha", SPY.con_id) + found.under_way("alpha", SPY.con_id) == 7
    assert found.holding("beta", SPY.con_id) + found.under_way("beta", SPY.con_id) == 3
    assert not found.closed


@pytest.mark.parametrize("standing", [state for state in OrderState if state.is_end])
async def test_an_order_at_its_end_is_not_under_way(desk: Desk, standing: OrderState) -> None:
    await written(desk, orders=[record().at(standing)])
    found = await books(desk)
    assert not found.in_flight
    assert not found.closed


@pytest.mark.parametrize("standing", [OrderState.PLANNED, OrderState.UNRESOLVED])
async def test_an_order_that_may_stand_closes_its_contract_and_counts_in_full(
    desk: Desk, standing: OrderState
) -> None:
    await written(desk, orders=[record().at(standing)])
    found = await books(desk)
    assert found.closed[SPY.con_id].code == "order-in-doubt"
    assert found.under_way("alpha", SPY.con_id) == 10


@pytest.mark.parametrize("standing", [OrderState.WORKING, OrderState.HELD])
async def test_an_order_that_is_known_to_stand_closes_nothing(desk: Desk, standing: OrderState) -> None:
    await written(desk, orders=[record(perm_id=77).at(standing)])
    assert not (await books(desk)).closed


@pytest.mark.parametrize(("booked", "held"), [(0, 10), (10, 0), (10, 9), (10, -10)])
async def test_a_contract_whose_books_differ_from_the_position_is_closed(
    desk: Desk, booked: int, held: int
) -> None:
    await written(desk, fills=fills_of(record(), booked) if booked else ())
    desk.broker.held = [position(held)] if held else []
    refusal = (await books(desk)).closed[SPY.con_id]
    assert refusal.code == "books-differ"
    for told in (str(booked), str(held), "reconcile"):
        assert told in refusal.message


async def test_two_strategies_that_cancel_each_other_out_agree_with_no_position(desk: Desk) -> None:
    long = book(record(10), (), [execution("a.01", 10)])
    short = book(record(-10, index=1, wanted={"beta": -10}), (), [execution("b.01", -10)])
    await written(desk, fills=[*long, *short])
    found = await books(desk)
    assert not found.closed
    assert dict(found.held) == {("alpha", SPY.con_id): 10, ("beta", SPY.con_id): -10}


async def test_one_contract_that_differs_closes_no_other(desk: Desk) -> None:
    desk.broker.held = [position(10, con_id=1)]
    assert set((await books(desk)).closed) == {1}


async def test_a_lock_closes_its_contract_and_tells_since_when_and_why(desk: Desk) -> None:
    await written(desk, orders=[record().at(OrderState.UNRESOLVED)], locks=[LOCK])
    refusal = (await books(desk)).closed[SPY.con_id]
    assert refusal.code == "contract-locked"
    for told in ("2026-11-23 17:00", "lost", "reconcile"):
        assert told in refusal.message


async def test_orders_and_fills_of_another_account_are_not_ours(desk: Desk) -> None:
    await desk.store.commit(
        [
            Create(orderbook.order_path("DU2", OURS), record().to_json()),
            Create(orderbook.fill_path("DU2", "e"), fills_of(record(), 4)[0].to_json()),
            Create(orderbook.contract_lock_path("DU2", SPY.con_id), LOCK.to_json()),
        ]
    )
    found = await books(desk)
    assert (dict(found.held), dict(found.in_flight), dict(found.closed)) == ({}, {}, {})


# -- documents damaged by hand ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        {"standing": "lost"},
        {"version": 9},
        {"wanted": None},
        {"surplus": 1},
        {"state": 5},
        {"state": "opem"},
    ],
)
async def test_a_damaged_order_is_never_overlooked(desk: Desk, damage: dict[str, JsonValue]) -> None:
    """It stands, and whoever doesn't know of it would order the same again."""
    await written(desk, orders=[working()])
    path = orderbook.order_path(ACCOUNT, OURS)
    document = await desk.store.get(path)
    assert document is not None
    await desk.store.commit([Update(path, {**document.data, **damage}, document.version)])
    desk.broker.standing = [open_order(10, reference=OURS)]
    try:
        closed = set((await books(desk)).closed)
    except Failed as failed:
        closed = {SPY.con_id} if path in failed.message else set()
    assert SPY.con_id in closed


@pytest.mark.parametrize("damage", [{"quantity": "ten"}, {"shares": []}, {"version": 9}, {"price": None}])
async def test_a_damaged_fill_is_named(desk: Desk, damage: dict[str, JsonValue]) -> None:
    (fill,) = fills_of(record(), 10)
    path = orderbook.fill_path(ACCOUNT, fill.stem)
    await desk.store.commit([Create(path, {**fill.to_json(), **damage})])
    with pytest.raises(Failed) as failed:
        await books(desk)
    assert (failed.value.code, path in failed.value.message) == ("document-damaged", True)


@pytest.mark.parametrize("damage", [{"conId": "SPY"}, {"since": "noon"}, {"version": 9}])
async def test_a_damaged_lock_of_a_contract_is_named(desk: Desk, damage: dict[str, JsonValue]) -> None:
    path = orderbook.contract_lock_path(ACCOUNT, SPY.con_id)
    await desk.store.commit([Create(path, {**LOCK.to_json(), **damage})])
    with pytest.raises(Failed) as failed:
        await books(desk)
    assert (failed.value.code, path in failed.value.message) == ("document-damaged", True)


# -- many -------------------------------------------------------------------------------------------------


async def test_every_fill_of_an_order_is_found_however_many_there_are(desk: Desk) -> None:
    order = record(1001)
    await written(desk, fills=fills_of(order, *[1] * 1001))
    assert len(await orderbook.fills_of(desk.store, ACCOUNT, OURS)) == 1001


async def test_every_open_order_is_found_however_many_there_are(desk: Desk) -> None:
    await written(desk, orders=[record(index=n) for n in range(1001)])
    assert len(await orderbook.open_orders(desk.store, ACCOUNT)) == 1001
