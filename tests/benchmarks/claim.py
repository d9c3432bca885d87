"""A claim with few runs stored, and with up to a million: it must not grow with what a worker has done."""

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.benchmarks.bench import ACCOUNT, Bench, Broken
from tests.benchmarks.measuring import Bound, Compared, Mark, Row, alternating
from tests.support.deliveries import delivery
from trader.adapters.clock import SystemClock
from trader.adapters.sqlite import SqliteStore
from trader.discovery import find_intents
from trader.runs import runs
from trader.runs.decoding import decode
from trader.runs.lease import Lease

TIMES = 1.2
COLLECTION = f"accounts/{ACCOUNT}/runs"
SEED = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
INSERT INTO documents SELECT ?, lower(hex(randomblob(20))), ?, n FROM numbers
"""


class Claims:
    """A store with so many runs, and claims of runs that are new to it."""

    def __init__(self, runner: asyncio.Runner, path: Path, count: int) -> None:
        self._runner = runner
        self._clock = SystemClock()
        self._intents = find_intents()
        self.store = runner.run(SqliteStore.open(path))
        self.claim_ms(1)
        claimed = runner.run(self.store.query(COLLECTION))[0].data
        runner.run(self.store.close())
        _seed(path, json.dumps({**claimed, "state": "reported", "lease": None}), count - 1)
        self.store = runner.run(SqliteStore.open(path))

    def claim_ms(self, count: int) -> float:
        """Return the median of so many claims."""
        return self._runner.run(self._claim_ms(count))

    async def _claim_ms(self, count: int) -> float:
        times = []
        for n in range(count):
            message = delivery({"intent": "summary"}, published_at=self._clock.now())
            request, lease = decode(message, self._intents, ACCOUNT), Lease(nonce=str(n), worker="benchmark")
            began = perf_counter()
            owned = await runs.create(self.store, self._clock, ACCOUNT, request, message, lease)
            times.append(perf_counter() - began)
            if not isinstance(owned, runs.OwnedRun):
                raise Broken(f"expected a claim of {request.key.text}, found it taken")
        return median(times) * 1000


def measure(bench: Bench) -> list[Row]:
    """Return a row for each larger store, beside the smallest."""
    few, many = 100, ((10_000,) if bench.quick else (100_000, 1_000_000))
    claims = bench.sized(50, 200)
    with asyncio.Runner() as runner:
        stores = [Claims(runner, bench.fresh_folder() / "state.sqlite3", n) for n in (few, *many)]
        smallest, *larger = alternating(
            bench.rounds, *(lambda store=store: store.claim_ms(claims) for store in stores)
        )
        for each in stores:
            runner.run(each.store.close())
    return [
        Row(
            f"claim with {count:,} runs stored, p50",
            "ms",
            found,
            f"with {few:,}",
            smallest,
            Compared.TIMES,
            Mark(Bound.AT_MOST, TIMES),
        )
        for count, found in zip(many, larger, strict=True)
    ]


def _seed(path: Path, run: str, count: int) -> None:
    """Copy a run that has ended so many times, and leave nothing of it to be written while others measure."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -1000000")
        connection.execute(SEED, (count, COLLECTION, run))
        connection.execute("UPDATE versions SET last = last + ?", (count,))
    with path.open("rb") as file:
        os.fsync(file.fileno())
