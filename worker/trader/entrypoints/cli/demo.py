"""`trader demo`: the whole system shown at work, in a folder of its own that is gone afterwards."""

import asyncio
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trader.adapters.clock import RehearsalClock
from trader.domain.wire import JsonObject
from trader.entrypoints.cli.errors import Exit

if TYPE_CHECKING:
    from trader.entrypoints.cli.stack import Stack
    from trader.entrypoints.cli.told import Told
    from trader.entrypoints.demo.scene import Act, Scene, Step
    from trader.entrypoints.demo.stack import DemoStack
    from trader.entrypoints.demo.view import DemoView
    from trader.ports import Clock, Store, Subscription, Topics
    from trader.settings import Settings

RESULT_S = 60
"""A bound, not a wait: on a machine that is busy, a killed worker is missed later and starts more slowly."""
EPILOG = "It takes a few seconds and leaves nothing behind. Exit code 1: something did not end as promised."


def demo(
    google: Annotated[
        bool,
        typer.Option(
            "--google",
            help="On Google's emulators; without the day, since Pub/Sub's time can't be rehearsed.",
        ),
    ] = False,
) -> int:
    """Show the whole system at work, and what each result means."""
    from shutil import rmtree
    from tempfile import mkdtemp

    from trader.entrypoints.demo.acts import ACTS, ON_GOOGLE
    from trader.entrypoints.demo.view import DemoView

    view = DemoView()
    folder = Path(mkdtemp(prefix="ib-intents-demo-"))
    try:
        for act in ON_GOOGLE if google else ACTS:
            place = folder / act.name.partition(":")[0]
            place.mkdir()
            asyncio.run(_play(act, place, view))
            if view.failed:
                break
        view.end(folder)
    finally:
        if not view.failed:
            rmtree(folder)
    return Exit.OTHER if view.failed else Exit.OK


async def _play(act: "Act", folder: Path, view: "DemoView") -> None:
    from trader.bootstrap import open_clock, open_topics
    from trader.entrypoints.cli.stored import account_of, open_store
    from trader.entrypoints.demo.stack import DemoStack
    from trader.stored import records

    stack = DemoStack(folder, *act.arguments)
    try:
        with view.promised():
            with view.busy("starting a simulated gateway and the worker"):
                started = await stack.start()
            view.started(act.name, started)
            settings = _settings(folder, started)
            async with open_store(settings) as store:
                if act.configuration is not None:
                    account = await account_of(store, settings)
                    path = records.configuration_path(account)
                    await records.write_configuration(store, path, act.configuration(account))
                clock = open_clock(settings)
                topics = await open_topics(settings, clock)
                results = await topics.results(past=True)
                try:
                    player = Player(stack, store, topics, results, clock, view)
                    for step in act.steps:
                        await player.play(step)
                finally:
                    await results.close()
                    await topics.close()
    finally:
        with view.promised():
            with view.busy("stopping"):
                await stack.stop()
            view.stopped()


def _settings(folder: Path, stack: "Stack") -> "Settings":
    """Return what reaches the stack's store and topics, whatever the environment says."""
    from trader.settings import Settings

    settings = Settings(data_dir=folder)
    return settings.model_copy(update=stack.emulators.settings()) if stack.emulators else settings


class Player:
    """Plays one step after another: publishes its message, and shows its result."""

    def __init__(
        self,
        stack: "DemoStack",
        store: "Store",
        topics: "Topics",
        results: "Subscription",
        clock: "Clock",
        view: "DemoView",
    ) -> None:
        self._stack = stack
        self._store = store
        self._topics = topics
        self._results = results
        self._clock = clock
        self._view = view
        self._before: list[Told] = []
        self._heard: list[Told] = []

    async def play(self, step: "Step") -> None:
        """Play ``step`` to its end; raises Broken when no result comes."""
        if step.at is not None and isinstance(self._clock, RehearsalClock):
            self._clock.jump(step.at)
            self._view.at(step.at)
        give_up_at = time.perf_counter() + step.within_s
        while True:
            body = step.body(self._clock.now())
            began = time.perf_counter()
            told = await self._told(body, step.killed_at)
            ended = time.perf_counter()
            scene = await self._scene(told)
            if ended >= give_up_at or step.holds(scene):
                break
        self._view.step(step, body, scene, ms=(ended - began) * 1000)
        self._before.append(told)

    async def _told(self, body: JsonObject, killed_at: "Step | None") -> "Told":
        """Publish ``body``, past the command line's own check, and return its result; raises Broken."""
        from trader.entrypoints.cli.message import encoded
        from trader.entrypoints.demo.scene import Broken
        from trader.ports import OutgoingMessage, Topic

        message_id = await self._topics.publish(OutgoingMessage(Topic.INTENTS, encoded(body)))
        keys = {f"id/{body.get('id')}", f"message/{message_id}"}
        waiting: AbstractContextManager[object] = nullcontext()
        if killed_at is not None:
            await self.play(killed_at)
            self._view.killed(self._stack.kill_worker())
            waiting = self._view.busy("waiting for the next worker")
        try:
            async with asyncio.timeout(RESULT_S):
                with waiting:
                    return await self._result_of(keys)
        except TimeoutError:
            raise Broken(f"expected a result of {body} within {RESULT_S} s, found none") from None

    async def _result_of(self, keys: set[str]) -> "Told":
        """Return the next result of one of the runs ``keys``; all that is told before it is kept too."""
        from trader.entrypoints.cli.told import read_told

        async for message in self._results.follow(wait=True):
            told = read_told(message)
            if told is None:
                continue
            self._heard.append(told)
            if told.result is not None and told.result.id in keys:
                return told
        raise AssertionError("a subscription that waits does not end")

    async def _scene(self, told: "Told") -> "Scene":
        from trader.entrypoints.demo.scene import Scene
        from trader.runs import runs
        from trader.stored.orderbook import all_fills

        if told.result is None:
            return Scene(told, tuple(self._before))
        account = told.result.account
        run = await self._store.get(runs.path_of(account, told.result.id))
        return Scene(
            told,
            tuple(self._before),
            booked=await all_fills(self._store, account),
            attempts=len(runs.read(run).attempts) if run else 0,
            heard=tuple(self._heard),
        )
