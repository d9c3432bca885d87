"""A summary as the earlier system did it: a function that connects, asks and disconnects for each request."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import asyncio
import os

import structlog
from cloudevents.http import CloudEvent
from functions_framework.aio import cloud_event
from ib_insync import IB

GATEWAY = "BENCH_GATEWAY_PORT"
CLIENT_ID = 8

log = structlog.get_logger()


@cloud_event
async def handle(_: CloudEvent) -> None:
    """Say what the account has; nothing is stored, and nothing is kept for the next request."""
    asyncio.set_event_loop(asyncio.get_running_loop())  # ib_insync asks the loop policy for it
    ib = IB()
    await ib.connectAsync("127.0.0.1", int(os.environ[GATEWAY]), clientId=CLIENT_ID)
    try:
        values = await ib.accountSummaryAsync()
        log.info("summary", values=len(values), positions=len(ib.positions()), orders=len(ib.openTrades()))
    finally:
        ib.disconnect()
