"""One connection to a Google service, or to its emulator on this machine: made when first used, then kept."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import google.auth
import grpc
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

Client = TypeVar("Client")

OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Once the service is back it is found within seconds: left to itself, gRPC waits for up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    # A peer that has gone without a word is noticed within forty seconds.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
HERE = (*OPTIONS, ("grpc.enable_http_proxy", 0))


class Connection(Generic[Client]):
    """A client of one service, made at the first call on the loop, to which it then belongs.

    ``transport`` is the service's generated transport, a class; ``make`` returns the client of a channel.
    Credentials are looked for in a thread: that reads files and may ask a metadata server. What fails is
    tried again by the next call.
    """

    def __init__(self, transport: Any, make: Callable[[grpc.aio.Channel], Client], emulator: str | None):
        self._transport = transport
        self._make = make
        self._emulator = emulator
        self._opening = asyncio.Lock()
        self._opened: tuple[Client, grpc.aio.Channel] | None = None

    async def client(self) -> Client:
        """Return the client; raises an error of google.auth where there are no credentials."""
        if self._opened is None:
            async with self._opening:
                if self._opened is None:
                    channel = await self._open()
                    self._opened = self._make(channel), channel
        return self._opened[0]

    async def close(self) -> None:
        """End the connection; what is under way on it is cancelled."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened[1].close()

    async def _open(self) -> grpc.aio.Channel:
        if self._emulator is not None:
            return grpc.aio.insecure_channel(self._emulator, options=HERE)
        transport = self._transport
        credentials = await asyncio.to_thread(_credentials, transport.AUTH_SCOPES)
        channel: grpc.aio.Channel = transport.create_channel(
            transport.DEFAULT_HOST, credentials=credentials, options=OPTIONS
        )
        return channel


def _credentials(scopes: Sequence[str]) -> Any:
    """Return what this runs as; raises an error of google.auth, also for a file that it stumbles over."""
    try:
        return google.auth.default(scopes=scopes)[0]
    except GoogleAuthError:
        raise
    except Exception as error:  # a folder, a file that may not be read, JSON of another shape
        raise DefaultCredentialsError(f"a file of credentials that can't be read ({error})") from error
