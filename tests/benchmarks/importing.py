"""The floor of a start: a process that imports what the worker uses, and connects to the gateway."""

import asyncio
import sys

import functions_framework.aio
import ib_insync
import pydantic
import starlette.applications
import structlog
import uvicorn

from tests.benchmarks.bare import connect, new_client

USED = (functions_framework.aio, ib_insync, pydantic, starlette.applications, structlog, uvicorn)


async def main() -> None:
    """Say when the account has been read."""
    ib = new_client()
    await connect(ib, int(sys.argv[1]))
    print("connected", flush=True)  # noqa: T201 - what its parent waits for
    ib.disconnect()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    asyncio.run(main())
