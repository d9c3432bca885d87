"""What the push subscription still has to deliver, durably."""

import sqlite3
from dataclasses import dataclass

from trader.adapters.local_topic.topics import (
    COLUMNS,
    DEAD_LETTERS,
    RETENTION,
    LocalTopics,
    microseconds,
    put,
    received,
)
from trader.domain.wire import write_time
from trader.ports import ReceivedMessage

PROJECT = "local"

WAITING = "SELECT message_id FROM deliveries WHERE message_id > ? ORDER BY message_id"
COUNT = "UPDATE deliveries SET attempts = attempts + 1 WHERE message_id = ?"
GET = f"SELECT {COLUMNS}, attempts FROM messages JOIN deliveries ON message_id = id WHERE id = ?"  # noqa: S608
REMOVE = "DELETE FROM deliveries WHERE message_id = ?"
FORGET = "DELETE FROM messages WHERE id < ? AND topic <> ? AND id NOT IN (SELECT message_id FROM deliveries)"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver a message, counted from 1."""

    message: ReceivedMessage
    attempt: int


class Deliveries:
    """The messages of the pushed topic that nobody has acknowledged, and how often each was tried."""

    def __init__(self, topics: LocalTopics) -> None:
        self._database = topics.database
        self._clock = topics.clock

    async def waiting(self, after: int) -> list[int]:
        """Return the ids of the unacknowledged messages later than ``after``, the oldest first."""
        rows = await self._database.read(lambda c: c.execute(WAITING, (after,)).fetchall())
        return [message_id for (message_id,) in rows]

    async def begin(self, message_id: int) -> Delivery | None:
        """Count one more attempt, on disk before it is made; None if the message is acknowledged by now."""

        def begin(connection: sqlite3.Connection) -> Delivery | None:
            connection.execute(COUNT, (message_id,))
            row = connection.execute(GET, (message_id,)).fetchone()
            return None if row is None else Delivery(received(row[:-1]), row[-1])

        return await self._database.write(begin)

    async def acknowledge(self, message_id: int) -> None:
        """Never deliver the message again."""
        await self._database.write(lambda connection: _remove(connection, message_id))

    async def bury(self, delivery: Delivery, subscription: str) -> None:
        """Move the message to the dead letters, with the attributes that Pub/Sub adds to them."""
        message = delivery.message
        attributes = {
            **message.attributes,
            "CloudPubSubDeadLetterSourceDeliveryCount": str(delivery.attempt),
            "CloudPubSubDeadLetterSourceSubscription": subscription,
            "CloudPubSubDeadLetterSourceSubscriptionProject": PROJECT,
            "CloudPubSubDeadLetterSourceTopicPublishTime": write_time(message.published_at),
        }
        now = self._clock.now()

        def move(connection: sqlite3.Connection) -> None:
            if _remove(connection, int(message.id)):
                put(connection, DEAD_LETTERS, message.data, attributes, now)

        await self._database.write(move)

    async def forget_old(self) -> None:
        """Remove the messages past their retention that wait for nobody."""
        limit = microseconds(self._clock.now() - RETENTION)
        await self._database.write(
            lambda connection: connection.execute(FORGET, (limit, DEAD_LETTERS)).rowcount
        )


def _remove(connection: sqlite3.Connection, message_id: int) -> bool:
    return connection.execute(REMOVE, (message_id,)).rowcount == 1
