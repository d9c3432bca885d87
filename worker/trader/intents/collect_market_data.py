"""Keeps historical bars as Parquet, at the broker's pace; what is kept already stays as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from trader.domain.bar_history import Gap, by_day, gaps, merge, usable
from trader.domain.errors import Failed, GatewayNotReady, Rejected, Retryable
from trader.domain.hours import liquid_hours
from trader.domain.instrument_text import ONE_CONTRACT, read_instrument
from trader.domain.instruments import Contract
from trader.domain.market import Bar, BarSeries, BarSize, WhatToShow
from trader.domain.messages import Command, Outcome
from trader.domain.refusal import Refusal
from trader.domain.status import IntentClass
from trader.domain.valuation import FOREX
from trader.domain.wire import JsonObject, Time, Wire
from trader.intent import Completed, Intent, Run
from trader.ports import Ports

ANSWERED = "gateway-error"
"""The code of an error with which the gateway answered one question. From silence and drops all suffer."""

EXAMPLE: JsonObject = {
    "written": 13,
    "skipped": 52,
    "series": [
        {
            "instrument": "SPY",
            "whatToShow": "TRADES",
            "written": 13,
            "skipped": 52,
            "differing": 0,
            "firstBarAt": "2026-11-17T14:30:00.000000Z",
            "lastBarAt": "2026-11-23T20:30:00.000000Z",
            "gaps": [
                {
                    "after": "2026-11-20T15:00:00.000000Z",
                    "before": "2026-11-20T16:00:00.000000Z",
                    "bars": 1,
                }
            ],
            "refusal": None,
        }
    ],
    "left": 0,
}

Duration = Annotated[
    str,
    StringConstraints(
        pattern=r"^([1-9][0-9]{0,4} S|([1-9]|[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-5]) D"
        r"|([1-9]|[1-4][0-9]|5[0-2]) W|([1-9]|1[0-2]) M|([1-9]|1[0-9]|20) Y)$"
    ),
]


class CollectMarketData(Command):
    """Which bars to keep."""

    instruments: tuple[Annotated[str, StringConstraints(pattern=ONE_CONTRACT)], ...] = Field(
        min_length=1,
        max_length=1000,
        description="Such as SPY, SAP:EUR@IBIS, EUR.USD as the pair is listed, VIX index, ES 202612@CME, "
        "ES continuous@CME or SPY 20261218 600 C.",
    )
    bar_size: BarSize = Field(BarSize.DAY_1, description="The length of a bar, such as 30 mins.")
    duration: Duration = Field(
        "1 M",
        description="How far back: a number and S, D (to 365), W (to 52), M (to 12) or Y (to 20). The broker "
        "gives less of short bars, such as a day of those of a minute.",
    )
    what_to_show: WhatToShow | None = Field(
        None, description="What bars are made of; left out, TRADES, and of a currency pair MIDPOINT."
    )


class Series(Wire):
    """What became of one instrument's bars."""

    instrument: str
    what_to_show: WhatToShow | None
    written: int = 0
    skipped: int = Field(0, description="Kept already, and left as they are.")
    differing: int = Field(0, description="Of those, bars that the broker tells with other prices now.")
    first_bar_at: Time | None = None
    last_bar_at: Time | None = None
    gaps: tuple[Gap, ...] = ()
    refusal: Refusal | None = Field(None, description="Why there are no bars of it.")


