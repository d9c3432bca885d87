"""The dead letters in Pub/Sub: pulled and held while someone looks, given back unless they are removed."""

from contextlib import suppress
from datetime import datetime

from google.api_core import exceptions as api
from google.pubsub_v1.services.subscriber import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import PullResponse

from trader.adapters.google.calls import bounded, retry
from trader.adapters.google.channel import Connection
from trader.domain.errors import TopicUnavailable
from trader.ports import ReceivedMessage

CALL_S = 10.0
PULL_S = 2.5
AT_ONCE = 500
HOLD_S = 300
"""How long a letter that is held is nobody else's; whoever is killed meanwhile has lost nothing."""
EMPTY_PULLS = 2


class PubsubDeadLetters:
    """The DeadLetters port, over the pull subscription ``name`` of the dead letters' topic."""

    def __init__(self, project: str, name: str, *, emulator: str | None = None) -> None:
        self._name = f"projects/{project}/subscriptions/{name}"
        transport = SubscriberGrpcAsyncIOTransport
        self._subscriber = Connection(
            transport, lambda channel: SubscriberAsyncClient(transport=transport(channel=channel)), emulator
        )
        self._held: dict[str, str] = {}  # acknowledgement ids by message

    async def letters(self) -> list[ReceivedMessage]:
        """Return what lies there, the oldest first; raises TopicUnavailable."""
        found: dict[str, ReceivedMessage] = {}
        empty = 0
        while empty < EMPTY_PULLS:
            answer = await self._pull()
            fresh = [each for each in answer.received_messages if each.message.message_id not in found]
            for each in fresh:
                message = each.message
                self._held[message.message_id] = each.ack_id
                at: datetime = message.publish_time
                found[message.message_id] = ReceivedMessage(
                    message.message_id, message.data, dict(message.attributes), at
                )
            await self._hold([each.ack_id for each in fresh], HOLD_S)
            empty = 0 if fresh else empty + 1
        return sorted(found.values(), key=lambda message: (message.published_at, message.id))

    async def remove(self, letter: str) -> None:
        """Acknowledge a letter; raises TopicUnavailable."""
        client = await self._client()
        await bounded(
            lambda: client.acknowledge(
                subscription=self._name, ack_ids=[self._held[letter]], retry=retry(CALL_S), timeout=CALL_S
            ),
            CALL_S,
            self._name,
            _unavailable,
        )
        del self._held[letter]

    async def close(self) -> None:
        """Give the other letters back at once; where that fails, they are free again when the hold ends."""
        with suppress(TopicUnavailable):
            await self._hold(list(self._held.values()), 0)
        await self._subscriber.close()

    async def _client(self) -> SubscriberAsyncClient:
        return await bounded(self._subscriber.client, CALL_S, self._name, _unavailable)

    async def _pull(self) -> PullResponse:
        client = await self._client()

        async def call() -> PullResponse:
            try:
                return await client.pull(
                    subscription=self._name, max_messages=AT_ONCE, retry=None, timeout=PULL_S
                )
            except api.DeadlineExceeded:  # nothing came
                return PullResponse()

        return await bounded(call, PULL_S + CALL_S, self._name, _unavailable)

    async def _hold(self, ack_ids: list[str], seconds: int) -> None:
        if not ack_ids:
            return
        client = await self._client()
        await bounded(
            lambda: client.modify_ack_deadline(
                subscription=self._name,
                ack_ids=ack_ids,
                ack_deadline_seconds=seconds,
                retry=retry(CALL_S),
                timeout=CALL_S,
            ),
            CALL_S,
            self._name,
            _unavailable,
        )


def _unavailable(suffix: str, message: str) -> TopicUnavailable:
    return TopicUnavailable(f"topic-{suffix}", message)
