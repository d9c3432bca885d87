"""Deaths while bars are collected, and between a run and its continuation: each bar is kept, and once."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.crash import Fate, How, Theatre, theatre
from tests.support.deliveries import delivery
from trader.adapters.ib import history_pace
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.ports import Topic
from trader.runner.runner import Runner

MODES: tuple[How, ...] = ("before", "after", "error", "refused")
NAMES = ("SPY", "EUR.USD", "MSFT")
COLLECT: JsonObject = {
    "intent": "collect-market-data",
    "instruments": [*NAMES],
    "barSize": "5 mins",
    "duration": "1 D",
}


@pytest.mark.parametrize("how", MODES)
async def test_a_worker_may_die_at_any_call_of_a_collection_and_of_its_continuation(
    tmp_path: Path, how: How, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    whole = await undisturbed(tmp_path, monkeypatch)
    ends: Counter[str] = Counter()
    at = 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        async with theatre(folder) as world:
            fate = Fate(at, how)
            await collected(world, fate, monkeypatch)
            if not fate.is_met:
                break
            where = f"{how} call {at}, {fate.calls[at - 1]}"
            results = list({result.id: result for result in await world.results()}.values())
            assert {result.status for result in results} == {Status.SUCCEEDED}, where
            assert [result.id for result in results if "/more/" in result.id], where
            assert world.bars.kept == whole, where
            ends[f"{len(results)} runs"] += 1
    record_property("crash points", f"collect-market-data, {how}: {dict(ends)}")
    assert sum(ends.values()) > 10


async def undisturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    """Return the bars as they are kept when nobody dies."""
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    async with theatre(folder) as world:
        await collected(world, Fate(), monkeypatch)
        assert {series.instrument for series, _ in world.bars.kept} == set(NAMES)
        return dict(world.bars.kept)


async def collected(world: Theatre, fate: Fate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliver the message until it is done, and then each continuation, to workers that follow the first."""
    message = world.message(COLLECT, "under-test")
    async with world.worker(fate) as runner:
        in_haste(world, runner, monkeypatch)
        acknowledged = await world.deliver(runner, message(1))
    if not acknowledged:
        async with world.worker() as runner:
            in_haste(world, runner, monkeypatch)
            for attempt in range(2, 6):
                world.clock.jump(61)
                if await world.deliver(runner, message(attempt)):
                    break
    done: set[str] = set()
    while new := [m for m in await published(world) if m.attributes["ce-id"] not in done]:
        done.add(new[0].attributes["ce-id"])
        again = delivery(
            json.loads(new[0].data),
            attributes=new[0].attributes,
            message_id=new[0].id,
            published_at=new[0].published_at,
        )
        async with world.worker() as runner:
            assert await world.deliver(runner, again)
    await world.until_swept()


def in_haste(world: Theatre, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pace leave time for one instrument alone, and the wait for the next one pass at once."""
    pace = history_pace.HistoryPace(Impatient(world), requests=1)
    ports: Any = runner.ports
    monkeypatch.setattr(ports.history._port, "_pace", pace)


class Impatient:
    """The world's clock, on which what is waited for is over at once."""

    def __init__(self, world: Theatre) -> None:
        self._clock = world.clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    async def sleep(self, seconds: float) -> None:
        self._clock.jump(seconds)


async def published(world: Theatre) -> list[Any]:
    return [m async for m in world.topics.subscription(Topic.INTENTS).follow(wait=False)]
