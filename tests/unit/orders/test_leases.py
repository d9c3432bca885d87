"""A lease is believed in for no longer by who holds it than by who watches it."""

from datetime import timedelta

import pytest

from tests.support.clock import FakeClock
from tests.support.stores import Slow
from tests.support.world import ACCOUNT, World
from trader.adapters.sqlite import SqliteStore
from trader.ports import Document
from trader.runs import runs
from trader.runs.decoding import decode
from trader.runs.lease import Lease, LeaseWatch
from trader.runs.runs import OwnedRun

SLOW_S = 20


@pytest.fixture
def world(store: SqliteStore) -> World:
    return World(store)


async def claim(world: World, clock: FakeClock, *, slow_s: float) -> OwnedRun:
    delivery = world.message("trading", id="x")()
    request = decode(delivery, world.intents, ACCOUNT)
    lease = Lease(nonce="mine", worker="one")
    owned = await runs.create(Slow(world.store, clock, slow_s), clock, ACCOUNT, request, delivery, lease)
    assert isinstance(owned, OwnedRun)
    return owned


async def document_of(world: World) -> Document:
    (document,) = await world.store.query(f"accounts/{ACCOUNT}/runs")
    return document


async def test_a_claimed_lease_counts_from_the_question_not_from_the_answer(world: World) -> None:
    started = world.clock.monotonic()
    owned = await claim(world, world.clock, slow_s=SLOW_S)
    assert owned.renewed_at <= started


async def test_a_lease_that_is_taken_over_counts_from_the_question_too(world: World) -> None:
    await claim(world, world.clock, slow_s=0)
    started = world.clock.monotonic()
    slow = Slow(world.store, world.clock, SLOW_S)
    lease = Lease(nonce="another", worker="two")
    owned = await runs.take_over(slow, world.clock, await document_of(world), None, lease)
    assert owned.renewed_at <= started


async def test_a_renewed_lease_counts_from_the_question_too(world: World) -> None:
    owned = await claim(world, world.clock, slow_s=0)
    owned._store = Slow(world.store, world.clock, SLOW_S)
    started = world.clock.monotonic()
    await owned.renew()
    assert owned.renewed_at == started


async def test_a_lease_changes_its_version_at_each_renewal(world: World) -> None:
    owned = await claim(world, world.clock, slow_s=0)
    seen = set()
    for _ in range(5):
        await owned.renew()
        seen.add((await document_of(world)).version)
    assert len(seen) == 5


async def test_who_watches_counts_anew_at_each_change(world: World) -> None:
    watch = LeaseWatch(world.clock, 60, "two")
    owned = await claim(world, world.clock, slow_s=0)
    for _ in range(5):
        document = await document_of(world)
        assert not watch.is_dead(document, runs.read(document).lease)
        world.clock.advance(59)
        assert not watch.is_dead(document, runs.read(document).lease)
        await owned.renew()
    document = await document_of(world)
    assert not watch.is_dead(document, runs.read(document).lease)
    world.clock.advance(60)
    assert watch.is_dead(document, runs.read(document).lease)


@pytest.mark.parametrize("turned", [timedelta(hours=1), timedelta(hours=-1)])
async def test_turning_the_clocks_of_day_kills_nobody(world: World, turned: timedelta) -> None:
    watch = LeaseWatch(world.clock, 60, "two")
    await claim(world, world.clock, slow_s=0)
    document = await document_of(world)
    assert not watch.is_dead(document, runs.read(document).lease)
    world.clock.turn(turned.total_seconds())
    assert not watch.is_dead(document, runs.read(document).lease)


async def test_a_released_lease_is_dead_at_once(world: World) -> None:
    watch = LeaseWatch(world.clock, 60, "two")
    owned = await claim(world, world.clock, slow_s=0)
    await owned.release()
    document = await document_of(world)
    assert watch.is_dead(document, runs.read(document).lease)