class CollectMarketDataOutcome(Outcome):
    """What was kept, what was there already, and what is missing. A dry run says what it would keep."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    written: int
    skipped: int
    series: tuple[Series, ...]
    left: int = Field(description="Instruments that there was no time for: a continuation keeps theirs.")


@dataclass(frozen=True, slots=True)
class Collecting:
    """What one run collects."""

    command: CollectMarketData
    run: Run
    ports: Ports

    async def one(self, name: str) -> Series | None:
        """Keep one instrument's bars; None when the pace or the broker leaves no time for them."""
        show = self.command.what_to_show
        if self._left_s <= 0:
            return None
        try:
            contract = await self.ports.market_data.contract(read_instrument(name))
            show = show or _default_show(contract)
            bars = await self._asked(contract, show)
            return None if bars is None else await self._kept(name, contract, show, bars)
        except (Rejected, Failed, GatewayNotReady) as refused:
            if isinstance(refused, GatewayNotReady) and refused.code != ANSWERED:
                raise
            refusal = Refusal(code=refused.code, message=refused.message)
            return Series(instrument=name, what_to_show=show, refusal=refusal)

    async def _asked(self, contract: Contract, show: WhatToShow) -> Sequence[Bar] | None:
        """Return the bars as the broker tells them, however often it says that this was too soon."""
        ports, command = self.ports, self.command
        while self._left_s > 0 and await ports.history.history_slot(show.requests, until=self.run.deadline):
            try:
                return await ports.history.history(contract, command.bar_size, command.duration, show)
            except Retryable as again:
                if again.code != "pacing":
                    raise
                await ports.clock.sleep(max(0.0, min(again.retry_after_s, self._left_s)))
        return None

    @property
    def _left_s(self) -> float:
        """How long the handler may still ask for bars: what comes later would be asked for in vain."""
        return self.run.deadline - self.ports.clock.monotonic()

    async def _kept(self, name: str, contract: Contract, show: WhatToShow, told: Sequence[Bar]) -> Series:
        hours, size, store = liquid_hours(contract), self.command.bar_size, self.ports.bar_store
        bars = usable(told, size, hours, self.ports.clock.now())
        days = by_day(bars, size, hours.zone)
        series = BarSeries(str(read_instrument(name)), contract.con_id, size, show)
        standing = await store.read(series, days)
        merged = {day: merge(standing.get(day, ()), found) for day, found in days.items()}
        if not self.run.dry_run:
            await store.write(series, {day: found.bars for day, found in merged.items() if found.written})
        kept = [bar for found in merged.values() for bar in found.bars]
        return Series(
            instrument=name,
            what_to_show=show,
            written=sum(found.written for found in merged.values()),
            skipped=sum(found.skipped for found in merged.values()),
            differing=sum(found.differing for found in merged.values()),
            first_bar_at=min((bar.start for bar in kept), default=None),
            last_bar_at=max((bar.start for bar in kept), default=None),
            gaps=gaps(kept, size, hours),
        )


async def handle(command: CollectMarketData, run: Run, ports: Ports) -> Completed:
    """Keep instrument after instrument; what the pace leaves no time for is a continuation's.

    Raises GatewayNotReady when errors are all that the gateway answers.
    """
    collecting = Collecting(command, run, ports)
    names = list(dict.fromkeys(command.instruments))
    series: list[Series] = []
    for name in names:
        found = await collecting.one(name)
        if found is None:
            break
        series.append(found)
    left = tuple(names[len(series) :])
    refused = [(line.instrument, line.refusal) for line in series if line.refusal]
    failure = None
    if refused:
        first, why = refused[0]
        if len(refused) == len(series) and all(each.code == ANSWERED for _, each in refused):
            raise GatewayNotReady(why.code, why.message)
        message = f"{len(refused)} of {len(series)} have no bars; {first}: {why.message}"
        failure = Failed("instruments-refused", message)
    outcome = CollectMarketDataOutcome(
        written=sum(line.written for line in series),
        skipped=sum(line.skipped for line in series),
        series=tuple(series),
        left=len(left),
    )
    rest = command.model_copy(update={"instruments": left}) if left else None
    return Completed(outcome, failure=failure, rest=rest)


def _default_show(contract: Contract) -> WhatToShow:
    """Return what there is of every contract: a currency pair has no tape of trades."""
    return WhatToShow.MIDPOINT if contract.sec_type == FOREX else WhatToShow.TRADES


INTENT = Intent(
    name="collect-market-data",
    kind=IntentClass.READING,
    command=CollectMarketData,
    outcome=CollectMarketDataOutcome,
    handle=handle,
    example={"intent": "collect-market-data", "instruments": ["SPY", "EUR.USD"], "barSize": "30 mins"},
)
