"""`trader clock`: the real time, or a rehearsal's, which a person moves on and never back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trader.adapters.clock import set_ahead
from trader.bootstrap import rehearsal_of
from trader.settings import Settings

Trader = Callable[..., Any]
AT = datetime(2031, 11, 25, 14, 30, tzinfo=UTC)
SOON = timedelta(minutes=1)


@pytest.fixture
def rehearsed(data_dir: Path) -> Path:
    """A folder whose stack rehearses that morning."""
    data_dir.mkdir()
    set_ahead(rehearsal_of(Settings(data_dir=data_dir)), AT)
    return data_dir


def shown(trader: Trader, *arguments: str) -> datetime:
    ran = trader("clock", *arguments)
    assert (ran.code, ran.err) == (0, "")
    return datetime.fromisoformat(ran.out.strip())


def test_without_a_rehearsal_it_is_the_real_time(trader: Trader) -> None:
    assert abs(shown(trader) - datetime.now(UTC)) < SOON


@pytest.mark.usefixtures("rehearsed")
def test_a_rehearsal_is_shown_and_moved_on(trader: Trader) -> None:
    assert AT <= shown(trader) + SOON < AT + 2 * SOON
    assert abs(shown(trader, "2031-11-25T18:30:00Z") - AT.replace(hour=18)) < SOON
    assert shown(trader) >= AT.replace(hour=18) - SOON


@pytest.mark.usefixtures("rehearsed")
def test_it_is_never_moved_back(trader: Trader) -> None:
    ran = trader("clock", "2031-11-25T09:00:00Z")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "found 2031-11-25T09:00:00Z; time goes on" in ran.err


def test_the_real_time_is_not_moved(trader: Trader) -> None:
    ran = trader("clock", "2031-11-25T09:00:00Z")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "trader dev --at" in ran.err


def test_a_rehearsal_beside_another_gateway_is_refused(trader: Trader, data_dir: Path) -> None:
    ran = trader("dev", "--at", "2031-11-25T09:00:00Z", "--gateway", "127.0.0.1:4002")
    assert (ran.code, ran.out) == (2, "")
    assert "only with the simulated gateway" in ran.err
    assert not data_dir.exists()
