"""A reader of one Pub/Sub subscription that is its own."""

from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

from google.api_core import exceptions as api
from google.pubsub_v1.services.subscriber import SubscriberAsyncClient
from google.pubsub_v1.types import ReceivedMessage as Pulled

from trader.adapters.google.calls import Unavailable, bounded, retry
from trader.domain.errors import TopicUnavailable
from trader.ports import ReceivedMessage

CALL_S = 10.0
PULL_S = 2.5
"""How long one pull waits for a message. Pub/Sub itself may answer empty earlier."""
AT_ONCE = 500
EMPTY_PULLS = 2
"""How many pulls that bring nothing say that nothing is left: one alone proves little."""
REMEMBERED = 10_000


class PubsubSubscription:
    """The Subscription port. Messages come once, those of one pull in the order of their publication.

    They are acknowledged as they are pulled: the subscription serves this reader alone, and ends with it.
    """

    def __init__(self, client: SubscriberAsyncClient, name: str, unavailable: Unavailable) -> None:
        self._client = client
        self._name = name
        self._unavailable = unavailable
        self._seen: dict[str, None] = {}
        self._waiting: deque[ReceivedMessage] = deque()  # pulled, and not yielded yet

    async def follow(self, *, wait: bool) -> AsyncIterator[ReceivedMessage]:
        """Yield what has come since the last call; with ``wait`` go on as new ones come."""
        if not wait:
            await self._pull_all()
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if not wait:
                return
            self._waiting.extend(await self._pull())

    async def close(self) -> None:
        """Remove the subscription; where that fails, Pub/Sub does so after a day without use."""
        with suppress(TopicUnavailable):
            await bounded(
                lambda: self._client.delete_subscription(
                    subscription=self._name, retry=retry(CALL_S), timeout=CALL_S
                ),
                CALL_S,
                self._name,
                self._unavailable,
            )

    async def _pull_all(self) -> None:
        empty = 0
        while empty < EMPTY_PULLS:
            pulled = await self._pull()
            self._waiting = deque(_in_order([*self._waiting, *pulled]))
            empty = 0 if pulled else empty + 1

    async def _pull(self) -> list[ReceivedMessage]:
        async def call() -> Iterable[Pulled]:
            try:
                answer = await self._client.pull(
                    subscription=self._name, max_messages=AT_ONCE, retry=None, timeout=PULL_S
                )
            except api.DeadlineExceeded:  # nothing came
                return ()
            pulled = answer.received_messages
            if pulled:
                await self._client.acknowledge(
                    subscription=self._name,
                    ack_ids=[each.ack_id for each in pulled],
                    retry=retry(CALL_S),
                    timeout=CALL_S,
                )
            return pulled

        pulled = await bounded(call, PULL_S + CALL_S, self._name, self._unavailable)
        return _in_order([self._received(each) for each in pulled if self._is_new(each.message.message_id)])

    def _is_new(self, message_id: str) -> bool:
        if message_id in self._seen:
            return False
        self._seen[message_id] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True

    def _received(self, pulled: Pulled) -> ReceivedMessage:
        message = pulled.message
        return ReceivedMessage(
            message.message_id, message.data, dict(message.attributes), message.publish_time
        )


def _in_order(messages: Iterable[ReceivedMessage]) -> list[ReceivedMessage]:
    return sorted(messages, key=lambda message: (message.published_at, len(message.id), message.id))
