"""One SQLite file behind one thread: nothing blocks the loop, writes that wait together share a sync."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
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


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """What waits for its turn. Once started it is no longer cancelled: it happens wholly."""

    work: Callable[[], Any]
    writes: bool
    answer: asyncio.Future[Any]


Answer = tuple[asyncio.Future[Any], Any, Exception | None]
"""Who asked, and what became of it: a result, or why there is none."""


class _Thread:
    """Does in a thread of its own what is asked for, all that waits at once, and answers on the loop."""

    def __init__(self, name: str, do: Callable[[list[_Job]], Iterator[list[Answer]]]) -> None:
        self._do = do
        self._loop = asyncio.get_running_loop()
        self._asked: list[_Job] = []
        self._jobs: SimpleQueue[list[_Job] | None] = SimpleQueue()
        Thread(target=self._serve, name=name, daemon=True).start()

    def submit(self, job: _Job) -> None:
        """Have ``job`` done, with whatever else is asked for before the loop looks at its sockets again."""
        self._asked.append(job)
        if len(self._asked) == 1:
            self._loop.call_soon(self._hand_over)

    def end(self) -> None:
        """Do what was asked for, and nothing more."""
        self._hand_over()
        self._jobs.put(None)

    def _hand_over(self) -> None:
        if self._asked:
            asked, self._asked = self._asked, []
            self._jobs.put(asked)

    def _serve(self) -> None:
        ended = False
        while not ended:
            waiting = [self._jobs.get()]
            while not self._jobs.empty():
                waiting.append(self._jobs.get())
            ended = None in waiting
            jobs = [job for asked in waiting if asked for job in asked if not job.answer.cancelled()]
            for answers in self._do(jobs):
                # One call for all of them: each one wakes the loop, and takes the interpreter from it.
                if answers:
                    with suppress(RuntimeError):  # the loop is closed: nobody asks any more
                        self._loop.call_soon_threadsafe(tell, answers)


def tell(answers: list[Answer]) -> None:
    """Answer who still waits."""
    for future, result, error in answers:
        if future.cancelled():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


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
        self._thread: _Thread
        self._closed: asyncio.Future[None] | None = None
        self._connection: sqlite3.Connection
        self._watch: sqlite3.Connection
        self._opened = ExitStack()

    @classmethod
    async def open(
        cls, path: Path, schema: Schema, unavailable: Callable[[str], Retryable], *, busy_timeout_s: float = 5
    ) -> "Database":
        """Open the file, made if it does not exist, and wait up to ``busy_timeout_s`` for other processes."""
        database = cls(path, unavailable)
        database._thread = _Thread(path.name, database.perform)
        try:
            await database._ask(lambda: database._connect(schema, busy_timeout_s), writes=False)
        except BaseException:
            await database.close()
            raise
        return database

    async def read(self, work: Work[T]) -> T:
        """Return what ``work`` reads, earlier writes included."""
        found: T = await self._ask(lambda: work(self._connection), writes=False)
        return found

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in a transaction, and return its result once that is on disk."""
        written: T = await self._ask(lambda: work(self._connection), writes=True)
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
        if self._closed is None:
            self._closed = self._ask(self._opened.close, writes=False)
            self._thread.end()
        await asyncio.shield(self._closed)

    def _ask(self, work: Callable[[], Any], *, writes: bool) -> asyncio.Future[Any]:
        if self._closed is not None:
            raise self._unavailable(f"{self._path.name} is closed; open it again")
        job = _Job(work, writes, asyncio.get_running_loop().create_future())
        self._thread.submit(job)
        return job.answer

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

    def perform(self, jobs: list[_Job]) -> Iterator[list[Answer]]:
        """Do ``jobs``, and yield the answers as soon as they may be told."""
        first = next((n for n, job in enumerate(jobs) if job.writes), len(jobs))
        yield [self._read(job) for job in jobs[:first]]
        yield self._write([job for job in jobs[first:] if job.writes])
        yield [self._read(job) for job in jobs[first:] if not job.writes]

    def _read(self, job: _Job) -> Answer:
        try:
            return job.answer, job.work(), None
        except Exception as error:  # noqa: BLE001 - whoever asked shall see whatever was raised
            return job.answer, None, self._refusal(error)

    def _write(self, jobs: list[_Job]) -> list[Answer]:
        """Write all of them in one transaction; one alone needs no savepoint in it."""
        answers: list[Answer] = []
        if not jobs:
            return answers
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            one = jobs[0]
            answers = [*map(self._attempt, jobs)] if len(jobs) > 1 else [(one.answer, one.work(), None)]
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - as above
            answers = [(job.answer, None, self._refusal(error)) for job in jobs]
            with suppress(sqlite3.Error):  # mostly rolled back already
                self._connection.execute("ROLLBACK")
        return answers

    def _attempt(self, job: _Job) -> Answer:
        """Run one of several writes in its savepoint."""
        self._connection.execute("SAVEPOINT job")
        answer: Answer
        try:
            answer = job.answer, job.work(), None
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not self._connection.in_transaction:
                raise  # SQLite gave up the whole of it
            answer = job.answer, None, self._refusal(error)
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")
        return answer

    def _refusal(self, error: Exception) -> Exception:
        """Return what to raise for ``error``, with advice where SQLite or the disk refused."""
        if not isinstance(error, (sqlite3.Error, OSError)):
            return error
        advice = ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        told = self._unavailable(f"{self._path.name}: {error}" + (f"; {advice}" if advice else ""))
        told.__cause__ = error
        return told


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
