"""The push subscription: each intent message is posted to the worker until it is acknowledged."""

import asyncio
import base64
import heapq
from dataclasses import dataclass
from typing import Any

import httpx
import structlog

from trader.adapters.local_topic.deliveries import PROJECT, Deliveries, Delivery
from trader.adapters.local_topic.topics import LocalTopics
from trader.domain.errors import TopicUnavailable
from trader.domain.wire import write_time

ACKNOWLEDGED = frozenset({200, 201, 202, 204})
"""As Pub/Sub has it, but for 102: HTTP clients take that for an interim answer and wait for the final one."""

CLEANING_S = 3600
AT_ONCE = 40
"""As many as Cloud Run sends to one worker: what waits for the account leaves a place for a close-all."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a message that was not acknowledged comes again, and how often; the defaults are production's.

    The wait doubles from the minimum to the maximum. After the last attempt it goes to the dead letters.
    """

    minimum_backoff_s: float = 10
    maximum_backoff_s: float = 300
    delivery_attempts: int = 100

    def backoff_s(self, attempt: int) -> float:
        """Return the wait after the attempt of that number, counted from 1."""
        return min(self.maximum_backoff_s, self.minimum_backoff_s * 2.0 ** min(attempt - 1, 30))


class Push:
    """Delivers the intents topic to ``url`` at least once, at most ``max_outstanding`` messages at a time.

    What is acknowledged and how often a message was tried is on disk, when it is due is not: a new start
    delivers at once what is left. An answer later than ``ack_deadline_s``, by the loop's own clock, is none.
    """

    def __init__(
        self,
        topics: LocalTopics,
        url: str,
        *,
        subscription: str = "worker-local",
        retry: RetryPolicy = RetryPolicy(),
        ack_deadline_s: float = 600,
        max_outstanding: int = AT_ONCE,
    ) -> None:
        self._database = topics.database
        self._deliveries = Deliveries(topics)
        self._clock = topics.clock
        self._poll_s = topics.poll_s
        self._url = httpx.URL(url)
        self._subscription = subscription
        self._retry = retry
        self._ack_deadline_s = ack_deadline_s
        self._max_outstanding = max_outstanding
        self._forget()

    def _forget(self) -> None:
        self._due: list[tuple[float, int]] = []  # a heap of when, on the monotonic clock, and which
        self._seen = 0  # the last message taken
        self._version: int | None = None  # the file's as of then
        self._cleaning_due = self._clock.monotonic()

    async def run(self) -> None:
        """Deliver until cancelled; then what is under way is broken off, to be delivered by the next run."""
        self._forget()
        slots = asyncio.Semaphore(self._max_outstanding)
        limits = httpx.Limits(keepalive_expiry=2)  # before the worker closes an idle connection
        async with (
            httpx.AsyncClient(limits=limits, timeout=self._ack_deadline_s, trust_env=False) as client,
            asyncio.TaskGroup() as deliveries,
        ):
            while True:
                await self._look()
                now = self._clock.monotonic()  # what comes back meanwhile is for the next look
                while self._due and self._due[0][0] <= now:
                    await slots.acquire()
                    _, message_id = heapq.heappop(self._due)
                    delivery = deliveries.create_task(self._deliver(client, message_id))
                    delivery.add_done_callback(lambda _: slots.release())
                await self._clock.sleep(self._poll_s)

    async def _look(self) -> None:
        """Take what was published since, by any process, and now and then remove what is too old."""
        version = self._database.version()
        try:
            if version is None or version != self._version:
                for message_id in await self._deliveries.waiting(self._seen):
                    heapq.heappush(self._due, (self._clock.monotonic(), message_id))
                    self._seen = message_id
                self._version = version
            if self._clock.monotonic() >= self._cleaning_due:
                await self._deliveries.forget_old()
                self._cleaning_due = self._clock.monotonic() + CLEANING_S
        except TopicUnavailable as error:
            log.warning("topic-unavailable", reason=error.message)
            await self._clock.sleep(self._retry.minimum_backoff_s)

    async def _deliver(self, client: httpx.AsyncClient, message_id: int) -> None:
        wait_s = self._retry.minimum_backoff_s
        try:
            delivery = await self._deliveries.begin(message_id)
            if delivery is None:
                return
            failure = await self._post(client, delivery)
            if failure is None:
                await self._deliveries.acknowledge(message_id)
                return
            if delivery.attempt >= self._retry.delivery_attempts:
                await self._deliveries.bury(delivery, self._subscription)
                log.error("dead-letter", message_id=message_id, attempt=delivery.attempt, reason=failure)
                return
            wait_s = self._retry.backoff_s(delivery.attempt)
            log.info(
                "not-acknowledged",
                message_id=message_id,
                attempt=delivery.attempt,
                reason=failure,
                wait_s=wait_s,
            )
        except TopicUnavailable as error:
            log.warning("topic-unavailable", reason=error.message)
        heapq.heappush(self._due, (self._clock.monotonic() + wait_s, message_id))

    async def _post(self, client: httpx.AsyncClient, delivery: Delivery) -> str | None:
        """Return why the message was not acknowledged, or None if it was."""
        try:
            async with asyncio.timeout(self._ack_deadline_s):
                response = await client.post(self._url, json=push_body(delivery, self._subscription))
        except TimeoutError:
            return f"no answer within {self._ack_deadline_s:g} s"
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        return None if response.status_code in ACKNOWLEDGED else f"answered {response.status_code}"


def push_body(delivery: Delivery, subscription: str) -> dict[str, Any]:
    """Return the JSON body of a wrapped push as Pub/Sub sends it, which leaves out what is empty."""
    message = delivery.message
    at = write_time(message.published_at)
    content: dict[str, Any] = {
        "attributes": dict(message.attributes),
        "data": base64.b64encode(message.data).decode(),
    }
    return {
        "message": {
            **{name: value for name, value in content.items() if value},
            "messageId": message.id,
            "message_id": message.id,
            "publishTime": at,
            "publish_time": at,
        },
        "subscription": f"projects/{PROJECT}/subscriptions/{subscription}",
        "deliveryAttempt": delivery.attempt,
    }
