"""`trader unresolved`: what is in doubt, and what would settle it; told from the store alone."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.orders import NOON, OURS, RUN, SPY, record
from trader.adapters.sqlite import SqliteStore
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderState
from trader.ports import Create
from trader.stored import records
from trader.stored.orderbook import ContractLock, lock_write, order_path

Trader = Callable[..., Any]
LOCK = ContractLock(con_id=SPY.con_id, instrument="SPY", orders=(OURS,), reason="lost", run=RUN, since=NOON)


def stored(data_dir: Path, *orders: OrderRecord, lock: ContractLock | None = None) -> None:
    """Make the store of DU1 with these orders and this lock."""

    async def fill() -> None:
        store = await SqliteStore.open(data_dir / "state.sqlite3")
        await records.remember_account(store, "DU1", NOON)
        await store.commit([Create(order_path("DU1", r.order.reference), r.to_json()) for r in orders])
        if lock is not None:
            await store.commit([lock_write("DU1", lock)])
        await store.close()

    data_dir.mkdir(exist_ok=True)
    asyncio.run(fill())


def found(trader: Trader, code: int = 1) -> dict[str, Any]:
    said = trader("unresolved", "--json")
    assert said.code == code
    shown: dict[str, Any] = json.loads(said.out)
    return shown


def test_nothing_in_doubt_is_said_and_is_no_finding(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, record().at(OrderState.WORKING))
    assert found(trader, code=0) == {"account": "DU1", "orders": [], "contracts": []}
    said = trader("unresolved")
    assert (said.code, said.out) == (0, "nothing of account DU1 is in doubt, and no contract is locked\n")


def test_an_order_in_doubt_is_told_with_what_would_settle_it(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, record().at(OrderState.UNRESOLVED, "the socket dropped"), lock=LOCK)
    shown = found(trader)
    ((order,), (contract,)) = shown["orders"], shown["contracts"]
    assert (order["reference"], order["quantity"], order["why"]) == (OURS, "10", "the socket dropped")
    assert "trade-reconciliation" in order["settles"]
    assert "repair=true" in order["settles"]
    assert (contract["instrument"], contract["reason"]) == ("SPY", "lost")
    assert contract["unlocks"].startswith(f"the end of {OURS}, and then books that agree")
    said = trader("unresolved").out
    assert f"order {OURS}: 10 SPY, planned 2026-11-23 17:00:00 UTC by {RUN}" in said
    assert "SPY is locked since 2026-11-23 17:00:00 UTC" in said


def test_an_order_that_its_run_has_yet_to_send_settles_by_itself(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, record())
    (order,) = found(trader)["orders"]
    assert "hasn't sent it yet" in order["why"]
    assert "its run goes on with it by itself" in order["settles"]


@pytest.mark.parametrize(
    ("orders", "lock", "unlocks"),
    [
        ([], LOCK, f"the store has no order {OURS} any more: only"),
        (
            [record().at(OrderState.WORKING)],
            LOCK,
            f"the end of {OURS}: `trader publish trade-reconciliation`",
        ),
        (
            [record().at(OrderState.FILLED)],
            LOCK,
            "books that agree with the broker's: `trader publish reconcile`",
        ),
        ([], LOCK.model_copy(update={"orders": ()}), "books that agree with the broker's"),
    ],
)
def test_what_unlocks_a_contract_depends_on_what_locked_it(
    trader: Trader, data_dir: Path, orders: list[OrderRecord], lock: ContractLock, unlocks: str
) -> None:
    stored(data_dir, *orders, lock=lock)
    (contract,) = found(trader)["contracts"]
    assert contract["unlocks"].startswith(unlocks)


def test_the_command_that_is_named_is_one(trader: Trader, data_dir: Path) -> None:
    stored(data_dir)
    published = trader("publish", "reconcile", "--set", "repair=true", "--reason", "looked at the broker")
    assert published.code == 0
    assert trader("publish", "trade-reconciliation").code == 0


def test_a_slip_in_the_account_is_not_answered_with_nothing(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, record().at(OrderState.UNRESOLVED))
    said = trader("unresolved", "--account", "DU2")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
