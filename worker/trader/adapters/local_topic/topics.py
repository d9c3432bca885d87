"""Topics in one SQLite file, which several processes may share: publishing and following."""

import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from trader.adapters.database import Database, Schema
from trader.domain.errors import TopicUnavailable
from trader.domain.wire import write_time
from trader.ports import Clock, OutgoingMessage, ReceivedMessage, Topic

DEAD_LETTERS = "intents-dead-letter"
PUSHED = Topic.INTENTS
"""The topic with a push subscription: each of its messages waits in ``deliveries`` until acknowledged."""

RETENTION = timedelta(days=7)
"""How long a message stays once nobody waits for it, as in Pub/Sub; dead letters stay for good."""

SCHEMA = Schema(
    version=1,
    script="""
    CREATE TABLE IF NOT EXISTS messages (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      topic TEXT NOT NULL,
      data BLOB NOT NULL,
      attributes TEXT NOT NULL CHECK (json_valid(attributes)),
      published_at TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS messages_by_topic ON messages (topic, id);
    CREATE TABLE IF NOT EXISTS deliveries (
      message_id INTEGER PRIMARY KEY REFERENCES messages (id),
      attempts INTEGER NOT NULL
    );
    """,
)

# An id is the time in microseconds, moved on where that is taken: as long as Pub/Sub's, in the order of the
# commits, and no message of a new file takes the id, and so the run, of one in a file that was removed.
INSERT = """
INSERT INTO messages (id, topic, data, attributes, published_at)
VALUES (max(?, 1 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0)), ?, ?, ?, ?)
"""
COLUMNS = "id, data, attributes, published_at"
PAGE = f"SELECT {COLUMNS} FROM messages WHERE topic = ? AND id > ? ORDER BY id LIMIT 100"  # noqa: S608

Row = tuple[int, bytes, str, str]


class LocalTopics:
    """The Publisher port, and what is needed to follow the topics; serves whether or not a worker runs."""

    def __init__(self, database: Database, clock: Clock, poll_s: float) -> None:
        self.database = database
        self.clock = clock
        self.poll_s = poll_s

    @classmethod
    async def open(
        cls, path: Path, clock: Clock, *, poll_s: float = 0.01, busy_timeout_s: float = 5
    ) -> "LocalTopics":
        """Open the file, made if it does not exist; raises TopicUnavailable.

        Followers and pushes look for other processes' messages every ``poll_s``.
        """
        unavailable = partial(TopicUnavailable, "topic-unavailable")
        return cls(
            await Database.open(path, SCHEMA, unavailable, busy_timeout_s=busy_timeout_s), clock, poll_s
        )

    async def close(self) -> None:
        """Finish what was asked for, and close."""
        await self.database.close()

    async def publish(self, message: OutgoingMessage) -> str:
        """Publish durably and return the message's id, greater than any before; raises TopicUnavailable."""
        at = self.clock.now()

        def insert(connection: sqlite3.Connection) -> int:
            message_id = put(connection, message.topic, message.data, dict(message.attributes), at)
            if message.topic is PUSHED:
                connection.execute("INSERT INTO deliveries VALUES (?, 0)", (message_id,))
            return message_id

        return str(await self.database.write(insert))

    def subscription(self, topic: Topic, *, after: str = "0") -> "LocalSubscription":
        """Return a reader of what is kept and what comes, later than the message ``after`` of any topic."""
        return LocalSubscription(self, topic, after)

    async def results(self, *, past: bool) -> "LocalSubscription":
        """Return a reader of the results that come from now on, and with ``past`` of those that are kept."""
        return self.subscription(Topic.RESULTS, after="0" if past else await self._last_id())

    async def _last_id(self) -> str:
        last = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'messages'"
        (message_id,) = await self.database.read(lambda connection: connection.execute(last).fetchone())
        return str(message_id)

    async def dead_letters(self) -> list[ReceivedMessage]:
        """Return what could not be delivered, the oldest first, with Pub/Sub's attributes of dead letters."""
        return [message async for message in LocalSubscription(self, DEAD_LETTERS, "0").follow(wait=False)]


class LocalDeadLetters:
    """The DeadLetters port."""

    def __init__(self, topics: LocalTopics) -> None:
        self._topics = topics

    async def letters(self) -> list[ReceivedMessage]:
        return await self._topics.dead_letters()

    async def remove(self, letter: str) -> None:
        remove = "DELETE FROM messages WHERE id = ? AND topic = ?"
        await self._topics.database.write(
            lambda connection: connection.execute(remove, (int(letter), DEAD_LETTERS)).rowcount
        )

    async def close(self) -> None:
        await self._topics.close()


class LocalSubscription:
    """The Subscription port, from a given message on."""

    def __init__(self, topics: LocalTopics, topic: str, after: str) -> None:
        self._topics = topics
        self._topic = topic
        self._after = int(after)

    async def follow(self, *, wait: bool) -> AsyncIterator[ReceivedMessage]:
        """Yield what came since the last call, in the order of publication; with ``wait`` go on."""
        database = self._topics.database
        while True:
            version = database.version()
            while rows := await database.read(partial(_page, topic=self._topic, after=self._after)):
                for row in rows:
                    self._after = row[0]
                    yield received(row)
            if not wait:
                return
            await self._topics.clock.sleep(self._topics.poll_s)
            while version is not None and version == database.version():
                await self._topics.clock.sleep(self._topics.poll_s)

    async def close(self) -> None:
        """Do nothing: the topics' own file is all there is."""


def _page(connection: sqlite3.Connection, topic: str, after: int) -> list[Row]:
    return connection.execute(PAGE, (topic, after)).fetchall()


def put(
    connection: sqlite3.Connection, topic: str, data: bytes, attributes: dict[str, str], at: datetime
) -> int:
    """Insert a message and return its id."""
    text = json.dumps(attributes, ensure_ascii=False)
    inserted = connection.execute(INSERT, (microseconds(at), topic, data, text, write_time(at)))
    assert inserted.lastrowid is not None  # noqa: S101 - an INSERT of one row has it
    return inserted.lastrowid


def microseconds(at: datetime) -> int:
    """Return the least id of a message published at ``at``."""
    return round(at.timestamp() * 1_000_000)


def received(row: Row) -> ReceivedMessage:
    """Return the message of a row of ``COLUMNS``."""
    message_id, data, attributes, published_at = row
    return ReceivedMessage(
        str(message_id), data, json.loads(attributes), datetime.fromisoformat(published_at)
    )
