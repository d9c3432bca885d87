"""`kill -9` of a real worker at random moments of close-all: nothing is doubled or lost, each run ends."""

import asyncio
import base64
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import httpx

from gateway_simulator.gateway import Gateway
from gateway_simulator.market_file import MarketFile
from tests.support.crash import ACCOUNT, Theatre, theatre
from tests.support.eventually import eventually
from tests.support.simulator import simulated
from tests.support.stack import environment
from trader.domain.orders import reference_of
from trader.domain.status import Status
from trader.domain.wire import JsonObject

WORLDS, ROUNDS = 5, 10
"""Each world has a gateway, a store and topics of its own, and so many deaths one after another."""
SYMBOLS = ("AAPL", "MSFT", "QQQ", "SPY")
LONGEST_S = 0.5
"""A random moment is so long at most after the push, or after the first order of close-all; what it closes is
filled in two parts, 0.3 s apart."""
BEFORE, BETWEEN, AFTER = "before its orders", "between its orders and their fills", "after its fills"
QUICK = {"TRADER_LEASE_S": "1", "TRADER_SETTLE_S": "0.2"}
PATIENCE_S = 60


async def test_fifty_deaths_of_a_real_worker(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or int.from_bytes(os.urandom(4), "big"))
    ends: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    async with asyncio.TaskGroup() as worlds:
        for n in range(WORLDS):
            folder = tmp_path / str(n)
            folder.mkdir()
            worlds.create_task(deaths(folder, Random(seed + n), ends, sent))
    died = ", ".join(f"{times} {when}" for when, times in sorted(sent.items()))
    record_property("real deaths", f"close-all, CHAOS_SEED={seed}: died {died}; ended {dict(ends)}")
    assert sum(ends.values()) == WORLDS * ROUNDS


async def deaths(folder: Path, random: Random, ends: Counter[str], sent: Counter[str]) -> None:
    """Let one worker after another open positions, begin to close them all, and die; the next one goes on."""
    async with theatre(folder, gateway()) as world, httpx.AsyncClient(timeout=PATIENCE_S) as client:
        await world.configured(
            exposure={"overall": 0.9, "strategies": {"testsignalgenerator": 0.1}},
            limits={"orderNotional": 100_000, "ordersPerDay": 1000},
            strategies={
                "testsignalgenerator": {
                    "enabled": True,
                    "allowedSymbols": list(SYMBOLS),
                    "maxNotional": 50_000,
                    "allowShort": True,
                }
            },
        )
        closing: JsonObject = {}
        for n in range(ROUNDS + 1):
            async with worker(world, log := folder / f"{n}.log") as process:
                address = await ready(client, log)
                if n > 0:
                    await until_acknowledged(client, address, closing, first_attempt=2)
                    ends[await verified(world, f"id/{closing['id']}")] += 1
                if n == ROUNDS:
                    return
                for symbol in SYMBOLS:
                    body: JsonObject = {
                        "intent": "testsignalgenerator",
                        "symbol": symbol,
                        "id": f"open-{n}-{symbol}",
                    }
                    await until_acknowledged(client, address, body)
                assert set(positions(world)) == set(SYMBOLS)
                closing = {"intent": "close-all", "id": f"close-{n}"}
                push = asyncio.create_task(client.post(address, json=envelope(closing, attempt=1)))
                if random.random() < 0.6:
                    await eventually(lambda: how_far(world, closing) != BEFORE)  # noqa: B023 - awaited here
                await asyncio.sleep(random.uniform(0, LONGEST_S))
                process.kill()
                sent[how_far(world, closing)] += 1
                with suppress(httpx.TransportError):
                    await push


async def verified(world: Theatre, run: str) -> str:
    """Return how ``run`` ended; fails when anything was doubled, lost, or kept from a person."""
    result = await world.the_result_of(run)
    await world.all_is_well()
    await eventually(world.all_is_reported)
    if result.status is Status.SUCCEEDED:
        assert positions(world) == {}
    return result.status.value


def how_far(world: Theatre, closing: JsonObject) -> str:
    """Return how much of ``closing`` the gateway has seen."""
    mine = {reference_of(f"id/{closing['id']}", n) for n in range(len(SYMBOLS))}
    orders = [order for order in world.gateway.book.orders.values() if order.terms.order_ref in mine]
    if not orders:
        return BEFORE
    all_are_there = len(orders) == len(SYMBOLS)
    return AFTER if all_are_there and not any(order.is_open for order in orders) else BETWEEN


def gateway() -> Gateway:
    """A gateway of this very time, on markets that never close, which fills each order in two parts."""
    in_parts = (
        {"event": "placeOrder", "times": "always"},
        {"partly_fill": {"fraction": 0.4, "rest_after": 0.3}},
    )
    return simulated(in_parts, at=datetime.now(UTC), speed=1, prices=MarketFile(hours="always"))


def positions(world: Theatre) -> dict[str, Decimal]:
    held = world.gateway.book.positions_of(ACCOUNT)
    return {position.contract.symbol: position.quantity for position in held if position.quantity}


@asynccontextmanager
async def worker(world: Theatre, log: Path) -> AsyncIterator[Process]:
    """A worker as it is deployed; nothing is delivered to it by itself. Killed at the end at the latest."""
    variables = {
        "PORT": "0",
        "TRADER_DATA_DIR": str(log.parent),
        "TRADER_ACCOUNT": ACCOUNT,
        "TRADER_GATEWAY_PORT": str(world.port),
        **QUICK,
    }
    with log.open("ab") as to_log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "trader.entrypoints.serve", "--exit-with-parent"),
            stdin=PIPE,
            stdout=to_log,
            stderr=to_log,
            env=environment(variables),
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def ready(client: httpx.AsyncClient, log: Path) -> str:
    """Return where the newest worker of ``log`` listens, once it is ready."""
    found: list[str] = []

    async def is_ready() -> bool:
        found[:] = addresses(log)
        if not found:
            return False
        with suppress(httpx.TransportError):
            return (await client.get(f"{found[-1]}/readyz")).status_code == 200
        return False

    await eventually(is_ready)
    return found[-1]


def addresses(log: Path) -> list[str]:
    """Return where each worker of ``log`` has listened."""
    return re.findall(r"running on (http://[0-9.:]+)", log.read_text())


async def until_acknowledged(
    client: httpx.AsyncClient, address: str, body: JsonObject, *, first_attempt: int = 1
) -> None:
    """Deliver ``body`` as the subscription does, again and again until it is taken."""
    attempt = first_attempt

    async def is_acknowledged() -> bool:
        nonlocal attempt
        answer = await client.post(address, json=envelope(body, attempt=attempt))
        attempt += 1
        if answer.status_code != 204:
            await asyncio.sleep(0.1)  # a subscription waits longer
        return answer.status_code == 204

    await eventually(is_acknowledged)


def envelope(body: JsonObject, *, attempt: int) -> JsonObject:
    """Return a push body as Pub/Sub sends it."""
    message: JsonObject = {
        "messageId": str(body["id"]),
        "publishTime": datetime.now(UTC).isoformat(),
        "data": base64.b64encode(json.dumps(body).encode()).decode(),
    }
    return {"message": message, "deliveryAttempt": attempt}
