"""The port that clients connect to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from gateway_simulator.gateway import Gateway
from gateway_simulator.session import Session

PATIENCE_S = 1.0  # for clients that don't read what they are sent
TURNS_TO_ACCEPT = 3  # of the loop, until a connection that asyncio has accepted is a session of ours


class Server:
    """Where a gateway listens, while it is up."""

    def __init__(self, gateway: Gateway, host: str) -> None:
        self.host = host
        self.port = 0
        self._gateway = gateway
        self._listener: asyncio.Server | None = None

    async def open(self, port: int) -> None:
        """Listen, on any free port if it is 0."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Session(self._gateway), self.host, port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def follow(self) -> None:
        """Close the port while the gateway is down, and open it again when it comes up."""
        while True:
            await self._gateway.goes_down.wait()
            await self.close()
            await self._gateway.comes_up.wait()
            await self.open(self.port)

    async def close(self) -> None:
        """Let nobody in any more, and close every connection."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            # Accept no more, but let in who is accepted: asyncio leaks what it accepts as its server closes.
            for listening in listener.sockets:
                asyncio.get_running_loop().remove_reader(listening)
            for _ in range(TURNS_TO_ACCEPT):
                await asyncio.sleep(0)
            listener.close()
            sessions = tuple(self._gateway.sessions)
            self._gateway.disconnect()
            if sessions:
                gone = [asyncio.ensure_future(session.gone.wait()) for session in sessions]
                await asyncio.wait(gone, timeout=PATIENCE_S)
            for session in sessions:
                session.abort()
            await asyncio.gather(*(session.gone.wait() for session in sessions))
            await listener.wait_closed()


@contextlib.asynccontextmanager
async def serve(gateway: Gateway, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Server]:
    """Let clients in until the block ends; then every connection closes."""
    server = Server(gateway, host)
    await server.open(port)
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(gateway.run()), loop.create_task(server.follow())]
    try:
        yield server
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.close()
