"""What tests of the local push share: publishing to it, running it, reading what it sent."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.support.endpoint import Answer, Request, status
from tests.support.eventually import eventually
from trader.adapters.local_topic import LocalTopics
from trader.adapters.local_topic.deliveries import Deliveries
from trader.adapters.local_topic.push import Push, RetryPolicy
from trader.ports import OutgoingMessage, Topic

QUICK = RetryPolicy(minimum_backoff_s=0.01, maximum_backoff_s=0.05)


async def publish(topics: LocalTopics, data: bytes = b"{}", **attributes: str) -> str:
    return await topics.publish(OutgoingMessage(Topic.INTENTS, data, attributes))


@asynccontextmanager
async def running(push: Push) -> AsyncIterator[None]:
    """Run the push, and see that it ends when it is cancelled."""
    task = asyncio.ensure_future(push.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


def answering(*codes: int) -> Answer:
    """Answer with these in turn, and with the last one for ever."""
    left = list(codes)

    async def answer(_: Request) -> bytes:
        return status(left.pop(0) if len(left) > 1 else left[0])

    return answer


def answering_attempt(number: int, *, before: Answer) -> Answer:
    """Acknowledge from that attempt on, and do ``before`` until then."""

    async def answer(request: Request) -> bytes:
        return status(204) if request.body["deliveryAttempt"] >= number else await before(request)

    return answer


async def silence(_: Request) -> bytes:
    """Never answer."""
    await asyncio.Event().wait()
    return b""


async def hanging_up(_: Request) -> bytes:
    """Close the connection without an answer."""
    return b""


def attempts(requests: Sequence[Request]) -> list[int]:
    return [request.body["deliveryAttempt"] for request in requests]


def data_of(request: Request) -> bytes:
    return base64.b64decode(request.body["message"]["data"])


async def until_waiting(topics: LocalTopics, count: int) -> None:
    """Wait until that many messages are left to deliver."""

    async def left() -> bool:
        return len(await Deliveries(topics).waiting(0)) == count

    await eventually(left)
