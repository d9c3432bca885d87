"""What is read of a set-up: its topics, subscriptions and permissions, its service, the worker that answers.

Whatever couldn't be read is ``Unknown`` with the reason: never taken for good, nor for bad.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why something isn't known; ``code`` is that of the error that was met, if one was."""

    reason: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Permissions:
    """Whether Pub/Sub's own service agent may publish dead letters, and acknowledge what it moved there."""

    may_publish: bool
    may_acknowledge: bool


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where a subscription's messages go that nobody acknowledges, and after how many deliveries."""

    topic: str
    attempts: int
    is_there: bool
    is_read: bool | Unknown  # whether a subscription keeps what comes
    permissions: Permissions | Unknown


@dataclass(frozen=True, slots=True)
class Subscription:
    """The push subscription of the intents topic, as Pub/Sub describes it; times in seconds."""

    name: str
    endpoint: str
    audience: str | None
    service_account: str | None
    ack_deadline_s: int
    filter: str
    ordered: bool
    dead_letters: DeadLetters | None
    retry_s: tuple[float, float] | None  # the least and the longest wait, None for at once
    expires: bool


@dataclass(frozen=True, slots=True)
class Topics:
    """What of a project's topics was found."""

    missing: tuple[str, ...]
    subscriptions: tuple[Subscription, ...]  # push subscriptions of the intents topic


@dataclass(frozen=True, slots=True)
class Service:
    """The Cloud Run service, as ``gcloud run services describe --format=json`` prints it."""

    name: str
    most_instances: str | None
    cpu_throttling: str | None
    timeout_s: int | None
    variables: Mapping[str, str]  # of the worker's container, as far as they are plain
    hidden: tuple[str, ...] = ()  # names of its variables whose values come from elsewhere
    revisions: int = 1  # how many get requests
    urls: tuple[str, ...] = ()  # its own addresses; none before it was first deployed


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the worker sent its latest delivery back; ``at`` as the worker wrote it."""

    code: str
    message: str
    at: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What the worker said at /healthz and /readyz; ``at`` is our clock, ``date`` the worker's own."""

    version: str
    ready: bool
    gateway: str
    reason: str
    account: str | None
    at: datetime
    date: datetime | None
    refusal: Refusal | None = None
