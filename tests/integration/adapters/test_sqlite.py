"""What the SQLite store promises beyond the contract: durability, shared files, failures told apart."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.process import line, python
from trader.adapters.documents import INDEXED_FIELDS
from trader.adapters.sqlite import SCHEMA, SqliteStore, query_statement
from trader.domain.errors import Failed, StoreUnavailable
from trader.ports import Create, Delete, Document, Update

A, B = "accounts/DU1/runs/a", "accounts/DU1/runs/b"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state.sqlite3"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(path, busy_timeout_s=0.05)
    yield store
    await store.close()


@contextmanager
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    """A person at the sqlite3 prompt."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def corrupt(path: Path) -> None:
    """Overwrite all but the first page."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


def damage(path: Path, data: str | bytes) -> None:
    with by_hand(path) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE documents SET data = CAST(? AS TEXT) WHERE id = 'a'", (data,))


@contextmanager
def busy_thread(store: SqliteStore) -> Iterator[Callable[[], None]]:
    """Keep the store's thread in one read until told to go on."""
    go_on = threading.Event()
    blocked = asyncio.ensure_future(store._database.read(lambda _: go_on.wait(10)))
    try:
        yield go_on.set
    finally:
        go_on.set()
        blocked.cancel()


COMMIT_AND_WAIT = """
import asyncio, sys
from pathlib import Path
from trader.adapters.sqlite import SqliteStore
from trader.ports import Create

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    for n in range(20):
        await store.commit([Create(f"accounts/DU1/runs/{n}", {"n": n})])
        print(n, flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


async def test_what_was_committed_outlives_the_death_of_its_process(path: Path) -> None:
    async with python(COMMIT_AND_WAIT, str(path)) as process:
        told = [int(await line(process)) for _ in range(20)]
        process.kill()

    store = await SqliteStore.open(path)
    found = await store.query("accounts/DU1/runs")
    await store.close()

    assert told == list(range(20))
    assert {document.data["n"] for document in found} == set(told)


async def test_each_commit_is_synced_to_disk(store: SqliteStore) -> None:
    def pragma(name: str) -> Callable[[sqlite3.Connection], object]:
        return lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert await store._database.read(pragma("synchronous")) == 2  # FULL
    assert await store._database.read(pragma("journal_mode")) == "wal"


async def test_the_data_folder_is_its_owners_alone(store: SqliteStore, path: Path) -> None:
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("fields", [(), *((name,) for name in INDEXED_FIELDS), INDEXED_FIELDS])
async def test_a_query_searches_an_index_and_neither_scans_nor_sorts(
    path: Path, fields: tuple[str, ...]
) -> None:
    store = await SqliteStore.open(path)
    await store.close()

    with by_hand(path) as connection:
        values = ("accounts/DU1/runs", *fields, *(["accounts/DU1/runs"] if fields else []), 10)
        steps = connection.execute(f"EXPLAIN QUERY PLAN {query_statement(fields)}", values).fetchall()

    merging = ("MERGE (UNION ALL)", "LEFT", "RIGHT")
    plans = [detail for *_, detail in steps if detail not in merging]
    assert len(plans) == (2 if fields else 1)
    for plan in plans:
        assert plan.startswith("SEARCH documents USING INDEX")
        assert "collection=?" in plan
        assert plan.count("=?") >= min(2, 1 + len(fields))


async def test_many_that_open_a_new_file_at_once_all_succeed(path: Path) -> None:
    stores = await asyncio.gather(*(SqliteStore.open(path) for _ in range(8)))
    await asyncio.gather(*(store.commit([Create(f"runs/{n}", {})]) for n, store in enumerate(stores)))

    assert len(await stores[0].query("runs")) == 8

    await asyncio.gather(*(store.close() for store in stores))


async def test_writes_that_wait_together_are_synced_together(store: SqliteStore) -> None:
    statements: list[str] = []
    await store._database.read(lambda connection: connection.set_trace_callback(statements.append))

    with busy_thread(store) as go_on:
        commits = [asyncio.ensure_future(store.commit([Create(f"runs/{n}", {})])) for n in range(10)]
        await asyncio.sleep(0)  # the commits are on their way
        go_on()
        await asyncio.gather(*commits)

    assert statements.count("COMMIT") == 1


async def test_writes_asked_for_in_one_turn_of_the_loop_are_synced_together(store: SqliteStore) -> None:
    statements: list[str] = []
    await store._database.read(lambda connection: connection.set_trace_callback(statements.append))
    await asyncio.gather(*(store.commit([Create(f"accounts/DU1/runs/{n}", {})]) for n in range(16)))
    await store._database.read(lambda connection: connection.set_trace_callback(None))
    assert statements.count("COMMIT") == 1


async def test_a_commit_cancelled_before_its_turn_writes_nothing(store: SqliteStore) -> None:
    with busy_thread(store) as go_on:
        cancelled = asyncio.ensure_future(store.commit([Create(A, {}), Create(B, {})]))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        go_on()

    assert await store.get(A) is None
    assert await store.get(B) is None


async def test_a_commit_cancelled_in_its_turn_is_written_whole(store: SqliteStore) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slowly(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO documents VALUES ('accounts/DU1/runs', 'a', '{}', 1)")
        started.set()
        go_on.wait(10)
        connection.execute("INSERT INTO documents VALUES ('accounts/DU1/runs', 'b', '{}', 1)")

    cancelled = asyncio.ensure_future(store._database.write(slowly))
    await asyncio.to_thread(started.wait, 10)
    cancelled.cancel()
    go_on.set()

    assert len(await store.query("accounts/DU1/runs")) == 2
    await store.commit([Create("accounts/DU1/runs/c", {})])


async def test_a_store_that_is_closed_says_so(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.close()
    await store.close()

    for call in (store.get(A), store.query("runs"), store.commit([Create(A, {})])):
        with pytest.raises(StoreUnavailable, match=r"state\.sqlite3 is closed"):
            await call


async def test_closing_finishes_what_was_asked_for(path: Path) -> None:
    store = await SqliteStore.open(path)
    commits = [asyncio.ensure_future(store.commit([Create(f"runs/{n}", {})])) for n in range(10)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*commits)

    again = await SqliteStore.open(path)
    assert len(await again.query("runs")) == 10
    await again.close()


async def test_a_file_locked_for_too_long_is_unavailable_and_then_serves_again(
    store: SqliteStore, path: Path
) -> None:
    with by_hand(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another process holds it") as refused:
            await store.commit([Create(A, {})])
        assert await store.get(A) is None  # reading goes on

    assert refused.value.code == "store-unavailable"
    await store.commit([Create(A, {})])


async def test_a_full_disk_is_unavailable_and_harms_nothing(store: SqliteStore) -> None:
    (version,) = await store.commit([Create(A, {"n": 1})])
    await store._database.read(lambda connection: connection.execute("PRAGMA max_page_count = 1"))

    with pytest.raises(StoreUnavailable, match="free some space"):
        await store.commit([Create(B, {"text": "x" * 100_000})])
    assert await store.get(B) is None

    await store._database.read(lambda connection: connection.execute("PRAGMA max_page_count = 1000000"))
    await store.commit([Update(A, {"n": 2}, version), Create(B, {"text": "x" * 100_000})])


async def test_a_file_that_is_no_database_is_unavailable(path: Path) -> None:
    write_file(path, b"this is a letter to a grandmother, not a database" * 100)

    with pytest.raises(StoreUnavailable, match=r"state\.sqlite3: file is not a database; restore it"):
        await SqliteStore.open(path)


async def test_a_corrupted_file_is_unavailable(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.commit([Create(f"runs/{n}", {"text": "x" * 3000}) for n in range(50)])
    await store.close()
    corrupt(path)

    store = await SqliteStore.open(path)
    with pytest.raises(StoreUnavailable, match="restore it from a copy"):
        await store.get("runs/1")
    await store.close()


async def test_a_folder_in_place_of_the_file_is_unavailable(path: Path) -> None:
    write_file(path / "inside", b"")

    with pytest.raises(StoreUnavailable, match="check that its folder exists"):
        await SqliteStore.open(path)


async def test_a_file_in_place_of_the_folder_is_unavailable(path: Path) -> None:
    write_file(path.parent, b"")

    with pytest.raises(StoreUnavailable, match="File exists"):
        await SqliteStore.open(path)


async def test_a_file_of_a_newer_version_is_refused_in_one_line(path: Path) -> None:
    write_file(path, b"")
    with by_hand(path) as connection:
        connection.execute("PRAGMA user_version = 7")

    with pytest.raises(StoreUnavailable) as refused:
        await SqliteStore.open(path)

    assert refused.value.message == (
        f"state.sqlite3 is of version 7, and this program knows versions up to {SCHEMA.version}; "
        "use the newer program, or another data folder"
    )


async def test_a_slip_at_the_prompt_does_not_damage_a_document(store: SqliteStore, path: Path) -> None:
    await store.commit([Create(A, {"state": "running"})])

    with by_hand(path) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("""UPDATE documents SET data = '{"state": "run' WHERE id = 'a'""")


@pytest.mark.parametrize("data", ['{"state": "run', "", "[]", '"text"', "7", b'\xff{"state": "running"}'])
async def test_a_damaged_document_is_found_by_every_query_and_named_and_harms_no_other(
    store: SqliteStore, path: Path, data: str | bytes
) -> None:
    (a, _) = await store.commit([Create(A, {"state": "running"}), Create(B, {"state": "running"})])
    damage(path, data)

    b = await store.get(B)
    assert b is not None
    for where in (None, {"state": "running"}, {"state": "running", "order": "x"}):
        found, *others = await store.query("accounts/DU1/runs", where=where)
        assert (found.path, found.version) == (A, a)
        with pytest.raises(Failed) as refused:
            _ = found.data
        assert refused.value.code == "document-damaged"
        assert refused.value.message.startswith(f"{A}: expected a JSON object, found ")
        assert others == ([] if where and "order" in where else [b])
    await store.commit([Delete(A, a), Update(B, {}, b.version)])


async def test_a_document_mended_by_hand_is_read_again(store: SqliteStore, path: Path) -> None:
    (version,) = await store.commit([Create(A, {"state": "running"})])
    damage(path, "{")
    damage(path, '{"state": "ended"}')

    assert await store.query("accounts/DU1/runs", where={"state": "ended"}) == [
        Document(A, {"state": "ended"}, version)
    ]
