"""One SQLite file behind one thread: nothing blocks the loop, writes that wait together share a sync."""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from trader.domain.errors import Retryable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

ADVICE = {
    sqlite3.SQLITE_BUSY: "another process holds it; see which one, or try again",
    sqlite3.SQLITE_FULL: "free some space on its disk",
    sqlite3.SQLITE_IOERR: "check its disk",
    sqlite3.SQLITE_READONLY: "make it and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "check that its folder exists and is readable and writable",
    sqlite3.SQLITE_CORRUPT: "restore it from a copy, or move it away to start afresh",
    sqlite3.SQLITE_NOTADB: "restore it from a copy, or move it away to start afresh",
}
"""What a person can do, by SQLite's primary result code."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables, as statements that do no harm when repeated; raise ``version`` with each change."""

    version: int
    script: str


@dataclass(frozen=True, slots=True)
class _Job:
    """A write that waits for its turn. Once started it is no longer cancelled: it happens wholly."""

    work: Work[Any]
    future: Future[Any] = field(default_factory=Future)


class Database:
    """A connection in a thread of its own. Reads and writes run in the order in which they were asked for.

    A write runs in a transaction shared with the writes that came while the last one was being synced to
    disk (group commit), within a savepoint of its own: what it raises undoes only itself. It returns after
    the sync. A cancelled call has either happened wholly or not at all when a later call is answered.

    ``unavailable`` makes the error to raise when SQLite can't do its part; after one, a write may or may
    not have happened.
    """

    def __init__(self, path: Path, unavailable: Callable[[str], Retryable]) -> None:
        self._path = path
        self._unavailable = unavailable
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=path.name)
        self._waiting: deque[_Job] = deque()
        self._connection: sqlite3.Connection
        self._watch: sqlite3.Connection
        self._opened = ExitStack()

    @classmethod
    async def open(
        cls, path: Path, schema: Schema, unavailable: Callable[[str], Retryable], *, busy_timeout_s: float = 5
    ) -> "Database":
        """Open the file, made if it does not exist, and wait up to ``busy_timeout_s`` for other processes."""
        database = cls(path, unavailable)
        try:
            await database._run(lambda: database._connect(schema, busy_timeout_s))
        except BaseException:
            await database.close()
            raise
        return database

    async def read(self, work: Work[T]) -> T:
        """Return what ``work`` reads, earlier writes included."""
        return await self._run(lambda: work(self._connection))

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in a transaction, and return its result once that is on disk."""
        job = _Job(work)
        self._waiting.append(job)
        self._submit(self._write_waiting)
        written: T = await asyncio.wrap_future(job.future)
        return written

    def version(self) -> int | None:
        """Return what changes whenever anybody commits, other processes too; None if that can't be told now.

        It takes microseconds and never waits, so that it may be asked on the loop a hundred times a second.
        """
        try:
            (version,) = self._watch.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return None
        return int(version)

    async def close(self) -> None:
        """Finish what was asked for, and close; a second time does nothing."""
        with suppress(Retryable):
            closed = self._submit(self._opened.close)
            self._thread.shutdown(wait=False)
            await asyncio.shield(asyncio.wrap_future(closed))

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.wrap_future(self._submit(call))
        except (sqlite3.Error, OSError) as error:
            raise self._translate(error) from error

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        try:
            return self._thread.submit(call)
        except RuntimeError:  # the thread was told to end
            raise self._unavailable(f"{self._path.name} is closed; open it again") from None

    def _connect(self, schema: Schema, busy_timeout_s: float) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=busy_timeout_s, isolation_level=None)
        self._connection = self._opened.enter_context(closing(connection))
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > schema.version:
            raise self._unavailable(
                f"{self._path.name} is of version {found}, and this program knows versions up to "
                f"{schema.version}; use the newer program, or another data folder"
            )
        watch = sqlite3.connect(self._path, timeout=0, check_same_thread=False)
        self._watch = self._opened.enter_context(closing(watch))
        _write_ahead(connection, busy_timeout_s)
        connection.execute("PRAGMA synchronous = FULL")
        if found < schema.version:
            connection.executescript(
                f"BEGIN IMMEDIATE; {schema.script}; PRAGMA user_version = {schema.version}; COMMIT"
            )

    def _write_waiting(self) -> None:
        """Write all that waits in one transaction; runs once for each write, mostly to find nothing left."""
        jobs = []
        while self._waiting:
            job = self._waiting.popleft()
            if job.future.set_running_or_notify_cancel():
                jobs.append(job)
        if not jobs:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            answers = [self._attempt(job) for job in jobs]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            answers = [partial(job.future.set_exception, self._translate(error)) for job in jobs]
            with suppress(sqlite3.Error):  # mostly rolled back already
                self._connection.execute("ROLLBACK")
        for answer in answers:
            answer()

    def _attempt(self, job: _Job) -> Callable[[], None]:
        """Run one write in its savepoint, and return how to answer its caller once all is on disk."""
        self._connection.execute("SAVEPOINT job")
        try:
            answer = partial(job.future.set_result, job.work(self._connection))
        except Exception as error:
            refusal = error
            if isinstance(error, sqlite3.Error):
                if not self._connection.in_transaction:  # SQLite gave up the whole of it
                    raise
                refusal = self._translate(error)
            answer = partial(job.future.set_exception, refusal)
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")
        return answer

    def _translate(self, error: Exception) -> Retryable:
        advice = ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        return self._unavailable(f"{self._path.name}: {error}" + (f"; {advice}" if advice else ""))


def _write_ahead(connection: sqlite3.Connection, busy_timeout_s: float) -> None:
    """Let the file be written ahead; the first change to that is refused at once while another looks on.

    SQLite waits for no lock here where waiting could be for each other, whatever its timeout says.
    """
    give_up_at = time.monotonic() + busy_timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up_at:
                raise
            time.sleep(0.01)
        else:
            return
