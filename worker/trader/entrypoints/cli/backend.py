"""What a stack on this machine keeps its state and its topics in: files, or Google's own emulators."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from trader.adapters.local_topic import LocalTopics
from trader.adapters.local_topic.push import Push, RetryPolicy
from trader.bootstrap import open_local_topics, open_store
from trader.domain.errors import Failed, StoreUnavailable
from trader.entrypoints.cli.child import Child
from trader.entrypoints.cli.stack import Emulators
from trader.entrypoints.emulator.sdk import FIRESTORE, KINDS, PUBSUB, Missing, command_of
from trader.ports import Clock, Store
from trader.settings import Settings

RETRY = RetryPolicy(minimum_backoff_s=0.25, maximum_backoff_s=15)
"""Production's waits of 10 to 300 s are long for someone who watches."""
PROJECT = "demo-ib-intents"
"""The project of the emulators; ``demo-`` says to Google's own tools that none is real."""
STOP_S = 30

Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Backend:
    """An open store and its topics; ``variables`` point a worker there.

    ``work`` goes on as long as the stack does. ``topics`` are local ones, which a stack can publish to.
    """

    store: Store
    work: Sequence[Work]
    variables: Mapping[str, str] = field(default_factory=dict)
    topics: LocalTopics | None = None
    emulators: Emulators | None = None


async def open_files(settings: Settings, clock: Clock, url: str, opened: AsyncExitStack) -> Backend:
    """Open the files in the data folder, and what pushes to the worker at ``url``."""
    # Opened first: a damaged one is told in a line, where the worker could only log it and end.
    store = await open_store(settings, clock)
    opened.push_async_callback(store.close)
    topics = await open_local_topics(settings, clock)
    opened.push_async_callback(topics.close)
    push = Push(topics, url, retry=RETRY, ack_deadline_s=settings.durations.ack_s)
    return Backend(store, [push.run], topics=topics)


async def open_emulators(
    settings: Settings, clock: Clock, url: str, opened: AsyncExitStack, child: Callable[[str], Child]
) -> Backend:
    """Start both emulators, and make topics and a subscription that pushes to ``url``; nothing is seeded.

    ``child`` returns a process of that name. Raises StoreUnavailable where no emulator can be run.
    """
    running = {name: child(f"{name}-emulator") for name in KINDS}
    addresses: dict[str, str] = {}
    for name, process in running.items():
        try:
            command_of(KINDS[name], 1)
        except Missing as missing:
            raise StoreUnavailable("emulator-missing", str(missing)) from None
        opened.push_async_callback(process.stop, STOP_S)
        await process.start("trader.entrypoints.emulator", name)
    for name, process in running.items():
        port = await process.listening()
        if port is None:
            raise StoreUnavailable("emulator-failed", f"expected it to start; {process.last_words()}")
        addresses[name] = f"127.0.0.1:{port}"
    emulators = Emulators(
        project=PROJECT,
        firestore=addresses[FIRESTORE.name],
        firestore_pid=running[FIRESTORE.name].pid,
        pubsub=addresses[PUBSUB.name],
        pubsub_pid=running[PUBSUB.name].pid,
    )
    await _provision(settings, emulators, url)
    store = await open_store(settings.model_copy(update=emulators.settings()), clock)
    opened.push_async_callback(store.close)
    watching = [lambda process=process: _until_it_ends(process) for process in running.values()]
    return Backend(store, watching, variables=emulators.variables(), emulators=emulators)


async def _provision(settings: Settings, emulators: Emulators, url: str) -> None:
    from trader.adapters.google.provisioning import Pushing, provisioning

    ack_s = int(min(max(settings.durations.ack_s, 10), 600))
    async with provisioning(emulators.project, emulators.pubsub) as made:
        await made.topic(settings.results_topic)
        pushing = Pushing("worker-local", f"{url}/", ack_deadline_s=ack_s)
        await made.push(await made.topic(settings.intents_topic), pushing)


async def _until_it_ends(emulator: Child) -> None:
    """Wait for the end of an emulator; raises Failed: what it held, nobody has any more."""
    await emulator.ended()
    raise Failed(
        "emulator-ended",
        f"expected the {emulator.name} to go on, found it ended and all that it held gone; "
        f"see {emulator.log}, and start the stack anew",
    )
