"""Fills of another client booked as an owner's, as a reconciliation would: else a closing waits for them."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import ib_insync

from tests.benchmarks.bench import ACCOUNT
from trader.adapters.sqlite import SqliteStore
from trader.domain.ledger import BookedFill, stem_of
from trader.ports import Create
from trader.stored import orderbook


async def book(data_dir: Path, owner: str, fills: Iterable[ib_insync.Fill]) -> None:
    """Write ``fills`` into the store of a worker."""
    booked = [_booked(owner, fill) for fill in fills]
    store = await SqliteStore.open(data_dir / "state.sqlite3")
    try:
        await store.commit(
            [Create(orderbook.fill_path(ACCOUNT, fill.stem), fill.to_json()) for fill in booked]
        )
    finally:
        await store.close()


def _booked(owner: str, fill: ib_insync.Fill) -> BookedFill:
    execution, contract = fill.execution, fill.contract
    quantity = Decimal(execution.shares) * (1 if execution.side == "BOT" else -1)
    return BookedFill(
        stem=stem_of(execution.execId),
        exec_id=execution.execId,
        order="",
        con_id=contract.conId,
        instrument=contract.symbol,
        sec_type=contract.secType,
        currency=contract.currency,
        quantity=quantity,
        price=Decimal(str(execution.price)),
        at=execution.time,
        shares={owner: quantity},
    )
