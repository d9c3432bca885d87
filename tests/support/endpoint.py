"""An HTTP endpoint on loopback that records what is posted to it and answers as a test says."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: method, path, headers with names in lower case, and the JSON body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


Answer = Callable[[Request], Awaitable[bytes]]
"""What to send back, as bytes on the wire; nothing closes the connection."""


def status(code: int) -> bytes:
    """Return an answer without a body; codes below 200 are interim."""
    end = b"\r\n" if code < 200 else b"content-length: 0\r\n\r\n"
    return f"HTTP/1.1 {code} As told\r\n".encode() + (end if code != 204 else b"\r\n")


class Endpoint:
    """The endpoint: where it is, and what came."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[Request] = []
        self._answer = answer
        self._came = asyncio.Condition()
        self._connections: set[asyncio.Task[None]] = set()
        self.url = ""

    async def until(self, count: int) -> list[Request]:
        """Wait for ``count`` requests in all, and return them."""
        async with asyncio.timeout(60), self._came:
            await self._came.wait_for(lambda: len(self.requests) >= count)
        return list(self.requests)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; the callback of ``start_server``."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while request := await _read(reader):
                async with self._came:
                    self.requests.append(request)
                    self._came.notify_all()
                answer = await self._answer(request)
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):  # cancelled at the end of the test
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def close(self) -> None:
        """End every connection."""
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections)


def loopback() -> socket.socket:
    """Bind a free port, which refuses connections until somebody listens, and which nobody else gets."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


@asynccontextmanager
async def endpoint(answer: Answer, *, bound: socket.socket | None = None) -> AsyncIterator[Endpoint]:
    """Serve on loopback, on a free port or on the socket given, which is bound but does not listen yet."""
    served = Endpoint(answer)
    server = await asyncio.start_server(served.serve, sock=bound or loopback())
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield served
    finally:
        server.close()
        await served.close()
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Request(method, path, headers, json.loads(body))
