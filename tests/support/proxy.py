"""Between a client and an emulator: passes everything on, loses one reply, or keeps the replies back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

HEADERS = 1
"""The type of the HTTP/2 frame that a reply begins with; whoever sends it has done what was asked."""


class Proxy:
    """A TCP proxy on loopback, in front of a server that speaks HTTP/2."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self._losing = False
        self._gone = False
        self._answering = asyncio.Event()
        self._answering.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""
        self.lost = 0

    @contextmanager
    def losing_a_reply(self) -> Iterator[None]:
        """Cut the connection as the next reply comes: what was asked is done, and nobody is told."""
        self._losing = True
        try:
            yield
        finally:
            self._losing = False

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Cut every connection, and each new one: the server's process has ended, as it were."""
        self._gone = True
        for task in self._tasks:
            task.cancel()
        try:
            yield
        finally:
            self._gone = False

    @contextmanager
    def instead(self, address: str) -> Iterator[None]:
        """Cut every connection, and lead each new one to another server."""
        before = self._upstream
        host, _, port = address.rpartition(":")
        self._upstream = (host, int(port))
        for task in self._tasks:
            task.cancel()
        try:
            yield
        finally:
            self._upstream = before
            for task in self._tasks:
                task.cancel()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Keep every reply back."""
        self._answering.clear()
        try:
            yield
        finally:
            self._answering.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; the callback of ``start_server``."""
        task = asyncio.current_task()
        assert task is not None
        if self._gone:
            writer.transport.abort()
            return
        self._tasks.add(task)
        up_writer: asyncio.StreamWriter | None = None
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
            asking = asyncio.ensure_future(_pass_on(reader, up_writer))
            answering = asyncio.ensure_future(self._answers(up_reader, writer))
            try:
                await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in (asking, answering):
                    each.cancel()
                await asyncio.gather(asking, answering, return_exceptions=True)
        except (OSError, asyncio.CancelledError):  # the server is gone, or the test is over
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, up_writer):
                if end is not None:
                    end.transport.abort()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass frames on, one after another, unless the next reply is to be lost."""
        while True:
            head = await reader.readexactly(9)
            body = await reader.readexactly(int.from_bytes(head[:3], "big"))
            await self._answering.wait()
            if self._losing and head[3] == HEADERS:
                self._losing = False
                self.lost += 1
                return
            writer.write(head + body)
            await writer.drain()

    async def close(self) -> None:
        """End every connection."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def proxy(upstream: str) -> AsyncIterator[Proxy]:
    """Serve in front of ``upstream`` (HOST:PORT) on a free port."""
    served = Proxy(upstream)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()
        await served.close()
        await server.wait_closed()
