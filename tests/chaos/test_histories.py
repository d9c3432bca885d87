"""Random histories: whatever happens in them, nothing is doubled, nothing lost, and each run has its end."""

import asyncio
import os
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest

from tests.chaos import history, loop
from tests.chaos.draw import MESSAGES, draw
from tests.chaos.history import play
from tests.chaos.many import played
from trader.discovery import find_intents
from trader.domain.status import IntentClass
from trader.domain.trading_state import TradingState
from trader.execution import settling
from trader.stored import records

CHUNK = 25
FIXED, FRESH = 300, 100
BASE = int(os.environ.get("CHAOS_SEED") or int.from_bytes(os.urandom(4), "big"))
"""Where the fresh seeds begin; printed with what was played, and CHAOS_SEED sets it."""


def test_every_trading_intent_has_its_part() -> None:
    intents = find_intents().items()
    assert {name for name, i in intents if i.kind is IntentClass.TRADING or i.kind_of} == set(MESSAGES)


@pytest.mark.parametrize("first", range(0, FIXED, CHUNK))
def test_the_same_histories_each_time(first: int, record_property: Callable[[str, object], None]) -> None:
    all_is_as_it_must_be(range(first, first + CHUNK), record_property)


@pytest.mark.parametrize("chunk", range(FRESH // CHUNK))
def test_histories_that_nobody_has_seen(chunk: int, record_property: Callable[[str, object], None]) -> None:
    first = BASE + chunk * CHUNK
    all_is_as_it_must_be(range(first, first + CHUNK), record_property)


def all_is_as_it_must_be(seeds: range, record_property: Callable[[str, object], None]) -> None:
    summary = played(seeds)
    replay = [f"{wrong}\nreplay: python -m tests.chaos --seed {s}" for s, wrong in summary.wrong.items()]
    assert not replay, "\n".join(replay)
    record_property("histories", f"seeds {seeds.start} to {seeds.stop - 1}: {summary}")


@pytest.mark.parametrize("seed", [0, 13, 101])
def test_a_seed_is_played_the_same_way_each_time(seed: int) -> None:
    first, second = play(draw(seed)), play(draw(seed))
    assert first.lines == second.lines


async def endless(*_: object) -> None:
    while True:  # noqa: ASYNC110 - that is what is wrong with it
        await asyncio.sleep(0)


def test_a_history_that_goes_round_without_an_end_is_told_by_its_seed() -> None:
    with patch.object(history, "_trouble", endless), patch.object(loop, "STUCK_S", 0.1):
        summary = played([7])

    assert "Stuck" in summary.wrong[7]


async def active(*_: object) -> TradingState:
    return TradingState.ACTIVE


FAULTS: Mapping[str, tuple[object, str, Any, str]] = {
    "takes absence for proof": (settling, "missing_proof", lambda *_: None, "DOUBLED"),
    "never reads the state": (records, "trading_state", active, "only closing is allowed"),
}


FROM = 140
"""A little before the first history that shows either; each costs a fraction of a second."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_worker_that_breaks_a_rule_is_found_out(fault: str) -> None:
    where, name, instead, accusation = FAULTS[fault]
    with patch.object(where, name, instead):
        for seed in count(FROM):
            assert seed < FIXED, "no history has shown it"
            if any(accusation in wrong for wrong in play(draw(seed)).wrong):
                return
