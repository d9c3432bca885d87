"""From an intent's publication to its result, over Google's emulators, beside the emulators' own two hops."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from time import perf_counter
from uuid import uuid4

from tests.benchmarks.bench import ACCOUNT, Bench, Broken
from tests.benchmarks.measuring import Bound, Compared, Mark, Row, Unmeasured, alternating
from tests.support.cloud import NAMES, Cloud, cloud
from tests.support.emulators import REQUIRED, fresh_project, running_emulator
from tests.support.endpoint import Request, endpoint, status
from trader.adapters.clock import SystemClock
from trader.adapters.google.provisioning import Pushing, provisioning
from trader.adapters.google.pubsub import PubsubTopics
from trader.entrypoints.emulator.sdk import FIRESTORE, PUBSUB, Missing, command_of
from trader.ports import OutgoingMessage, Topic
from trader.runs import runs

MEASURE = "publish to result over the emulators, p50"
TIMES = 1.3
PATIENCE_S = 60

Send = Callable[[], Awaitable[None]]
"""Publishes one message and returns when what follows from it was read."""


def measure(bench: Bench) -> list[Row | Unmeasured]:
    """Return the row, or why there is none on this machine."""
    try:
        for kind in (PUBSUB, FIRESTORE):
            command_of(kind, 1)
    except Missing as reason:
        if os.environ.get(REQUIRED) == "1":
            raise Broken(f"{REQUIRED}=1, and {reason}") from None
        return [Unmeasured(MEASURE, str(reason))]
    count = bench.sized(5, 15)
    with (
        running_emulator(PUBSUB) as pubsub,
        running_emulator(FIRESTORE) as firestore,
        asyncio.Runner() as runner,
    ):
        opened = AsyncExitStack()
        try:
            world = runner.run(_world(bench, opened, firestore, pubsub))
            hops = runner.run(opened.enter_async_context(_hops(pubsub)))
            ours, floor = alternating(
                bench.rounds,
                lambda: runner.run(_median_ms(lambda: _answered(world), count)),
                lambda: runner.run(_median_ms(hops, count)),
            )
            runner.run(_check(world))
            bench.acknowledged += len(world.results)
        finally:
            runner.run(opened.aclose())
    mark = Mark(Bound.AT_MOST, TIMES)
    return [Row(MEASURE, "ms", ours, "the emulators' two hops", floor, Compared.TIMES, mark)]


async def _world(bench: Bench, opened: AsyncExitStack, firestore: str, pubsub: str) -> Cloud:
    world = await opened.enter_async_context(cloud(bench.fresh_folder(), firestore, pubsub))
    opened.enter_context(world.worker())
    await world.until_ready()
    return world


async def _answered(world: Cloud) -> None:
    message = await world.publish({"intent": "summary"})
    await world.follow(len(world.results) + 1)
    if f"message/{message}" not in world.results:
        raise Broken(f"expected the result of message {message}, found others")


@asynccontextmanager
async def _hops(pubsub: str) -> AsyncIterator[Send]:
    """Yield what sends a message over two hops: pushed to an endpoint, which publishes it, and pulled."""
    project, clock = fresh_project(), SystemClock()
    topics = PubsubTopics(project, NAMES, clock, emulator=pubsub)

    async def relay(request: Request) -> bytes:
        data = str(request.body["message"]["data"]).encode()
        await topics.publish(OutgoingMessage(Topic.RESULTS, data, {}))
        return status(204)

    async with endpoint(relay) as relaying:
        async with provisioning(project, pubsub) as made:
            await made.topic("results")
            await made.push(await made.topic("intents"), Pushing("relay", relaying.url))
        reader = await topics.results(past=True)
        coming = reader.follow(wait=True)

        async def send() -> None:
            await topics.publish(OutgoingMessage(Topic.INTENTS, uuid4().bytes, {}))
            await anext(coming)

        try:
            yield send
        finally:
            await reader.close()
            await topics.close()


async def _median_ms(send: Send, count: int) -> float:
    times = []
    for _ in range(count):
        began = perf_counter()
        async with asyncio.timeout(PATIENCE_S):
            await send()
        times.append(perf_counter() - began)
    return median(times) * 1000


async def _check(world: Cloud) -> None:
    """Raise Broken unless each run whose result was read has it in the store."""
    for key in world.results:
        document = await world.store.get(runs.path_of(ACCOUNT, key))
        if document is None or runs.read(document).result is None:
            raise Broken(f"the result of {key} was told, and is not stored")
