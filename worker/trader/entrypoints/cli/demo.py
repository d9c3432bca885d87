"""`trader demo`: the whole system shown at work, in a folder of its own that is gone afterwards."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from trader.domain.wire import JsonObject
from trader.entrypoints.cli.errors import Exit

if TYPE_CHECKING:
    from trader.adapters.local_topic import LocalTopics
    from trader.entrypoints.cli.demo_view import DemoView
    from trader.entrypoints.cli.told import Told

RESULT_S = 15
EPILOG = "It takes a few seconds and leaves nothing behind. Exit code 1: something did not end as promised."


def demo() -> int:
    """Show the whole system at work, and what each result means."""
    from shutil import rmtree
    from tempfile import mkdtemp

    from trader.entrypoints.cli.demo_view import DemoView

    view = DemoView()
    folder = Path(mkdtemp(prefix="ib-intents-demo-"))
    try:
        asyncio.run(_demo(folder, view))
        view.end(folder)
    finally:
        if not view.failed:
            rmtree(folder)
    return Exit.OTHER if view.failed else Exit.OK


async def _demo(folder: Path, view: "DemoView") -> None:
    from trader.adapters.clock import SystemClock
    from trader.bootstrap import open_topics
    from trader.entrypoints.cli.demo_stack import DemoStack
    from trader.settings import Settings

    stack = DemoStack(folder)
    try:
        with view.promised():
            with view.busy("starting a simulated gateway and the worker"):
                started = await stack.start()
            view.started(started)
            topics = await open_topics(Settings(data_dir=folder), SystemClock())
            try:
                await _steps(topics, view)
            finally:
                await topics.close()
    finally:
        with view.promised():
            with view.busy("stopping"):
                await stack.stop()
            view.stopped()


async def _steps(topics: "LocalTopics", view: "DemoView") -> None:
    from trader.entrypoints.cli.demo_steps import STEPS

    before: list[Told] = []
    for step in STEPS:
        body = step.body(topics.clock.now())
        started = time.perf_counter()
        told = await _told(topics, body)
        view.step(step, body, told, before, ms=(time.perf_counter() - started) * 1000)
        before.append(told)


async def _told(topics: "LocalTopics", body: JsonObject) -> "Told":
    """Publish ``body``, past the command line's own check, and return its result; raises Broken."""
    from trader.entrypoints.cli.demo_steps import Broken
    from trader.entrypoints.cli.message import encoded
    from trader.entrypoints.cli.publish import result_of
    from trader.ports import OutgoingMessage, Topic

    after = await topics.last_id()
    message_id = await topics.publish(OutgoingMessage(Topic.INTENTS, encoded(body)))
    keys: set[str | None] = {f"id/{body.get('id')}", f"message/{message_id}"}
    try:
        async with asyncio.timeout(RESULT_S):
            return await result_of(topics, keys, after)
    except TimeoutError:
        raise Broken(f"expected a result of {body} within {RESULT_S} s, found none") from None
