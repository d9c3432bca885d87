"""A gRPC server that answers every call with one status: the permissions and quotas that no emulator has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc


@dataclass
class Refusing(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Whatever is asked, the answer is ``code``; ``asked`` are the methods, in their order."""

    code: grpc.StatusCode
    details: str
    asked: list[str]

    def service(self, handler_call_details: Any) -> Any:
        """Return how a call is answered."""
        self.asked.append(handler_call_details.method.rpartition("/")[2])

        async def refuse(_request: bytes, context: grpc.aio.ServicerContext) -> None:
            await context.abort(self.code, self.details)

        return grpc.unary_unary_rpc_method_handler(refuse)


@asynccontextmanager
async def refusing(code: grpc.StatusCode, details: str) -> AsyncIterator[tuple[str, Refusing]]:
    """Serve on loopback; yield HOST:PORT and the handler."""
    handler = Refusing(code, details, [])
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}", handler
    finally:
        await server.stop(None)
