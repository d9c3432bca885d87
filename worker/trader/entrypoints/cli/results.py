"""`trader results`: what became of the intents so far, and of those to come."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Annotated

import typer

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit
from trader.entrypoints.cli.output import print_json

if TYPE_CHECKING:
    from trader.ports import ReceivedMessage
    from trader.settings import Settings

EPILOG = """\b
Examples:
  trader results --last 20
  trader results --follow
  trader results --json | jq 'select(.data.status == "failed")'
"""


def results(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as new ones come.")] = False,
    last: Annotated[
        int | None, typer.Option(metavar="N", parser=options.count, help="Only the last N of those so far.")
    ] = None,
    as_json: options.AsJson = False,
    data_dir: options.DataDir = None,
) -> int:
    """Show what became of the intents of the last seven days.

    With --json each event is shown whole, those of the gateway too. What somebody else has put on the topic
    is a line that says so. A result that was told again, because
    its message came again, is listed again: its run ends in #2, #3.
    """
    asyncio.run(_results(options.settings(data_dir), last, follow=follow, as_json=as_json))
    return Exit.OK


async def _results(settings: "Settings", last: int | None, *, follow: bool, as_json: bool) -> None:
    from trader.bootstrap import open_clock, open_topics
    from trader.entrypoints.cli.listing import Listing
    from trader.entrypoints.cli.told import print_foreign, read_told

    listing = Listing()

    def show(message: "ReceivedMessage") -> None:
        told = read_told(message)
        if told is None:
            print_foreign(message, as_json=as_json)
        elif as_json:
            print_json(told.to_json())
        elif told.result is not None:
            listing.add(told.result, told.publication)

    topics = await open_topics(settings, open_clock(settings))
    try:
        reader = await topics.results(past=True)
        try:
            so_far: deque[ReceivedMessage] = deque(maxlen=last)
            async for message in reader.follow(wait=False):
                so_far.append(message)
            for message in so_far:
                show(message)
            if follow:
                async for message in reader.follow(wait=True):
                    show(message)
        finally:
            await reader.close()
    finally:
        await topics.close()
