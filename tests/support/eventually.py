"""Waiting for what another task, thread or process is about to do, where nothing tells when it is done."""

import asyncio
import inspect
from collections.abc import Callable


async def eventually(holds: Callable[[], object]) -> None:
    """Return as soon as ``holds`` does; TimeoutError after a minute, which is a failure."""
    async with asyncio.timeout(60):
        while True:
            answer = holds()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.001)
