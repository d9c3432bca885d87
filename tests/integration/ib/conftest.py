"""Real sockets and the real ib_insync; nothing may be left behind, and nothing swallowed."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

SWALLOWED = ("ib_insync.Decoder", "eventkit.event", "asyncio")
"""Loggers of what their libraries only log: a message not decoded, a listener that failed, a lost error."""


@pytest.fixture(autouse=True)
def _nothing_swallowed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    assert [record.getMessage() for record in records if record.name in SWALLOWED] == []


@pytest.fixture(autouse=True)
async def _own_loop() -> AsyncIterator[None]:
    """Make this loop the one that ib_insync finds, as the server's lifespan does; leave no task on it."""
    asyncio.set_event_loop(asyncio.get_running_loop())
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}
