"""The port that clients connect to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway_simulator.gateway import Gateway
from gateway_simulator.session import Session


@dataclass(frozen=True, slots=True)
class Server:
    """Where a gateway listens."""

    host: str
    port: int


@contextlib.asynccontextmanager
async def serve(gateway: Gateway, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Server]:
    """Let clients in, on any free port if it is 0, until the block ends; then all connections close."""
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Session(gateway), host, port)
    beat = loop.create_task(gateway.run())
    try:
        yield Server(host, listener.sockets[0].getsockname()[1])
    finally:
        beat.cancel()
        listener.close()
        gateway.drop_all()
        await asyncio.gather(beat, return_exceptions=True)
        await listener.wait_closed()
