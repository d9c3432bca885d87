"""Allocations in a play: what strategies may use, whom the worker follows, and what a result says."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway_simulator.faults import Faults
from gateway_simulator.scenario import Rule, Scenario
from tests.support.crash import ACCOUNT
from tests.support.play import Play, playing
from trader.domain.ledger import CROSSING
from trader.domain.messages import Result
from trader.domain.strategy import AnyStrategy
from trader.domain.wire import JsonObject
from trader.stored import orderbook


def limits(*symbols: str, **given: Any) -> JsonObject:
    return {"enabled": True, "allowedSymbols": [*symbols], "maxNotional": 90_000, "allowShort": True, **given}


def configuration(shares: Mapping[str, float], *symbols: str, **given: Any) -> dict[str, Any]:
    """Return a configuration in which each strategy may use its share of everything."""
    return {
        "exposure": {"overall": 1, "strategies": dict(shares)},
        "strategies": {name: limits(*(symbols or ("SPY",))) for name in shares},
        **given,
    }


def allocation(*strategies: str, **given: Any) -> JsonObject:
    return {"intent": "allocation", "strategies": list(strategies), **given}


def outcome(result: Result) -> dict[str, Any]:
    assert result.outcome is not None, result
    return dict(result.outcome)


def code_of(result: Result) -> tuple[str, str | None]:
    return result.status.value, result.reason.code if result.reason else None


def refusals(result: Result) -> list[tuple[str, str]]:
    """Return strategy and code of each wish that was refused."""
    return [(line["strategy"], line["code"]) for line in outcome(result)["refusals"]]


@asynccontextmanager
async def following(folder: Path, *strategies: AnyStrategy, **given: Any) -> AsyncIterator[Play]:
    """Play with these strategies in the place of those that ship."""
    async with playing(folder, **given) as play:
        follow(play, *strategies)
        yield play


def breaks(play: Play, when: Any, then: Any) -> None:
    """From now on the gateway misbehaves so."""
    rules = (Rule.model_validate({"when": when, "then": then}),)
    play.gateway.faults = Faults(Scenario(rules=rules), play.gateway.clock)


def follow(play: Play, *strategies: AnyStrategy) -> None:
    play.worker.worker.runner.strategies = {strategy.id: strategy for strategy in strategies}


async def crossings(play: Play) -> list[tuple[Decimal, Decimal]]:
    """Return quantity and price of each fill that crossed inside."""
    fills = await orderbook.all_fills(play.world.store, ACCOUNT)
    return sorted((fill.quantity, fill.price) for fill in fills if fill.stem.startswith(CROSSING))
