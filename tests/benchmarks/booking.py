"""Fills of another client booked as an owner's, as a reconciliation would: else a closing waits for them."""

from collections.abc import Iterable
from pathlib import Path

import ib_insync

from tests.benchmarks.bench import ACCOUNT
from trader.adapters.ib.fills import to_fill
from trader.adapters.sqlite import SqliteStore
from trader.domain.posting import booking
from trader.ports import Create
from trader.stored import orderbook


async def book(data_dir: Path, owner: str, fills: Iterable[ib_insync.Fill]) -> None:
    """Write ``fills`` into the store of a worker."""
    booked = [booking(to_fill(fill), owner) for fill in fills]
    store = await SqliteStore.open(data_dir / "state.sqlite3")
    try:
        await store.commit([Create(orderbook.fill_path(ACCOUNT, one.stem), one.to_json()) for one in booked])
    finally:
        await store.close()
