"""Deaths while our books are held against the broker's: at every port call, each booking is made once."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from gateway_simulator import effects
from gateway_simulator.actions import ManualOrder
from tests.support.crash import ACCOUNT, Fate, How, Theatre, theatre
from trader.domain.ledger import EXTERNAL, BookedFill
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.stored import orderbook

STRATEGY = "testsignalgenerator"
MODES: tuple[How, ...] = ("before", "after", "error", "refused")
UNSEEN, SEEN = Decimal(3), Decimal(10)

MESSAGES: dict[str, JsonObject] = {
    "looking": {"intent": "reconcile"},
    "trades": {"intent": "trade-reconciliation"},
    "a repair": {"intent": "reconcile", "repair": True, "reason": "looked it up"},
}
UNLOCKS = {"looking": False, "trades": False, "a repair": True}


@pytest.mark.parametrize("how", MODES)
@pytest.mark.parametrize(
    ("name", "comes_again"),
    [("looking", True), ("trades", True), ("trades", False), ("a repair", True), ("a repair", False)],
)
async def test_a_worker_may_die_at_any_call_of(
    tmp_path: Path, name: str, comes_again: bool, how: How, record_property: Callable[[str, object], None]
) -> None:
    ends: Counter[str] = Counter()
    at = 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        async with theatre(folder) as world:
            await prepared(world)
            fate = Fate(at, how)
            message = world.message(MESSAGES[name], "under-test")
            async with world.worker(fate) as runner:
                acknowledged = await world.deliver(runner, message(1))
            if not acknowledged and comes_again:
                await world.until_acknowledged(message)
            await world.until_swept()
            if not fate.is_met:
                break
            await world.books_agree_or_are_locked()
            if not comes_again and not await world.is_claimed("message/under-test"):
                ends["never heard of"] += 1
                continue
            result = await world.the_result_of("message/under-test")
            where = f"{how} call {at}, {fate.calls[at - 1]}: {result.status} {result.reason}"
            if comes_again:
                assert result.status is Status.SUCCEEDED, where
            await all_or_nothing(world, name, done=result.status is Status.SUCCEEDED, where=where)
            ends[result.status.value] += 1
    record_property(
        "crash points", f"{name}, dies {how}, {'again' if comes_again else 'never again'}: {dict(ends)}"
    )
    assert sum(ends.values()) > 8


async def prepared(world: Theatre) -> None:
    """Hold a position of ours, what was bought by hand and is forgotten (so a lock), and what is reported."""
    await world.configured()
    async with world.worker() as runner:
        assert await world.deliver(runner, world.message({"intent": STRATEGY}, "history")(1))
        by_hand(world, UNSEEN)
        world.gateway.book.forget(world.gateway.clock.now())
    async with world.worker() as runner:  # whose connection has heard of nothing
        assert await world.deliver(runner, world.message(MESSAGES["trades"], "locks")(1))
        assert await orderbook.contract_locks(world.store, ACCOUNT)
        by_hand(world, SEEN)


def by_hand(world: Theatre, quantity: Decimal) -> None:
    effects.perform(world.gateway, [ManualOrder(symbol="SPY", side="BUY", quantity=quantity)])


async def all_or_nothing(world: Theatre, name: str, *, done: bool, where: str) -> None:
    """What the run was to change it has changed once, or it has changed nothing."""
    theirs = [fill for fill in await orderbook.all_fills(world.store, ACCOUNT) if not fill.order]
    locked = bool(await orderbook.contract_locks(world.store, ACCOUNT))
    snapshots = await world.store.query(f"accounts/{ACCOUNT}/snapshots")
    expected = {"looking": [], "trades": [SEEN], "a repair": [UNSEEN, SEEN]}[name] if done else []
    assert sorted(fill.quantity for fill in theirs) == expected, where
    assert all(external(fill) for fill in theirs), where
    assert locked == (not (done and UNLOCKS[name])), where
    assert len(snapshots) == (done and name != "trades"), where


def external(fill: BookedFill) -> bool:
    return list(fill.shares) == [EXTERNAL]
