"""The floor of a start: a process that imports what the worker uses, and connects to the gateway."""

# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import asyncio
import sqlite3
import sys

import cronsim
import functions_framework.aio
import ib_insync
import starlette.applications
import structlog
import uvicorn.protocols.http.h11_impl
from pydantic import BaseModel, TypeAdapter  # pydantic itself imports nothing until it is used

from tests.benchmarks.bare import connect, new_client

USED = (
    sqlite3,
    cronsim,
    functions_framework.aio,
    ib_insync,
    starlette.applications,
    structlog,
    uvicorn.protocols.http.h11_impl,
    BaseModel,
    TypeAdapter,
)


async def main() -> None:
    """Say when the account has been read."""
    ib = new_client()
    await connect(ib, int(sys.argv[1]))
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    ib.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
