"""A gRPC server that answers every call with one status: the permissions and quotas that no emulator has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc


@dataclass
class Refusing(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers what is asked, or ``only`` that method, with ``code``; ``asked`` are the methods."""

    code: grpc.StatusCode
    details: str
    asked: list[str]
    only: str = ""
    behind: grpc.aio.Channel | None = None

    def service(self, handler_call_details: Any) -> Any:
        """Return how a call is answered."""
        method = handler_call_details.method
        self.asked.append(method.rpartition("/")[2])
        if self.behind is not None and self.asked[-1] != self.only:
            return grpc.unary_stream_rpc_method_handler(_passing(self.behind, method))

        async def refuse(_request: bytes, context: grpc.aio.ServicerContext) -> None:
            await context.abort(self.code, self.details)

        return grpc.unary_unary_rpc_method_handler(refuse)


def _passing(behind: grpc.aio.Channel, method: str) -> Any:
    """Return what hands a call on as it is; one reply is the same on the wire as a stream of one."""

    async def pass_on(request: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        given = context.invocation_metadata() or ()
        kept = [(key, value) for key, value in given if key != "user-agent" and not key.startswith("grpc-")]
        try:
            async for reply in behind.unary_stream(method)(request, metadata=kept):
                yield reply
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")

    return pass_on


@asynccontextmanager
async def refusing_only(
    method: str, code: grpc.StatusCode, details: str, behind: str
) -> AsyncIterator[tuple[str, Refusing]]:
    """Serve as ``refusing`` does for one method; every other call is handed on to ``behind``, HOST:PORT."""
    async with (
        grpc.aio.insecure_channel(behind) as channel,
        _serving(Refusing(code, details, [], method, channel)) as served,
    ):
        yield served


@asynccontextmanager
async def refusing(code: grpc.StatusCode, details: str) -> AsyncIterator[tuple[str, Refusing]]:
    """Serve on loopback; yield HOST:PORT and the handler."""
    async with _serving(Refusing(code, details, [])) as served:
        yield served


@asynccontextmanager
async def _serving(handler: Refusing) -> AsyncIterator[tuple[str, Refusing]]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}", handler
    finally:
        await server.stop(None)
