"""`trader holdings`: ours by strategy, and the broker's positions as they were last looked at."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.desk import position
from tests.support.orders import NOON, SPY
from trader.adapters.sqlite import SqliteStore
from trader.domain.ledger import BookedFill
from trader.domain.portfolio import Account, Position
from trader.domain.snapshot import Snapshot
from trader.ports import Create, Write
from trader.stored import records
from trader.stored.orderbook import fill_path

Trader = Callable[..., Any]
MINUTE = timedelta(minutes=1)


def fill(stem: str, at: datetime = NOON, con_id: int = SPY.con_id, **shares: int) -> Write:
    """Return the write of an execution that strategies share."""
    booked = BookedFill(
        stem=stem,
        exec_id=f"{stem}.01",
        order="i1",
        con_id=con_id,
        instrument="SPY" if con_id == SPY.con_id else "VIXY",
        currency="USD",
        quantity=Decimal(sum(shares.values())),
        price=Decimal(100),
        at=at,
        shares={name: Decimal(part) for name, part in shares.items()},
    )
    return Create(fill_path("DU1", stem), booked.to_json())


def snapshot(*positions: Position, at: datetime = NOON + MINUTE) -> Write:
    """Return the write of what reconcile saw."""
    seen = Snapshot(
        run="id/noon",
        at=at,
        positions=positions,
        open_orders=(),
        account=Account(id="DU1", base_currency="USD", values=()),
    )
    return Create(f"accounts/DU1/snapshots/{at:%H%M%S}", seen.to_json())


def stored(data_dir: Path, *writes: Write) -> None:
    async def commit() -> None:
        store = await SqliteStore.open(data_dir / "state.sqlite3")
        await records.remember_account(store, "DU1", NOON)
        await store.commit(writes)
        await store.close()

    data_dir.mkdir(exist_ok=True)
    asyncio.run(commit())


def contracts(trader: Trader, code: int = 0) -> dict[str, Any]:
    said = trader("holdings", "--json")
    assert said.code == code
    return {contract["instrument"]: contract for contract in json.loads(said.out)["contracts"]}


def test_each_strategys_part_stands_beside_the_brokers_position(trader: Trader, data_dir: Path) -> None:
    stored(
        data_dir,
        fill("a", alpha=10, beta=-4),
        fill("b", con_id=7, beta=3),
        snapshot(position(6), position(3, 7)),
    )
    found = contracts(trader)
    assert found["SPY"]["holdings"] == {"alpha": "10", "beta": "-4"}
    assert (found["SPY"]["ours"], found["SPY"]["theirs"]) == ("6", "6")
    assert found["VIXY"]["holdings"] == {"beta": "3"}
    head, *rows, foot = trader("holdings").out.splitlines()
    assert head.split() == ["contract", "alpha", "beta", "ours", "broker"]
    assert sorted(row.split() for row in rows) == [["SPY", "10", "-4", "6", "6"], ["VIXY", "3", "3", "3"]]
    assert foot == "the broker's positions are of 2026-11-23 17:01:00 UTC"


def test_a_difference_is_a_finding(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, fill("a", alpha=10), snapshot(position(7)))
    assert contracts(trader, code=1)["SPY"]["theirs"] == "7"
    assert "differs" in trader("holdings").out


def test_a_position_that_our_books_do_not_know_is_one_too(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, snapshot(position(7)))
    assert contracts(trader, code=1)["SPY"]["holdings"] == {}


def test_what_was_traded_since_need_not_agree(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, fill("a", alpha=10), fill("b", NOON + 2 * MINUTE, alpha=5), snapshot(position(10)))
    assert contracts(trader)["SPY"]["tradedSince"] is True
    assert "traded since" in trader("holdings").out


def test_the_latest_look_counts(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, fill("a", alpha=10), snapshot(position(10)), snapshot(position(9), at=NOON + 5 * MINUTE))
    assert contracts(trader, code=1)["SPY"]["theirs"] == "9"


def test_while_nobody_has_looked_it_says_how(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, fill("a", alpha=10))
    assert contracts(trader)["SPY"]["theirs"] is None
    assert "trader publish reconcile --wait" in trader("holdings").out


def test_what_is_closed_is_not_shown(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, fill("a", alpha=10), fill("b", alpha=-10), snapshot())
    assert contracts(trader) == {}
    assert (
        trader("holdings").out == "nothing is held; the broker's positions are of 2026-11-23 17:01:00 UTC\n"
    )


def test_a_damaged_snapshot_is_one_line(trader: Trader, data_dir: Path) -> None:
    stored(data_dir, Create("accounts/DU1/snapshots/x", {"at": "2026-11-23T17:00:00.000000Z"}))
    said = trader("holdings")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "document-damaged" in said.err
