"""Several questions to the gateway at once, as one: the first that fails ends the others."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

AT_ONCE = 20
"""The broker answers 50 historical requests at a time, and 100 snapshots."""


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the answers in the order of asking; raises what the first failure raised, by itself."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(question: Coroutine[Any, Any, T]) -> T:
        async with places:
            return await question

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(question)) for question in work]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
