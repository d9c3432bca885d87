"""What holds for each test with a real client."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _every_message_is_understood(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """ib_insync logs and swallows what it can't decode, asyncio and the gateway what fails in a callback."""
    yield
    wrong = [
        record.getMessage()
        for when in ("setup", "call")
        for record in caplog.get_records(when)
        if record.name in {"ib_insync.Decoder", "asyncio"} or record.name.startswith("gateway_simulator")
        if record.levelno >= logging.ERROR
    ]
    assert wrong == []
