"""Deterministic deaths: for every trading intent, at every port call, nothing is doubled and nothing lost."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crash import Fate, How, Theatre, theatre
from tests.support.emulators import fresh_project
from trader.adapters.clock import SystemClock
from trader.adapters.google.firestore import FirestoreStore
from trader.discovery import find_intents
from trader.domain.status import IntentClass, Status
from trader.domain.wire import JsonObject
from trader.ports import OpenedStore

SIGNAL: JsonObject = {"intent": "testsignalgenerator"}

MESSAGES: dict[str, JsonObject] = {
    "testsignalgenerator": SIGNAL,
    "close-all": {"intent": "close-all"},
    "trade-reconciliation": {"intent": "trade-reconciliation"},
}
"""A live message of each trading intent. An intent that isn't listed here fails a test below."""

MODES: tuple[How, ...] = ("before", "after", "error")


def test_every_trading_intent_is_crashed() -> None:
    trading = {name for name, intent in find_intents().items() if intent.kind is IntentClass.TRADING}
    assert trading == set(MESSAGES)


@pytest.mark.parametrize("comes_again", [True, False], ids=["delivered again", "never again"])
@pytest.mark.parametrize("how", MODES)
@pytest.mark.parametrize("intent", MESSAGES)
async def test_a_worker_may_die_at_any_call(
    tmp_path: Path, intent: str, how: How, comes_again: bool, record_property: Callable[[str, object], None]
) -> None:
    await enumerated(tmp_path, intent, how, comes_again, record_property)


@pytest.mark.parametrize(("how", "comes_again"), [("error", True), ("after", False)])
async def test_a_worker_may_die_at_any_call_of_closing_everything_on_firestore(
    tmp_path: Path,
    how: How,
    comes_again: bool,
    firestore_emulator: str,
    record_property: Callable[[str, object], None],
) -> None:
    def store() -> FirestoreStore:
        return FirestoreStore(fresh_project(), SystemClock(), emulator=firestore_emulator)

    await enumerated(tmp_path, "close-all", how, comes_again, record_property, store)


async def enumerated(
    tmp_path: Path,
    intent: str,
    how: How,
    comes_again: bool,
    record_property: Callable[[str, object], None],
    store: Callable[[], OpenedStore] | None = None,
) -> None:
    """Let a worker die at each call in turn, each time in a new world, until it no longer gets as far."""
    ends: Counter[str] = Counter()
    at = 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        async with theatre(folder, store=store() if store else None) as world:
            fate = Fate(at, how)
            await played(world, intent, fate, comes_again=comes_again)
            if not fate.is_met:
                break
            if not comes_again and not await world.is_claimed("message/under-test"):
                world.nothing_doubled()
                ends["never heard of"] += 1
                continue
            result = await world.the_result_of("message/under-test")
            where = f"{how} call {at}, {fate.calls[at - 1]}: {result.status} {result.reason}"
            world.nothing_doubled()
            await world.books_agree_or_are_locked()
            if comes_again:
                assert result.status is Status.SUCCEEDED, where
            ends[result.status.value] += 1
    record_property(
        "crash points",
        f"{intent}{' on Firestore' if store else ''}, dies {how}, "
        f"{'again' if comes_again else 'never again'}: {dict(ends)}",
    )
    assert sum(ends.values()) > 10


async def played(world: Theatre, intent: str, fate: Fate, *, comes_again: bool) -> None:
    """An account with a history, then the message under test to a worker that is fated to die."""
    await world.configured()
    await prepared(world)
    message = world.message(MESSAGES[intent], "under-test")
    async with world.worker(fate) as runner:
        acknowledged = await world.deliver(runner, message(1))
    if not acknowledged and comes_again:
        await world.until_acknowledged(message)
    await world.until_swept()


async def prepared(world: Theatre) -> None:
    """Give the account an order of an earlier run, so that the gateway's counter is known to count."""
    async with world.worker() as runner:
        assert await world.deliver(runner, world.message(SIGNAL, "history")(1))
    assert (await world.the_result_of("message/history")).status is Status.SUCCEEDED
