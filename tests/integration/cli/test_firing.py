"""The schedules fired on a laptop: each tick published once, as a scheduler would."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import FakeClock
from trader.adapters.local_topic import LocalTopics
from trader.domain.errors import TopicUnavailable
from trader.domain.run_key import run_key
from trader.domain.schedules import Period, Schedule
from trader.entrypoints.cli.firing import Firing
from trader.ports import OutgoingMessage, ReceivedMessage, Topic

ZONE = "America/New_York"
MONDAY = datetime(2026, 11, 23, 21, 15, tzinfo=UTC)
"""A quarter past four in New York."""
MESSAGE = {"intent": "summary"}


def period(name: str = "close", since: datetime = datetime(2026, 1, 1, tzinfo=UTC), **changes: Any) -> Period:
    given = {"name": name, "cron": "15 16 * * 1-5", "time_zone": ZONE, "enabled": True}
    schedule = Schedule.model_validate({**given, "description": "x", "message": MESSAGE, **changes})
    return Period(since=since, schedule=schedule)


class Laptop:
    """Topics in a folder, and a clock that the test moves."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self.clock = FakeClock(now)
        self.folder = folder
        self.told: list[str] = []
        self.topics: LocalTopics

    @asynccontextmanager
    async def fires(self, *standing: Period) -> AsyncIterator[None]:
        """Let a stack fire, from its start to its end."""
        self.topics = await LocalTopics.open(self.folder / "topics.sqlite3", self.clock)
        work = asyncio.create_task(Firing(self.topics, self.clock, standing, self.told.append).run())
        try:
            await self.clock.until_asleep()
            yield
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await self.topics.close()

    async def until(self, then: datetime) -> None:
        """Let time pass, in the steps in which it is looked at."""
        while self.clock.now() < then:
            step = min(5.0, (then - self.clock.now()).total_seconds())
            self.clock.advance(step)
            await self.clock.until_asleep()

    async def published(self) -> Sequence[ReceivedMessage]:
        topics = await LocalTopics.open(self.folder / "topics.sqlite3", self.clock)
        found = [message async for message in topics.subscription(Topic.INTENTS).follow(wait=False)]
        await topics.close()
        return found

    async def runs(self) -> list[str]:
        """Return the run keys that the worker makes of what was published."""
        return [
            run_key(
                body_id=None,
                attributes=message.attributes,
                message_id=message.id,
                published_at=message.published_at,
                account="DU1",
            ).text
            for message in await self.published()
        ]


async def test_a_tick_is_published_with_its_attributes_and_is_the_ticks_own_run(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, MONDAY - timedelta(minutes=3))
    async with laptop.fires(period()):
        await laptop.until(MONDAY - timedelta(seconds=1))
        assert await laptop.published() == []
        await laptop.until(MONDAY + timedelta(minutes=5))
    (message,) = await laptop.published()
    assert json.loads(message.data) == MESSAGE
    assert message.attributes == {"schedule": "close", "cron": "15 16 * * 1-5", "timeZone": ZONE}
    assert await laptop.runs() == ["schedule/close/2026-11-23T21:15:00.000000Z"]
    assert laptop.told == [f"close, due at 2026-11-23T21:15:00.000000Z: published as {message.id}"]


@pytest.mark.parametrize("down_s", [0, 20, 55])
async def test_a_stack_that_is_started_again_neither_repeats_a_tick_nor_loses_one(
    tmp_path: Path, down_s: int
) -> None:
    laptop = Laptop(tmp_path, MONDAY - timedelta(minutes=1))
    async with laptop.fires(period(), period("other", cron="16 16 * * *")):
        await laptop.until(MONDAY + timedelta(seconds=10))
    laptop.clock.advance(down_s)
    for _ in range(2):
        async with laptop.fires(period(), period("other", cron="16 16 * * *")):
            await laptop.until(laptop.clock.now() + timedelta(seconds=30))
    assert [key.split("/")[1] for key in await laptop.runs()] == ["close", "other"]


