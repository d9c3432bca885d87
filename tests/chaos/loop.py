"""An event loop whose time passes only when nothing is left to do, with a network in memory.

What one end of a connection writes reaches the other in its order, a moment later. So a history of hours
takes no waiting, and the same plan plays the same way each time.
"""

import asyncio
import selectors
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway_simulator.clock import Clock

LATENCY_S = 0.001
STUCK_S = 60.0
"""Seconds of the processor after which a history is given up: something goes round without an end."""

Address = tuple[str, int]


class Stuck(Exception):
    """The history can't go on; raised out of the loop, past whatever runs in it."""


class Loop(asyncio.SelectorEventLoop):
    """The loop and its network; ``lag_s`` is what a write takes longer from now on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lag_s = 0.0
        self.listening: dict[Address, Callable[[], asyncio.Protocol]] = {}
        super().__init__(_NothingToWaitFor(self))

    def time(self) -> float:
        return self.now

    # What follows takes as much of the real ones' arguments as anyone here gives.

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        # There is one thread: the databases work in it too.
        return self.call_soon(callback, *args, context=context)

    def remove_reader(self, fd: Any) -> bool:
        return not isinstance(fd, Listener) and super().remove_reader(fd)

    async def create_server(self, *args: Any, **_: Any) -> Any:
        factory, host, port = args
        self.listening[host, port] = factory
        return Listener(self, (host, port))

    async def create_connection(self, *args: Any, **_: Any) -> Any:
        factory, host, port = args
        await asyncio.sleep(LATENCY_S)
        if (host, port) not in self.listening:
            raise ConnectionRefusedError(f"nobody listens at {host}:{port}")
        here, there = End(self, factory()), End(self, self.listening[host, port]())
        here.peer, there.peer = there, here
        there.protocol.connection_made(there)
        here.protocol.connection_made(here)
        return here, here.protocol


class _NothingToWaitFor(selectors.SelectSelector):
    """Moves the loop's time on to the next thing that is due."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop
        self._give_up_at = time.process_time() + STUCK_S

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or time.process_time() > self._give_up_at:
            self._give_up_at += STUCK_S  # what is cancelled now is given as long again
            raise Stuck("nothing is due any more" if timeout is None else f"no end after {STUCK_S:g} s")
        self._loop.now += max(timeout, 0.0)
        return []


class Listener:
    """What a loop's ``create_server`` returns, as far as the simulated gateway uses it."""

    def __init__(self, loop: Loop, address: Address) -> None:
        self._loop = loop
        self._address = address

    @property
    def sockets(self) -> Sequence["Listener"]:
        return (self,)

    def getsockname(self) -> Address:
        return self._address

    def close(self) -> None:
        self._loop.listening.pop(self._address, None)

    async def wait_closed(self) -> None:
        return


class End(asyncio.Transport):
    """One end of a connection. What was written before it closed still arrives, as with TCP."""

    peer: "End"

    def __init__(self, loop: Loop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.protocol = protocol
        self._loop = loop
        self._under_way: deque[bytes | None] = deque()
        self._last_at = 0.0
        self._closing = False

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        if not self._closing:
            self._send(bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return 0

    def write_eof(self) -> None:
        return

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._send(None)
            self._loop.call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def _send(self, what: bytes | None) -> None:
        self._under_way.append(what)
        self._last_at = max(self._loop.now + LATENCY_S + self._loop.lag_s, self._last_at)
        self._loop.call_at(self._last_at, self._pass_on)

    def _pass_on(self) -> None:
        self.peer.arrive(self._under_way.popleft())

    def arrive(self, what: bytes | None) -> None:
        """Take what the other end has written, or its end."""
        if self._closing:
            return
        if what is None:
            self.close()
        else:
            self.protocol.data_received(what)


class LoopClock(Clock):
    """A simulated gateway's clock that goes with the loop's time."""

    def __init__(self, start: datetime, loop: Loop) -> None:
        super().__init__(start)
        self._loop = loop
        self._mark = loop.now

    def now(self) -> datetime:
        return self._base + timedelta(seconds=self._loop.now - self._mark)

    def _rebase(self, at: datetime) -> None:
        super()._rebase(at)
        self._mark = self._loop.now
