"""A Python process of its own, to be killed."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def python(code: str, *arguments: str) -> AsyncIterator[Process]:
    """Run ``code``, its output on a pipe; killed at the end at the latest."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, stdin=PIPE, stdout=PIPE
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await process.communicate()


async def line(process: Process) -> str:
    """Return the next line that it printed; fails with what it printed before it ended."""
    assert process.stdout is not None
    text = (await process.stdout.readline()).decode()
    assert text, f"expected one more line, the process ended with {await process.wait()}"
    return text.strip()