async def test_a_tick_that_fell_between_two_stacks_is_made_up_for_a_minute(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, MONDAY + timedelta(seconds=59))
    async with laptop.fires(period()):
        pass
    assert await laptop.runs() == ["schedule/close/2026-11-23T21:15:00.000000Z"]
    late = Laptop(tmp_path / "late", MONDAY + timedelta(seconds=61))
    late.folder.mkdir()
    async with late.fires(period()):
        pass
    assert await late.published() == []


async def test_a_job_that_is_made_after_its_tick_waits_for_the_next(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, MONDAY + timedelta(seconds=5))
    async with laptop.fires(period(since=MONDAY + timedelta(seconds=4))):
        await laptop.until(MONDAY + timedelta(minutes=2))
    assert await laptop.published() == []


async def test_what_a_sleeping_machine_missed_is_told_and_not_published(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, MONDAY - timedelta(minutes=1))
    async with laptop.fires(period(), period("often", cron="*/10 * * * *")):
        laptop.clock.advance(3600)
        await laptop.clock.until_asleep()
    assert await laptop.published() == []
    assert laptop.told == [
        "close, due at 2026-11-23T21:15:00.000000Z: too late, not published",
        "often, due at 2026-11-23T22:10:00.000000Z and 5 before it: too late, not published",
    ]


async def test_a_job_of_every_minute_has_each_minute_once(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, MONDAY + timedelta(seconds=1))
    async with laptop.fires(period(cron="* * * * *", since=MONDAY + timedelta(seconds=1))):
        await laptop.until(MONDAY + timedelta(minutes=4, seconds=30))
    keys = await laptop.runs()
    assert keys == [f"schedule/close/2026-11-23T21:{minute}:00.000000Z" for minute in (16, 17, 18, 19)]


async def test_a_clock_that_is_set_back_repeats_nothing(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, MONDAY - timedelta(seconds=30))
    async with laptop.fires(period()):
        await laptop.until(MONDAY + timedelta(seconds=10))
        laptop.clock.turn(-60)
        await laptop.until(MONDAY + timedelta(minutes=2))
    assert len(await laptop.published()) == 1


@pytest.mark.parametrize(
    ("start", "cron", "ticks"),
    [
        # 02:30 doesn't come, 03:30 does; 01:30 comes twice.
        (datetime(2026, 3, 8, 6, 55, tzinfo=UTC), "30 2,3 * * *", ["2026-03-08T07:30"]),
        (datetime(2026, 11, 1, 5, 25, tzinfo=UTC), "30 1 * * *", ["2026-11-01T05:30", "2026-11-01T06:30"]),
    ],
)
async def test_both_changes_of_the_clock_are_fired_as_the_run_key_knows_them(
    tmp_path: Path, start: datetime, cron: str, ticks: list[str]
) -> None:
    laptop = Laptop(tmp_path, start)
    async with laptop.fires(period(cron=cron)):
        await laptop.until(start + timedelta(minutes=80))
    assert await laptop.runs() == [f"schedule/close/{tick}:00.000000Z" for tick in ticks]


async def test_a_job_of_two_accounts_is_a_message_for_each(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, MONDAY - timedelta(seconds=1))
    async with laptop.fires(period(accounts=["DU1", "DU2"])):
        await laptop.until(MONDAY + timedelta(seconds=2))
    assert [message.attributes["account"] for message in await laptop.published()] == ["DU1", "DU2"]


async def test_a_topic_that_does_not_answer_is_tried_again_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = Laptop(tmp_path, MONDAY - timedelta(seconds=1))
    real = LocalTopics.publish
    failures = ["locked", "locked"]

    async def publish(topics: LocalTopics, message: OutgoingMessage) -> str:
        if failures:
            raise TopicUnavailable("topic-unavailable", failures.pop())
        return await real(topics, message)

    monkeypatch.setattr(LocalTopics, "publish", publish)
    async with laptop.fires(period()):
        await laptop.until(MONDAY + timedelta(seconds=30))
    assert len(await laptop.published()) == 1
    assert [line.partition(":")[0] for line in laptop.told[:2]] == ["topic-unavailable"] * 2
