"""What every store promises of a document that somebody has damaged: it is found, named and replaced."""

import pytest

from tests.integration.contracts.conftest import Stores
from tests.support.world import ACCOUNT, World
from trader.adapters.clock import SystemClock
from trader.domain.errors import Failed, Retryable
from trader.domain.schedules import Schedules
from trader.domain.trading_state import TradingState
from trader.ports import Create, Delete, Document, Store, Update
from trader.runs import runs
from trader.stored import orderbook, records
from trader.stored.schedules import PATH, applied_schedules, apply_schedules

A, B = "accounts/DU1/runs/a", "accounts/DU1/runs/b"


def assert_named(document: Document, path: str) -> None:
    """Assert that what ``document`` holds can't be had, and that this is said of its path."""
    assert document.path == path
    with pytest.raises(Failed, match=path) as refused:
        _ = document.data
    assert refused.value.code == "document-damaged"


@pytest.mark.parametrize("where", [None, {"state": "open"}], ids=["all", "by a field"])
async def test_a_damaged_document_is_found_as_any_other_and_raises_when_it_is_read(
    stores: Stores, store: Store, where: dict[str, str] | None
) -> None:
    await store.commit([Create(A, {"state": "open"}), Create(B, {"state": "open"})])
    await stores.damage(A)

    damaged, whole = await store.query("accounts/DU1/runs", where=where)

    assert_named(damaged, A)
    assert whole.data == {"state": "open"}
    alone = await store.get(A)
    assert alone is not None
    assert_named(alone, A)
    assert [d.path for d in await store.query("accounts/DU1/runs", where=where, limit=1)] == [A]


@pytest.mark.parametrize("write", ["update", "delete"])
async def test_a_damaged_document_is_replaced_or_removed_at_its_version(
    stores: Stores, store: Store, write: str
) -> None:
    await store.commit([Create(A, {"state": "open"})])
    await stores.damage(A)
    damaged = await store.get(A)
    assert damaged is not None

    version = damaged.version
    await store.commit([Update(A, {"n": 1}, version) if write == "update" else Delete(A, version)])

    found = await store.get(A)
    assert (found.data if found else None) == ({"n": 1} if write == "update" else None)


async def test_a_damaged_order_is_passed_over_by_nobody_who_asks_for_the_open_ones(
    stores: Stores, store: Store
) -> None:
    path = orderbook.order_path(ACCOUNT, "i1")
    await store.commit([Create(path, {"state": "open"})])
    await stores.damage(path)
    with pytest.raises(Failed, match=path):
        await orderbook.open_orders(store, ACCOUNT)


async def test_a_damaged_run_keeps_the_sweeper_from_no_other_and_is_named_in_the_log(
    stores: Stores, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(store)
    world.publisher.down = True
    for name in ("one", "two"):
        with pytest.raises(Retryable):
            await world.worker().receive(world.message(id=name)())
    world.publisher.down = False
    path = runs.path_of(ACCOUNT, "id/one")
    await stores.damage(path)
    sweeper = world.worker()
    for _ in range(2):
        await world.sweep(sweeper)
        world.clock.advance(61)
    await sweeper.stop()
    assert [result.id for result in world.results()] == ["id/two"]
    assert path in "".join(capsys.readouterr())


async def test_a_halt_replaces_a_damaged_trading_state_and_nothing_else_does(
    stores: Stores, store: Store
) -> None:
    now = SystemClock().now()

    async def become(wanted: TradingState) -> None:
        await records.set_trading_state(store, ACCOUNT, wanted, reason="x", published_at=now, at=now)

    await become(TradingState.ACTIVE)
    await stores.damage(records.trading_state_path(ACCOUNT))

    with pytest.raises(Failed, match="control/trading-state"):
        await become(TradingState.REDUCE_ONLY)
    await become(TradingState.HALTED)

    assert await records.trading_state(store, ACCOUNT) is TradingState.HALTED


async def test_schedules_that_somebody_has_damaged_are_written_anew(stores: Stores, store: Store) -> None:
    now = SystemClock().now()
    await apply_schedules(store, Schedules(schedules=()), now)
    await stores.damage(PATH)
    with pytest.raises(Failed, match=PATH):
        await applied_schedules(store)

    await apply_schedules(store, Schedules(schedules=()), now)

    await applied_schedules(store)
