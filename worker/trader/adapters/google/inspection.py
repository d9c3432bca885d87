"""Reads how a project's Pub/Sub is set up, and changes nothing."""

from typing import Any

from google.api_core import exceptions as api
from google.pubsub_v1.services.publisher import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import Subscription as Found

from trader.adapters.google.calls import bounded, retry
from trader.adapters.google.channel import Connection
from trader.doctor.facts import DeadLetters, Permissions, Subscription, Topics, Unknown
from trader.domain.errors import TopicUnavailable

CALL_S = 4.0
DELETED = "_deleted-topic_"
"""What the service names a topic that is gone."""
NO_PROJECT = "Requested project not found"
"""How the service says that it knows no such project, which is otherwise the error of a missing topic."""
AGENT = "@gcp-sa-pubsub.iam.gserviceaccount.com"
"""How the member ends that is Pub/Sub's own service agent; a project's number comes before it."""
PUBLISHERS = frozenset({"roles/pubsub.publisher", "roles/pubsub.editor", "roles/pubsub.admin"})
SUBSCRIBERS = frozenset({"roles/pubsub.subscriber", "roles/pubsub.editor", "roles/pubsub.admin"})


class PubsubInspection:
    """Asks Pub/Sub of one project, or its emulator."""

    def __init__(self, project: str, *, emulator: str | None = None) -> None:
        self._project = project
        self._is_emulator = emulator is not None
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

    async def topics(self, intents: str, results: str) -> Topics | Unknown:
        """Return what is there of these topics; Unknown, with the reason, where Pub/Sub doesn't say."""
        try:
            return await bounded(
                lambda: self._topics(intents, results), 3 * CALL_S, f"project {self._project}", _unavailable
            )
        except TopicUnavailable as error:
            return Unknown(f"{error.code}: {error.message}", error.code)

    async def _topics(self, intents: str, results: str) -> Topics:
        missing = [name for name in (intents, results) if not await self._has(name)]
        subscriptions = [] if intents in missing else await self._pushing(intents)
        return Topics(missing=tuple(missing), subscriptions=tuple(subscriptions))

    async def _has(self, topic: str) -> bool:
        client = await self._publisher.client()
        try:
            await client.get_topic(topic=self._topic(topic), retry=retry(CALL_S), timeout=CALL_S)
        except api.NotFound as error:
            if NO_PROJECT in str(error):
                raise
            return False
        return True

    async def _pushing(self, topic: str) -> list[Subscription]:
        publisher, subscriber = await self._publisher.client(), await self._subscriber.client()
        pages = await publisher.list_topic_subscriptions(
            topic=self._topic(topic), retry=retry(CALL_S), timeout=CALL_S
        )
        found = [
            await subscriber.get_subscription(subscription=name, retry=retry(CALL_S), timeout=CALL_S)
            async for name in pages
        ]
        return [
            _facts(each, await self._dead_letters(each)) for each in found if each.push_config.push_endpoint
        ]

    async def _dead_letters(self, found: Found) -> DeadLetters | None:
        topic = found.dead_letter_policy.dead_letter_topic
        if not topic:
            return None
        readers = None if topic == DELETED else await self._readers(topic)
        return DeadLetters(
            topic=topic,
            attempts=found.dead_letter_policy.max_delivery_attempts,
            is_there=readers is not None,
            is_read=readers if isinstance(readers, Unknown) else bool(readers),
            permissions=await self._permissions(topic, found.name),
        )

    async def _readers(self, topic: str) -> int | Unknown | None:
        """Return how many subscriptions ``topic`` has; None where there is no such topic."""
        client = await self._publisher.client()
        try:
            # The emulator lists none of a topic that is gone, where the service says so.
            await client.get_topic(topic=topic, retry=retry(CALL_S), timeout=CALL_S)
            pages = await client.list_topic_subscriptions(topic=topic, retry=retry(CALL_S), timeout=CALL_S)
            return len([name async for name in pages])
        except api.NotFound:
            return None
        except api.GoogleAPIError as error:
            return Unknown(f"the subscriptions of {topic} can't be listed here: {type(error).__name__}")

    async def _permissions(self, topic: str, subscription: str) -> Permissions | Unknown:
        if self._is_emulator:
            return Unknown("the emulator knows no permissions")
        publisher, subscriber = await self._publisher.client(), await self._subscriber.client()
        try:
            ours = await publisher.get_iam_policy({"resource": topic}, timeout=CALL_S)
            theirs = await subscriber.get_iam_policy({"resource": subscription}, timeout=CALL_S)
        except api.GoogleAPIError as error:
            return Unknown(f"their policies can't be read here: {type(error).__name__}")
        return Permissions(_grants(ours, PUBLISHERS), _grants(theirs, SUBSCRIBERS))

    def _topic(self, name: str) -> str:
        return f"projects/{self._project}/topics/{name}"


def _grants(policy: Any, roles: frozenset[str]) -> bool:
    """Return whether the resource's own policy gives Pub/Sub's agent one of ``roles``."""
    return any(
        binding.role in roles and any(member.endswith(AGENT) for member in binding.members)
        for binding in policy.bindings
    )


def _facts(found: Found, dead_letters: DeadLetters | None) -> Subscription:
    push, waits = found.push_config, found.retry_policy
    has_waits = "retry_policy" in found
    return Subscription(
        name=found.name.rpartition("/")[2],
        endpoint=push.push_endpoint,
        audience=push.oidc_token.audience or None,
        service_account=push.oidc_token.service_account_email or None,
        ack_deadline_s=found.ack_deadline_seconds,
        filter=found.filter,
        ordered=found.enable_message_ordering,
        dead_letters=dead_letters,
        retry_s=(waits.minimum_backoff.total_seconds(), waits.maximum_backoff.total_seconds())
        if has_waits
        else None,
        expires="expiration_policy" not in found or bool(found.expiration_policy.ttl),
    )


def _unavailable(suffix: str, message: str) -> TopicUnavailable:
    return TopicUnavailable(f"topic-{suffix}", message)
