"""collect-market-data: what there is no time for is left, and one instrument never takes the others along."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import inf
from typing import cast

import pytest

from tests.support.bars import BarsInMemory
from tests.support.clock import HurriedClock
from tests.support.desk import Desk
from tests.support.market import bars, local
from tests.support.world import ACCOUNT, NoOrders
from trader.adapters.ib.history_pace import HistoryPace
from trader.domain.errors import Failed, GatewayNotReady, Rejected, Retryable, TraderError
from trader.domain.instruments import Contract
from trader.domain.market import Bar, BarSeries, BarSize, WhatToShow
from trader.domain.status import Mode
from trader.intent import Completed, Run
from trader.intents.collect_market_data import CollectMarketData, CollectMarketDataOutcome, handle
from trader.ports import Store

NAMES = tuple(f"A{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(55))
HANDLER_S = 480


@dataclass
class SlowHistory:
    """The History port of a broker that takes its time, and may answer with an error, at first or always."""

    clock: HurriedClock
    answer_s: float = 0
    error: TraderError | None = None
    errors: float = inf
    asked_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pace = HistoryPace(self.clock)

    async def history_slot(self, requests: int, *, until: float) -> bool:
        return await self._pace.slot(requests, until=until)

    async def history(
        self, contract: Contract, size: BarSize, duration: str, show: WhatToShow
    ) -> Sequence[Bar]:
        self.asked_at.append(self.clock.monotonic())
        self.clock.advance(self.answer_s)
        if self.error and len(self.asked_at) <= self.errors:
            raise self.error
        return bars(local("2026-11-23 09:30"), [450.0])


async def collect(
    history: SlowHistory, bar_store: BarsInMemory | None = None
) -> tuple[CollectMarketDataOutcome, Completed]:
    """Return what a run of eight minutes comes to."""
    clock = history.clock
    ports = Desk(cast("Store", NoOrders()), clock).ports
    ports = replace(ports, history=history, bar_store=bar_store or BarsInMemory())
    command = CollectMarketData(instruments=NAMES, bar_size=BarSize.MINUTES_30)
    deadline = clock.monotonic() + HANDLER_S
    run = Run("id/night", ACCOUNT, Mode.PAPER, False, clock.now(), clock.now(), 5, deadline=deadline)
    completed = await handle(command, run, ports)
    assert isinstance(completed.outcome, CollectMarketDataOutcome)
    assert max(history.asked_at) < deadline
    return completed.outcome, completed


@pytest.mark.parametrize("error", [None, Rejected("no-market-data", "there is none")])
async def test_a_slow_broker_is_asked_nothing_after_the_deadline_and_the_rest_is_left(
    error: Rejected | None,
) -> None:
    outcome, completed = await collect(SlowHistory(HurriedClock(), answer_s=10, error=error))
    assert [line.instrument for line in outcome.series] == [*NAMES[:48]]
    assert completed.rest == CollectMarketData(instruments=NAMES[48:], bar_size=BarSize.MINUTES_30)


async def test_a_broker_that_says_too_soon_until_the_deadline_is_not_asked_at_it_again_and_again() -> None:
    history = SlowHistory(HurriedClock(), error=Retryable("pacing", "slow", retry_after_s=60))
    outcome, _ = await collect(history)
    assert (outcome.series, outcome.left) == ((), len(NAMES))
    assert len(history.asked_at) == HANDLER_S / 60


ERROR = GatewayNotReady(
    "gateway-error", "expected an answer; the broker answered 162: Time length exceed max."
)


async def test_an_error_to_the_bars_of_one_instrument_is_told_and_the_others_are_kept() -> None:
    outcome, completed = await collect(SlowHistory(HurriedClock(), error=ERROR, errors=1))
    first, *others = outcome.series
    assert (first.refusal and first.refusal.code, len(others), outcome.left) == ("gateway-error", 54, 0)
    assert {line.refusal for line in others} == {None}
    assert completed.failure is not None
    assert completed.failure.code == "instruments-refused"


async def test_where_errors_are_all_that_comes_the_message_comes_again() -> None:
    with pytest.raises(GatewayNotReady, match="Time length"):
        await collect(SlowHistory(HurriedClock(), error=ERROR))


async def test_a_broker_that_says_nothing_is_not_asked_for_the_others() -> None:
    history = SlowHistory(HurriedClock(), error=GatewayNotReady("gateway-silent", "no answer"), errors=1)
    with pytest.raises(GatewayNotReady, match="no answer"):
        await collect(history)
    assert len(history.asked_at) == 1


class DamagedBars(BarsInMemory):
    """The BarStore port with one file that can't be read."""

    async def read(self, series: BarSeries, days: Collection[date]) -> Mapping[date, Sequence[Bar]]:
        if series.instrument == NAMES[1]:
            raise Failed("bars-damaged", "expected bars, found them damaged")
        return await super().read(series, days)


async def test_a_damaged_file_of_one_instrument_keeps_no_other_from_being_collected() -> None:
    outcome, _ = await collect(SlowHistory(HurriedClock()), DamagedBars())
    refused = [(line.instrument, line.refusal.code) for line in outcome.series if line.refusal]
    assert refused == [(NAMES[1], "bars-damaged")]
    assert (len(outcome.series), outcome.written) == (55, 54)
