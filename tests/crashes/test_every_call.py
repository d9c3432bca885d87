"""Deterministic deaths: for every trading intent, at every port call, nothing is doubled and nothing lost."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from gateway_simulator.accounts import Account
from gateway_simulator.gateway import Gateway
from tests.support.crash import ACCOUNT, Fate, How, Theatre, theatre
from tests.support.ib import simulated
from trader.discovery import find_intents
from trader.domain.status import IntentClass, Status
from trader.domain.wire import JsonObject

SIGNAL: JsonObject = {"intent": "testsignalgenerator"}

MESSAGES: dict[str, JsonObject] = {
    "testsignalgenerator": SIGNAL,
    "close-all": {"intent": "close-all"},
    "trade-reconciliation": {"intent": "trade-reconciliation"},
    "risk-check": {"intent": "risk-check"},
    "eod-check": {"intent": "eod-check"},
    "cash-balancer": {"intent": "cash-balancer"},
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
    ends: Counter[str] = Counter()
    at = 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        async with theatre(folder, with_cash()) as world:
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
        "crash points", f"{intent}, dies {how}, {'again' if comes_again else 'never again'}: {dict(ends)}"
    )
    assert sum(ends.values()) > 10


async def played(world: Theatre, intent: str, fate: Fate, *, comes_again: bool) -> None:
    """An account with a history, then the message under test to a worker that is fated to die."""
    await world.configured(enforceFlatEod=True)
    await prepared(world)
    message = world.message(MESSAGES[intent], "under-test")
    async with world.worker(fate) as runner:
        acknowledged = await world.deliver(runner, message(1))
    if not acknowledged and comes_again:
        await world.until_acknowledged(message)
    await world.until_swept()


def with_cash() -> Gateway:
    """Return a gateway whose account has dollars, its own currency, and euros."""
    cash = {"USD": Decimal(75_000), "EUR": Decimal(20_000)}
    return simulated(accounts={ACCOUNT: Account(ACCOUNT, base="USD", cash=cash)})


async def prepared(world: Theatre) -> None:
    """Give the account an order of an earlier run, so that the gateway's counter is known to count."""
    async with world.worker() as runner:
        assert await world.deliver(runner, world.message(SIGNAL, "history")(1))
    assert (await world.the_result_of("message/history")).status is Status.SUCCEEDED
