"""Topics and the push subscription of a project, made where they aren't there: for emulators.

A real project is set up by the deployment, which also gives the permissions that no emulator knows of.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import grpc
from google.api_core.exceptions import AlreadyExists
from google.pubsub_v1.services.publisher import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import DeadLetterPolicy, ExpirationPolicy, PushConfig, Subscription, Topic

from trader.adapters.google.pubsub import HISTORY

DEAD_LETTERS = "intents-dead-letter"
NEVER = ExpirationPolicy()
"""Without a time in it a subscription is never removed for want of use."""


@dataclass(frozen=True, slots=True)
class Pushing:
    """How a push subscription delivers; Pub/Sub takes 5 to 100 attempts, and ack deadlines of 10 to 600 s.

    What isn't acknowledged comes again at once: with a retry policy the emulator (0.8.20) all but stops
    delivering once the endpoint was away for some seconds.
    """

    subscription: str
    endpoint: str
    ack_deadline_s: int = 600
    delivery_attempts: int = 100


class Provisioning:
    """Makes what is missing in ``project`` of the Pub/Sub emulator at ``emulator``."""

    def __init__(self, project: str, channel: grpc.aio.Channel) -> None:
        self._project = project
        self._publisher = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
        self._subscriber = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))

    async def topic(self, name: str) -> str:
        """Make a topic that keeps its messages as long as readers look back, and return its full name."""
        topic = f"projects/{self._project}/topics/{name}"
        with suppress(AlreadyExists):
            await self._publisher.create_topic(Topic(name=topic, message_retention_duration=HISTORY))
        return topic

    async def pull(self, topic: str, name: str) -> str:
        """Make a pull subscription and return its full name."""
        subscription = f"projects/{self._project}/subscriptions/{name}"
        with suppress(AlreadyExists):
            await self._subscriber.create_subscription(
                Subscription(name=subscription, topic=topic, expiration_policy=NEVER)
            )
        return subscription

    async def push(self, topic: str, wanted: Pushing) -> str:
        """Make a push subscription whose dead letters are kept for a person, and return its full name."""
        dead_letters = await self.topic(DEAD_LETTERS)
        await self.pull(dead_letters, DEAD_LETTERS)
        subscription = f"projects/{self._project}/subscriptions/{wanted.subscription}"
        with suppress(AlreadyExists):
            await self._subscriber.create_subscription(
                Subscription(
                    name=subscription,
                    topic=topic,
                    push_config=PushConfig(push_endpoint=wanted.endpoint),
                    ack_deadline_seconds=wanted.ack_deadline_s,
                    expiration_policy=NEVER,
                    dead_letter_policy=DeadLetterPolicy(
                        dead_letter_topic=dead_letters, max_delivery_attempts=wanted.delivery_attempts
                    ),
                )
            )
        return subscription

    async def remove_topic(self, name: str) -> None:
        """Remove a topic."""
        await self._publisher.delete_topic(topic=f"projects/{self._project}/topics/{name}")


@asynccontextmanager
async def provisioning(project: str, emulator: str) -> AsyncIterator[Provisioning]:
    """Open the Pub/Sub emulator at ``emulator`` to make what ``project`` needs."""
    async with grpc.aio.insecure_channel(emulator) as channel:
        yield Provisioning(project, channel)
