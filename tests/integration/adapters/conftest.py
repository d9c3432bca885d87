"""The local topics of one test, with the machine's clock or with one that the test moves."""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.support.clock import FakeClock
from trader.adapters.clock import SystemClock
from trader.adapters.local_topic import LocalTopics


@pytest.fixture
def topics_file(tmp_path: Path) -> Path:
    return tmp_path / "topics.sqlite3"


@pytest.fixture
async def topics(topics_file: Path) -> AsyncIterator[LocalTopics]:
    opened = await LocalTopics.open(topics_file, SystemClock())
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def still_topics(topics_file: Path, clock: FakeClock) -> AsyncIterator[LocalTopics]:
    """Topics whose time the test moves."""
    opened = await LocalTopics.open(topics_file, clock, busy_timeout_s=0.01)
    yield opened
    await opened.close()


@pytest.fixture
def logged() -> Iterator[Sequence[EventDict]]:
    """What was logged; a push logs each failed delivery as it starts to wait for the next."""
    with capture_logs() as entries:
        yield entries
