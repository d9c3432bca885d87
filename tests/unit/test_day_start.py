"""The day's start value: once a session date of the exchange, by the first run that may write it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.clock import FakeClock
from tests.support.market import local
from tests.support.world import ACCOUNT, World
from trader.adapters.sqlite import SqliteStore
from trader.domain.day import StartOfDay, day_result
from trader.domain.errors import Failed, Retryable
from trader.ports import Update
from trader.stored.days import day_path, start_of_day


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    world = World(store)
    world.broker.worth = Decimal(100_000)
    yield world
    await store.close()


async def starts(world: World) -> dict[str, Decimal]:
    """Return each date's start value."""
    found = [StartOfDay.model_validate(d.data) for d in await world.store.query(f"accounts/{ACCOUNT}/days")]
    return {start.session_date: start.net_liquidation for start in found}


def at(world: World, text: str) -> None:
    world.clock.turn((local(text) - world.clock.now()).total_seconds())


async def test_the_first_run_of_a_date_writes_it_and_no_later_one_changes_it(world: World) -> None:
    worker = world.worker()
    await worker.receive(world.message("reading", id="first")())
    world.broker.worth = Decimal(90_000)
    await worker.receive(world.message("trading", id="second")())
    await world.worker().receive(world.message("trading", id="third")())  # another process
    assert await starts(world) == {"2026-11-23": Decimal(100_000)}
    found = await start_of_day(world.store, ACCOUNT, "2026-11-23")
    assert found is not None
    assert (found.run, found.currency, found.at) == ("id/first", "USD", world.clock.now())


async def test_neither_a_dry_run_nor_a_control_intent_writes_it(world: World) -> None:
    worker = world.worker()
    await worker.receive(world.message("reading", dryRun=True)())
    await worker.receive(world.message("control")())
    assert await starts(world) == {}


async def test_a_day_begins_at_the_exchanges_midnight_and_not_at_utcs(world: World) -> None:
    worker = world.worker()
    for clock, worth in (
        ("2026-11-23 19:30", 1),  # already the 24th in UTC
        ("2026-11-23 23:59", 2),
        ("2026-11-24 00:00", 3),
        ("2026-11-24 09:30", 4),
        ("2026-11-25 00:01", 5),
    ):
        at(world, clock)
        world.broker.worth = Decimal(worth)
        await worker.receive(world.message("reading")())
    assert await starts(world) == {"2026-11-23": 1, "2026-11-24": 3, "2026-11-25": 5}


@pytest.mark.parametrize(
    ("utc", "date"),
    [
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), "2026-03-08"),  # the day after the clock went forward
        (datetime(2026, 3, 9, 4, 0, tzinfo=UTC), "2026-03-09"),
        (datetime(2026, 11, 1, 4, 30, tzinfo=UTC), "2026-11-01"),  # the day on which it goes back
        (datetime(2026, 11, 2, 4, 59, tzinfo=UTC), "2026-11-01"),
        (datetime(2026, 11, 2, 5, 0, tzinfo=UTC), "2026-11-02"),
        (datetime(2026, 11, 23, 1, 0, tzinfo=UTC), "2026-11-22"),  # Monday morning in Hong Kong
    ],
)
async def test_the_date_is_right_where_clocks_change_and_continents_apart(
    tmp_path: Path, utc: datetime, date: str
) -> None:
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    world = World(store)
    world.clock = FakeClock(utc)
    world.broker.worth = Decimal(5)
    await world.worker().receive(world.message("reading")())
    assert await starts(world) == {date: 5}
    await store.close()


async def test_an_account_that_is_not_synchronised_is_left_to_the_next_run(world: World) -> None:
    worker = world.worker()
    world.broker.worth = None
    await worker.receive(world.message("reading")())
    assert await starts(world) == {}
    world.broker.ready = False
    with pytest.raises(Retryable):
        await worker.receive(world.message("reading")())
    world.broker.ready, world.broker.worth = True, Decimal(7)
    await worker.receive(world.message("reading")())
    assert await starts(world) == {"2026-11-23": 7}


async def test_a_damaged_one_is_named(world: World) -> None:
    await world.worker().receive(world.message("reading")())
    path = day_path(ACCOUNT, "2026-11-23")
    document = await world.store.get(path)
    assert document is not None
    await world.store.commit([Update(path, {"version": 1}, document.version)])
    with pytest.raises(Failed) as failed:
        await start_of_day(world.store, ACCOUNT, "2026-11-23")
    assert path in failed.value.message


def start(worth: int) -> StartOfDay:
    now = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
    return StartOfDay(
        session_date="2026-11-23", net_liquidation=Decimal(worth), currency="HKD", run="id/x", at=now
    )


def test_a_days_change_is_in_money_and_in_percent_of_its_start() -> None:
    result = day_result(start(80_000), Decimal(79_000))
    assert (result.change, result.change_percent, result.currency) == (
        Decimal(-1000),
        Decimal("-1.25"),
        "HKD",
    )


def test_an_account_that_began_in_debt_has_no_percent() -> None:
    result = day_result(start(-10), Decimal(-30))
    assert (result.change, result.change_percent) == (Decimal(-20), None)
