"""The floor of a durable delivery: a function that acknowledges what it has written to disk."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from cloudevents.http import CloudEvent
from functions_framework.aio import cloud_event

from tests.benchmarks.durable import Commits

FILE = "BENCH_DURABLE_FILE"
COMMITS = 2
"""The claim with its result, and the event that tells it."""


@cloud_event
async def handle(_: CloudEvent) -> None:
    """Write as often as a summary does, each time in the one thread that has the file, then acknowledge."""
    thread, commits = _opened()
    for _n in range(COMMITS):
        await asyncio.get_running_loop().run_in_executor(thread, commits.commit)


@cache
def _opened() -> tuple[ThreadPoolExecutor, Commits]:
    return ThreadPoolExecutor(max_workers=1), Commits(Path(os.environ[FILE]))
