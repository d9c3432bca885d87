"""A client of the simulated gateway that says what it likes, in the protocol's own messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from gateway_simulator.server import Server
from gateway_simulator.wire import layout, requests, responses
from gateway_simulator.wire.codec import Deframer, frame, split
from gateway_simulator.wire.layout import Message
from tests.support.simulator import PATIENCE_S

M = TypeVar("M", bound=Message)
VERSION = 176


class Raw:
    """A client that says what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._deframer = Deframer()

    def write(self, *fields: str) -> None:
        self._writer.write(frame(fields))

    def send(self, message: Message) -> None:
        self.write(*layout.encode(message, VERSION))

    def greet(self, offer: bytes = b"v157..176") -> None:
        self._writer.write(b"API\0" + len(offer).to_bytes(4, "big") + offer)

    def garbage(self, data: bytes) -> None:
        self._writer.write(data)

    async def messages(self) -> AsyncIterator[list[str]]:
        """Each message until the gateway hangs up."""
        while data := await self._reader.read(4096):
            self._deframer.feed(data)
            for body in self._deframer.bodies():
                yield split(body)

    async def answer(self, table: type[M]) -> M:
        """Wait for a message of that kind."""
        async with asyncio.timeout(PATIENCE_S):
            async for fields in self.messages():
                if fields[0] == str(table.code):
                    return layout.decode(table, fields, VERSION)
        raise AssertionError(f"expected {table.__name__}, found the end")

    async def error(self, code: int) -> responses.Error:
        """Wait for an error of that code."""
        async with asyncio.timeout(PATIENCE_S):
            async for fields in self.messages():
                if fields[0] == "4" and int(fields[3]) == code:
                    return layout.decode(responses.Error, fields, VERSION)
        raise AssertionError(f"expected error {code}, found the end")

    async def end(self) -> None:
        """Wait until the gateway hangs up."""
        async with asyncio.timeout(PATIENCE_S):
            while await self._reader.read(4096):
                pass


@asynccontextmanager
async def raw(server: Server) -> AsyncIterator[Raw]:
    """A connection on which nothing has been said."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def let_in(server: Server, client_id: int = 1) -> AsyncIterator[Raw]:
    """A connection that has said who it is."""
    async with raw(server) as client:
        client.greet()
        client.send(requests.StartApi(client_id=client_id))
        yield client
