"""Topics in Pub/Sub: publishing with bounded retries, and reading the results topic."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

from google.pubsub_v1.services.publisher import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import (
    ExpirationPolicy,
    PublishRequest,
    PublishResponse,
    PubsubMessage,
    SeekRequest,
)
from google.pubsub_v1.types import Subscription as SubscriptionMessage

from trader.adapters.google.calls import bounded, retry
from trader.adapters.google.channel import Connection
from trader.adapters.google.subscription import PubsubSubscription
from trader.domain.errors import TopicUnavailable
from trader.ports import Clock, OutgoingMessage, Topic

PUBLISH_S = 20.0
ATTEMPT_S = 5.0
CALL_S = 10.0

HISTORY = timedelta(days=7)
"""How far back a reader looks, as far as the topic keeps its messages."""
UNUSED = timedelta(days=1)
"""After what time Pub/Sub removes the subscription of a reader that ended without doing so; its least."""


class PubsubTopics:
    """The Publisher port, and readers of the results; ``names`` are the topics' in ``project``.

    A publication whose reply was lost is made again, with another message id: the event's own id tells that
    the two are one. Ordering is off: nothing here depends on it, and one that fails would block the rest.
    """

    def __init__(
        self,
        project: str,
        names: Mapping[Topic, str],
        clock: Clock,
        *,
        emulator: str | None = None,
        publish_s: float = PUBLISH_S,
        attempt_s: float = ATTEMPT_S,
    ) -> None:
        self._project = project
        self._names = names
        self._clock = clock
        self._publish_s = publish_s
        self._attempt_s = attempt_s
        publishing, subscribing = PublisherGrpcAsyncIOTransport, SubscriberGrpcAsyncIOTransport
        self._publisher = Connection(
            publishing, lambda channel: PublisherAsyncClient(transport=publishing(channel=channel)), emulator
        )
        self._subscriber = Connection(
            subscribing,
            lambda channel: SubscriberAsyncClient(transport=subscribing(channel=channel)),
            emulator,
        )

    async def close(self) -> None:
        """End the connections."""
        await self._publisher.close()
        await self._subscriber.close()

    async def publish(self, message: OutgoingMessage) -> str:
        """Publish durably and return the message's id; raises TopicUnavailable."""
        topic = self._topic(message.topic)
        sent = PubsubMessage(data=message.data, attributes=dict(message.attributes))
        request = PublishRequest(topic=topic, messages=[sent])

        async def call() -> PublishResponse:
            client = await self._publisher.client()
            return await client.publish(request, retry=retry(self._publish_s), timeout=self._attempt_s)

        answer = await bounded(call, self._publish_s, topic, _unavailable)
        return str(answer.message_ids[0])

    async def results(self, *, past: bool) -> PubsubSubscription:
        """Open a reader of what comes from now on, and with ``past`` of what is kept.

        Each reader has a subscription of its own, so that two of them don't share the messages out.
        Raises TopicUnavailable.
        """
        topic = self._topic(Topic.RESULTS)
        name = f"projects/{self._project}/subscriptions/results-console-{uuid4().hex[:12]}"
        wanted = SubscriptionMessage(
            name=name, topic=topic, expiration_policy=ExpirationPolicy(ttl=UNUSED), ack_deadline_seconds=60
        )
        since = SeekRequest(subscription=name, time=self._clock.now() - HISTORY)
        client = await bounded(self._subscriber.client, CALL_S, name, _unavailable)

        async def open_subscription() -> None:
            # Not repeated: the reply to a first one that was made would be "already exists".
            await client.create_subscription(wanted, retry=None, timeout=CALL_S)
            if past:
                await client.seek(since, retry=retry(CALL_S), timeout=CALL_S)

        await bounded(open_subscription, CALL_S, f"{name} of {topic}", _unavailable)
        return PubsubSubscription(client, name, _unavailable)

    def _topic(self, topic: Topic) -> str:
        return f"projects/{self._project}/topics/{self._names[topic]}"


def _unavailable(suffix: str, message: str) -> TopicUnavailable:
    return TopicUnavailable(f"topic-{suffix}", message)
