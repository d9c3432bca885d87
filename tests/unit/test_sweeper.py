"""The sweeper beside runs that are damaged in part or have to wait: no other run waits for these."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import ACCOUNT, World
from trader.adapters.sqlite import SqliteStore
from trader.domain.errors import Retryable
from trader.domain.wire import JsonObject
from trader.intent import AnyIntent
from trader.ports import Create, Document, Update
from trader.runner.sweeper import Sweeper
from trader.runs import locks, runs
from trader.runs.lease import Lease, LeaseWatch
from trader.runs.unsettled import unsettled


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    yield World(store)
    await store.close()


async def untold(world: World, *names: str, **given: Any) -> None:
    """Let runs of these ids come to their end while nobody can be told of it."""
    world.publisher.down = True
    for name in names:
        with pytest.raises(Retryable):
            await world.worker().receive(world.message(id=name, **given)())
    world.publisher.down = False


async def document_of(world: World, name: str) -> Document:
    document = await world.store.get(runs.path_of(ACCOUNT, f"id/{name}"))
    assert document is not None
    return document


async def damage(world: World, name: str, **changes: Any) -> str:
    """Put ``changes`` into a run's document, as a person would; return its path."""
    document = await document_of(world, name)
    await world.store.commit([Update(document.path, {**document.data, **changes}, document.version)])
    return document.path


async def swept(world: World) -> list[str]:
    """Let one worker sweep until there is nothing left that it can end; return the ids that were told."""
    sweeper = world.worker()
    for _ in range(5):
        await world.sweep(sweeper)
        await sweeper.stop()
        world.clock.advance(61)
    return [result.id for result in world.results()]


@pytest.mark.parametrize("delivery", [{}, {"message": 7}, {"message": {"messageId": "", "publishTime": ""}}])
async def test_a_run_whose_delivery_is_damaged_keeps_the_sweeper_from_no_other(
    world: World, delivery: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"m{n}" for n in range(6)]
    await untold(world, *names)
    first = min(names, key=lambda name: runs.path_of(ACCOUNT, f"id/{name}"))
    path = await damage(world, first, delivery=delivery)
    assert sorted(await swept(world)) == sorted(f"id/{name}" for name in names if name != first)
    assert path in "".join(capsys.readouterr())


@pytest.mark.parametrize("damaged", [{"followUp": {"key": 7}}, {"result": None}])
async def test_a_run_whose_end_is_damaged_is_neither_counted_nor_told_at_each_sweep(
    world: World, damaged: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    await untold(world, "x", then=[{"intent": "control"}])
    path = await damage(world, "x", **damaged)
    before = await document_of(world, "x")
    assert await swept(world) == []
    assert await document_of(world, "x") == before
    assert path in "".join(capsys.readouterr())


async def test_a_damaged_lock_of_the_account_keeps_no_result_from_being_told(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await untold(world, "x")
    await world.store.commit([Create(locks.path_of(ACCOUNT), {"fence": "?"})])
    assert await swept(world) == ["id/x"]
    assert locks.path_of(ACCOUNT) in "".join(capsys.readouterr())


async def test_a_defect_in_the_sweep_of_one_run_keeps_the_sweeper_from_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await untold(world, "one", "two")
    doomed = runs.path_of(ACCOUNT, "id/one")
    read = runs.read

    def reads(document: Document) -> runs.RunRecord:
        if document.path == doomed:
            raise ZeroDivisionError
        return read(document)

    monkeypatch.setattr(runs, "read", reads)
    assert await swept(world) == ["id/two"]
    assert doomed in "".join(capsys.readouterr())


async def put_off(world: World, name: str, kind: str) -> JsonObject:
    """Let a run be put off, and return its document's data."""
    world.handler(kind).error = Retryable("not-now", "later")
    with pytest.raises(Retryable, match="later"):
        await world.worker().receive(world.message(kind, id=name)())
    world.handler(kind).error = None
    return (await document_of(world, name)).data


async def test_a_run_is_found_and_has_its_end_though_very_many_wait_for_their_redelivery(
    world: World,
) -> None:
    await put_off(world, "last", "control")
    path = await damage(world, "last", plan={"stages": []})
    waits = await put_off(world, "waits", "reading")
    before = [f"accounts/{ACCOUNT}/runs/{n:05}" for n in range(1001)]  # more than a query returns by itself
    assert max(before) < path
    await world.store.commit([Create(other, waits) for other in before])
    watch = LeaseWatch(world.clock, lease_s=60, worker="looks on")
    assert [run.key for run in await unsettled(world.store, watch, ACCOUNT)] == ["id/last"]
    assert await swept(world) == ["id/last"]


async def left_half_way(world: World, *names: str, intent: str = "trading") -> None:
    """Let trading runs be put off that have a plan: each of them needs the account to come to its end."""
    world.broker.ready = False
    for name in names:
        with pytest.raises(Retryable, match="no gateway"):
            await world.worker().receive(world.message(intent, id=name)())
        await damage(world, name, plan={"stages": []})
    world.broker.ready = True


async def account_held(world: World, renewals: int) -> None:
    """Let a worker that lives hold the account."""
    document = await world.store.get(locks.path_of(ACCOUNT))
    assert document is not None
    holder = Lease(nonce="other", worker="other", renewals=renewals)
    lock = locks.read(document).model_copy(update={"holder": holder, "run": "other"})
    await world.store.commit([Update(document.path, lock.to_json(), document.version)])


async def told(world: World, name: str) -> None:
    async with asyncio.timeout(60):
        while f"id/{name}" not in [result.id for result in world.results()]:
            await document_of(world, name)  # which lets the sweeper get on


async def test_no_run_waits_for_its_end_while_others_wait_for_the_account(world: World) -> None:
    await left_half_way(world, "waits", "waits-too")
    await untold(world, "told")
    await damage(world, "told", lease=None)
    await account_held(world, 1)
    worker = world.worker()
    sweeping = asyncio.create_task(Sweeper(worker).run(60))
    await told(world, "told")
    await untold(world, "told-next")
    await damage(world, "told-next", lease=None)
    await account_held(world, 2)
    world.clock.advance(60)
    await told(world, "told-next")
    assert sorted(result.id for result in world.results()) == ["id/told", "id/told-next"]
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
    await worker.stop()
    assert len(asyncio.all_tasks()) == 1, "what waited has ended with the sweeper"


class WorldInNeed(World):
    """A world with an intent that asks whoever holds the account to yield."""

    @property
    def intents(self) -> dict[str, AnyIntent]:
        trading = super().intents["trading"]
        return {"trading": trading, "urgent": replace(trading, name="urgent", urgent=True)}


async def test_an_urgent_run_that_is_taken_over_asks_another_one_to_yield(world: World) -> None:
    world = WorldInNeed(world.store)
    by_path = sorted(("one", "two"), key=lambda name: runs.path_of(ACCOUNT, f"id/{name}"))
    await left_half_way(world, by_path[0])
    await left_half_way(world, by_path[1], intent="urgent")
    world.handler("trading").go.clear()
    worker = world.worker()
    sweeping = asyncio.create_task(Sweeper(worker).run(60))
    urgent = None
    async with asyncio.timeout(60):
        while urgent is None:
            lock = await world.store.get(locks.path_of(ACCOUNT))
            assert lock is not None
            urgent = locks.read(lock).urgent
    assert urgent == f"id/{by_path[1]}"
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
    await worker.stop()
