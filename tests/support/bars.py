"""Bars kept in memory, for worlds that a test makes by the hundred."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from trader.domain.market import Bar, BarSeries


class BarsInMemory:
    """The BarStore port."""

    def __init__(self) -> None:
        self.kept: dict[tuple[BarSeries, date], Sequence[Bar]] = {}
        self.writes = 0

    async def read(self, series: BarSeries, days: Collection[date]) -> Mapping[date, Sequence[Bar]]:
        return {day: self.kept[series, day] for day in days if (series, day) in self.kept}

    async def write(self, series: BarSeries, days: Mapping[date, Sequence[Bar]]) -> None:
        for day, bars in days.items():
            self.kept[series, day] = tuple(bars)
            self.writes += 1
