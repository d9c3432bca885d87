"""Bars kept as Parquet files: one a series and session date, under ``bars`` in the data folder."""

import asyncio
import os
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from trader.domain.errors import Failed, StoreUnavailable
from trader.domain.market import Bar, BarSeries

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("start", "open", "high", "low", "close", "volume")


class ParquetBars:
    """The BarStore port on files that any tool reads: ``SPY-756733/30-mins/TRADES/2026-11-23.parquet``.

    A file is written beside its place and then moved there, so that whoever reads sees the old one or the
    new one, whole. Two writers of one day both add to what stood; the last one's stays.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, series: BarSeries, days: Collection[date]) -> Mapping[date, Sequence[Bar]]:
        return await asyncio.to_thread(self._read, series, days)

    async def write(self, series: BarSeries, days: Mapping[date, Sequence[Bar]]) -> None:
        await asyncio.to_thread(self._write, series, days)

    def path_of(self, series: BarSeries, day: date) -> Path:
        """Return where a day's bars are kept."""
        name = re.sub(r"[^A-Za-z0-9.]", "_", series.instrument)
        size = series.size.value.replace(" ", "-")
        folder = self._folder / f"{name}-{series.con_id}" / size / series.show.value
        return folder / f"{day.isoformat()}.parquet"

    def _read(self, series: BarSeries, days: Collection[date]) -> Mapping[date, Sequence[Bar]]:
        from pyarrow import ArrowInvalid, parquet

        found: dict[date, Sequence[Bar]] = {}
        for day in days:
            path = self.path_of(series, day)
            try:
                rows = parquet.read_table(path, columns=list(COLUMNS), partitioning=None).to_pylist()
                found[day] = [Bar(**row) for row in rows]
            except FileNotFoundError:
                continue
            except (ArrowInvalid, KeyError, TypeError):
                raise Failed(
                    "bars-damaged", f"expected bars in {path}, found it damaged; remove it, and collect again"
                ) from None
            except OSError as error:
                raise _unavailable(path, error) from None
        return found

    def _write(self, series: BarSeries, days: Mapping[date, Sequence[Bar]]) -> None:
        for day, bars in days.items():
            path = self.path_of(series, day)
            try:
                _put(path, _table(series, bars))
            except OSError as error:
                raise _unavailable(path, error) from None


def _table(series: BarSeries, bars: Sequence[Bar]) -> "pa.Table":
    import pyarrow as pa

    types = [pa.timestamp("us", tz="UTC"), *[pa.float64()] * (len(COLUMNS) - 1)]
    described = {
        "instrument": series.instrument,
        "conId": str(series.con_id),
        "barSize": series.size.value,
        "whatToShow": series.show.value,
    }
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)), metadata=described)
    columns = {name: [getattr(bar, name) for bar in bars] for name in COLUMNS}
    return pa.Table.from_pydict(columns, schema=schema)


def _put(path: Path, table: "pa.Table") -> None:
    """Write ``table`` durably in the place of whatever is at ``path``."""
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            parquet.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(beside).unlink()
        raise


def _unavailable(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        "bars-unavailable",
        f"expected to read and write {path} ({error.strerror or error}); check its disk and its folder",
    )
