"""Trouble with a SQLite file: a commit that is on disk and reports an error, a file that another holds."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from trader.adapters.database import Database


class _Losing:
    """A connection whose next COMMIT is done, and then reported as an error."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self.real = real

    def execute(self, statement: str, *given: Any) -> sqlite3.Cursor:
        cursor = self.real.execute(statement, *given)
        if statement == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@contextmanager
def losing_a_reply(database: Database) -> Iterator[None]:
    """Let what is committed be reported as an error."""
    real = database._connection
    database._connection = _Losing(real)  # type: ignore[assignment]
    try:
        yield
    finally:
        database._connection = real


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the file as another process would that writes and doesn't end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
