"""Bars on disk: what is written is read again, whole, by this program and by others."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyarrow import parquet

from tests.support.market import bars
from trader.adapters.parquet import ParquetBars
from trader.domain.errors import Failed, StoreUnavailable
from trader.domain.market import BarSeries, BarSize, WhatToShow

SERIES = BarSeries("BRK B", 72063691, BarSize.MINUTES_30, WhatToShow.TRADES)
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
FIRST = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    store, kept = ParquetBars(tmp_path), bars(FIRST, [1.5, 2.25])
    await store.write(SERIES, {MONDAY: kept})
    assert await store.read(SERIES, [MONDAY, TUESDAY]) == {MONDAY: list(kept)}
    assert await ParquetBars(tmp_path).read(SERIES, [MONDAY]) == {MONDAY: list(kept)}


async def test_each_series_and_day_has_its_file_that_any_tool_reads(tmp_path: Path) -> None:
    store = ParquetBars(tmp_path)
    await store.write(SERIES, {MONDAY: bars(FIRST, [1.5]), TUESDAY: bars(FIRST, [2.5])})
    names = sorted(str(path.relative_to(tmp_path)) for path in files_in(tmp_path))
    folder = "BRK_B-72063691/30-mins/TRADES"
    assert names == [f"{folder}/2026-11-23.parquet", f"{folder}/2026-11-24.parquet"]
    table = parquet.read_table(tmp_path / names[0])
    assert table.column_names == ["start", "open", "high", "low", "close", "volume"]
    assert str(table.schema.field("start").type) == "timestamp[us, tz=UTC]"
    assert table.schema.metadata[b"instrument"] == b"BRK B"


async def test_the_same_bars_are_the_same_bytes(tmp_path: Path) -> None:
    store, path = ParquetBars(tmp_path), ParquetBars(tmp_path).path_of(SERIES, MONDAY)
    await store.write(SERIES, {MONDAY: bars(FIRST, [1.5, 2.5])})
    before = path.read_bytes()
    await store.write(SERIES, {MONDAY: bars(FIRST, [1.5, 2.5])})
    assert path.read_bytes() == before


async def test_writers_at_once_leave_one_whole_file_and_nothing_beside_it(tmp_path: Path) -> None:
    store = ParquetBars(tmp_path)
    await asyncio.gather(*(store.write(SERIES, {MONDAY: bars(FIRST, [float(n)] * n)}) for n in range(1, 9)))
    (kept,) = (await store.read(SERIES, [MONDAY])).values()
    assert {bar.close for bar in kept} == {float(len(kept))}
    assert len(files_in(tmp_path)) == 1


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    store, path = ParquetBars(tmp_path), ParquetBars(tmp_path).path_of(SERIES, MONDAY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not parquet")
    with pytest.raises(Failed) as failed:
        await store.read(SERIES, [MONDAY])
    assert failed.value.code == "bars-damaged"
    assert str(path) in failed.value.message


async def test_a_folder_that_cannot_be_written_is_told_and_may_pass(tmp_path: Path) -> None:
    (tmp_path / "bars").write_text("in the way")
    with pytest.raises(StoreUnavailable) as unavailable:
        await ParquetBars(tmp_path / "bars").write(SERIES, {MONDAY: bars(FIRST, [1.0])})
    assert unavailable.value.code == "bars-unavailable"
