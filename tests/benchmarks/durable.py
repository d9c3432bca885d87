"""What durability costs by itself: rows written by bare sqlite3, each on disk before the next begins."""

import sqlite3
from pathlib import Path

ROW = "x" * 4000
"""About as long as what a summary leaves behind."""


class Commits:
    """A file as the worker's store has it: written ahead, and synced with each commit."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS rows (data TEXT NOT NULL)")

    def commit(self) -> None:
        """Write one row; returns when it is on disk."""
        self._connection.execute("INSERT INTO rows VALUES (?)", (ROW,))

    def close(self) -> None:
        self._connection.close()
