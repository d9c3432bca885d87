"""Deterministic deaths: for every trading intent, at every port call, nothing is doubled and nothing lost."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway_simulator.accounts import Account
from gateway_simulator.gateway import Gateway
from tests.support.crash import ACCOUNT, Fate, How, Theatre, theatre
from tests.support.emulators import fresh_project
from tests.support.ib import simulated
from trader.adapters.clock import SystemClock
from trader.adapters.google.firestore import FirestoreStore
from trader.discovery import find_intents
from trader.domain.ledger import CROSSING, holdings
from trader.domain.status import IntentClass, Status
from trader.domain.wire import JsonObject
from trader.ports import OpenedStore
from trader.stored import orderbook

SIGNAL: JsonObject = {"intent": "testsignalgenerator"}
BOTH = ("testsignalgenerator", "buy-and-hold")
"""In the simulator's market of seed 0 the first is short of SPY, and the second long of it."""
CROSSES_DOWN = 8
"""The seed of a market in which SPY's daily MACD crosses its signal line on the last finished bar."""

MESSAGES: dict[str, JsonObject] = {
    "testsignalgenerator": SIGNAL,
    "spymacdvixy": {"intent": "spymacdvixy"},
    "allocation": {"intent": "allocation", "strategies": [*BOTH]},
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
        gateway = with_cash(seed=CROSSES_DOWN if intent == "spymacdvixy" else 0)
        async with theatre(folder, gateway, store() if store else None) as world:
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
                await ends_as_it_should(world, intent, where)
            ends[result.status.value] += 1
    record_property(
        "crash points",
        f"{intent}{' on Firestore' if store else ''}, dies {how}, "
        f"{'again' if comes_again else 'never again'}: {dict(ends)}",
    )
    assert sum(ends.values()) > 10


async def ends_as_it_should(world: Theatre, intent: str, where: str) -> None:
    """However often a worker died: the same orders, the same crossings, the same holdings."""
    if intent not in ("allocation", "spymacdvixy"):
        return
    orders = [order for order in world.gateway.book.orders.values() if order.terms.order_ref]
    fills = await orderbook.all_fills(world.store, ACCOUNT)
    crossed = [fill for fill in fills if fill.stem.startswith(CROSSING)]
    owners = {owner for (owner, _), held in holdings(fills).items() if held}
    states = [order.status.value for order in orders]
    if intent == "allocation":
        assert (states, len(crossed)) == (["Filled", "Cancelled", "Filled"], 4), where
        assert owners == set(BOTH), where
    else:
        assert (states, crossed) == (["Filled"] * 3, []), where
        assert owners == {"testsignalgenerator", "spymacdvixy"}, where


async def played(world: Theatre, intent: str, fate: Fate, *, comes_again: bool) -> None:
    """An account with a history, then the message under test to a worker that is fated to die."""
    await prepared(world, intent)
    message = world.message(MESSAGES[intent], "under-test")
    async with world.worker(fate) as runner:
        acknowledged = await world.deliver(runner, message(1))
    if not acknowledged and comes_again:
        await world.until_acknowledged(message)
    await world.until_swept()


def with_cash(seed: int) -> Gateway:
    """Return a gateway whose account has dollars, its own currency, and euros."""
    cash = {"USD": Decimal(75_000), "EUR": Decimal(20_000)}
    return simulated(accounts={ACCOUNT: Account(ACCOUNT, base="USD", cash=cash)}, seed=seed)


async def prepared(world: Theatre, intent: str) -> None:
    """Give the account an order of an earlier run, so that the gateway's counter is known to count.

    Before an allocation, the two strategies disagree: a part has crossed, and the rest waits for the close.
    They then want less: the order stands in the way, and what they give up crosses again.
    """
    await world.configured(enforceFlatEod=True, **shares(0.1, 0.3, vixy=0.5))
    past: list[JsonObject] = [SIGNAL]
    if intent == "allocation":
        past = [{**SIGNAL, "symbol": "MSFT"}, {**MESSAGES["allocation"], "orderType": "MOC"}]
    async with world.worker() as runner:
        for n, body in enumerate(past):
            assert await world.deliver(runner, world.message(body, f"history-{n}")(1))
            assert (await world.the_result_of(f"message/history-{n}")).status is Status.SUCCEEDED
    if intent == "allocation":
        await world.configured(**shares(0.05, 0.02))


def shares(signal: float, hold: float, vixy: float = 0) -> dict[str, Any]:
    """Return a configuration in which strategies may use these parts of everything."""
    exposure = dict(zip((*BOTH, "spymacdvixy"), (signal, hold, vixy), strict=True))
    limits = {
        "enabled": True,
        "allowedSymbols": ["SPY", "VIXY", "MSFT"],
        "maxNotional": 60_000,
        "allowShort": True,
    }
    return {
        "exposure": {"overall": 1, "strategies": exposure},
        "strategies": dict.fromkeys(exposure, limits),
    }
