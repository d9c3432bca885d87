"""Stores in front of a real one: slow, frozen, counting, or repeating what they were told."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from tests.support.clock import FakeClock
from trader.ports import Document, Store, Write

Answer = TypeVar("Answer")


class Passing:
    """The Store port over a real one, which it hands everything on to."""

    def __init__(self, store: Store) -> None:
        self.real = store

    async def get(self, path: str) -> Document | None:
        return await self.real.get(path)

    async def query(
        self, collection: str, *, where: Mapping[str, str] | None = None, limit: int = 1000
    ) -> Sequence[Document]:
        return await self.real.query(collection, where=where, limit=limit)

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        return await self.real.commit(writes)


class Slow(Passing):
    """Does everything at once, and answers ``seconds`` later."""

    def __init__(self, store: Store, clock: FakeClock, seconds: float) -> None:
        super().__init__(store)
        self._clock = clock
        self._seconds = seconds

    async def get(self, path: str) -> Document | None:
        found = await self.real.get(path)
        self._clock.advance(self._seconds)
        return found

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        versions = await self.real.commit(writes)
        self._clock.advance(self._seconds)
        return versions


class Counting(Passing):
    """Counts what is read."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.reads = 0

    async def get(self, path: str) -> Document | None:
        self.reads += 1
        return await self.real.get(path)


class Repeating(Passing):
    """Does what a client library does after a lost reply: sends the same write again."""

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        await self.real.commit(writes)
        return await self.real.commit(writes)


def as_the_plan_is_stored(call: str, paths: Sequence[str]) -> bool:
    """Whether a call stores orders that are planned."""
    return call == "commit" and any("/orders/" in path for path in paths)


class Freezing(Passing):
    """Answers nothing from a certain call on, as to a process that is stopped: what was asked then is done,
    but it is told only at the thaw.
    """

    def __init__(self, store: Store, stops_at: Callable[[str, Sequence[str]], bool]) -> None:
        super().__init__(store)
        self._stops_at = stops_at
        self._thawed = asyncio.Event()
        self._thawed.set()
        self.is_frozen = asyncio.Event()

    def thaw(self) -> None:
        self._stops_at = lambda _call, _paths: False
        self._thawed.set()

    async def get(self, path: str) -> Document | None:
        return await self._told("get", [path], self.real.get(path))

    async def query(
        self, collection: str, *, where: Mapping[str, str] | None = None, limit: int = 1000
    ) -> Sequence[Document]:
        return await self._told("query", [collection], self.real.query(collection, where=where, limit=limit))

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        return await self._told("commit", [write.path for write in writes], self.real.commit(writes))

    async def _told(self, call: str, paths: Sequence[str], work: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            await self._thawed.wait()
        except asyncio.CancelledError:
            work.close()
            raise
        answer = await work
        if self._stops_at(call, paths):
            self._thawed.clear()
            self.is_frozen.set()
        await self._thawed.wait()
        return answer
