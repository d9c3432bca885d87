"""Whether the topics are there, and the subscription delivers to this worker as it expects."""

import re
from collections.abc import Iterator

from trader.doctor.dead_letters import check_dead_letters
from trader.doctor.facts import Subscription, Topics, Unknown
from trader.doctor.report import Line, danger, ok, unchecked, warning
from trader.settings import Settings

RETRY_S = (10.0, 300.0)
WHERE = "gcloud pubsub subscriptions update"
UNNAMED = re.compile(r"(\bNOT\s+|-)attributes:account\b")
"""What lets messages through that name no account, in a subscription's filter."""


def check_topics(topics: Topics | Unknown, settings: Settings) -> Iterator[Line]:
    """Hold topics, subscription and dead letters against what the worker relies on."""
    if isinstance(topics, Unknown):
        if topics.code == "topic-missing":
            wanted = f"a project {settings.project} with topics"
            yield danger("project-missing", wanted, f"none: {topics.reason}", "correct TRADER_PROJECT")
        else:
            yield unchecked("topics", topics.reason)
        return
    for name in topics.missing:
        yield danger(
            "topic-missing",
            f"a topic {name} in the project {settings.project}",
            "none",
            f"correct TRADER_PROJECT if it is another one, or: gcloud pubsub topics create {name}",
        )
    if not topics.missing:
        yield ok("topics", f"{settings.intents_topic} and {settings.results_topic} are there")
    ours = [found for found in topics.subscriptions if _is_for(found, settings)]
    if not ours:
        found = ", ".join(each.name for each in topics.subscriptions) or "none"
        yield danger(
            "subscription-missing",
            f"a push subscription of {settings.intents_topic} for this worker",
            found,
            "make it: without one no intent is delivered, and those published meanwhile are lost",
        )
    yield from _routes(topics.subscriptions, ours, settings)
    for each in ours:
        lines = [*_deadline(each, settings), *_push(each, settings), *_delivery(each)]
        yield from lines or [ok("subscription", f"{each.name} pushes to {each.endpoint}")]
        yield from check_dead_letters(each.name, each.dead_letters)


def _is_for(subscription: Subscription, settings: Settings) -> bool:
    """Return whether a subscription's filter lets any message of this worker's account through."""
    return not subscription.filter or settings.account is None or _names(subscription, settings.account)


def _names(subscription: Subscription, account: str) -> bool:
    """Return whether a filter names ``account``, and not one whose name only begins so."""
    return f'"{account}"' in subscription.filter


def _routes(every: tuple[Subscription, ...], ours: list[Subscription], settings: Settings) -> Iterator[Line]:
    """Hold against each other which subscription lets what through, and to whom."""
    if ours and settings.default and not any(_takes_unnamed(each) for each in every):
        yield danger(
            "default-undelivered",
            "a subscription that lets messages through which name no account (TRADER_DEFAULT is true)",
            f"{ours[0].name} with the filter {ours[0].filter}",
            "make it anew with the filter NOT attributes:account OR …: a filter can't be changed",
        )
    named = [each for each in ours if settings.account and _names(each, settings.account)]
    endpoints = sorted({each.endpoint for each in named})
    if len(endpoints) > 1:
        yield danger(
            "two-workers",
            f"one endpoint for the account {settings.account}",
            ", ".join(endpoints),
            "delete the one that isn't meant: nothing fences two workers' gateways off from each other",
        )


def _takes_unnamed(subscription: Subscription) -> bool:
    return not subscription.filter or UNNAMED.search(subscription.filter) is not None


def _deadline(subscription: Subscription, settings: Settings) -> Iterator[Line]:
    name, seconds = subscription.name, subscription.ack_deadline_s
    if seconds <= settings.durations.request_s:
        yield danger(
            "ack-deadline",
            f"an ack deadline of {name} above TRADER_REQUEST_S {settings.durations.request_s:g}",
            f"{seconds} s",
            f"raise it: {WHERE} {name} --ack-deadline={settings.durations.ack_s:g}",
        )
    elif seconds != settings.durations.ack_s:
        yield warning(
            "ack-deadline",
            f"an ack deadline of {name} of TRADER_ACK_S {settings.durations.ack_s:g}",
            f"{seconds} s",
            "make the two agree",
        )


def _push(subscription: Subscription, settings: Settings) -> Iterator[Line]:
    name = subscription.name
    if settings.push_audience and subscription.audience != settings.push_audience:
        yield danger(
            "push-audience",
            f"{name} to push with the audience {settings.push_audience}",
            subscription.audience or "none",
            f"make them agree, or every delivery is refused: {WHERE} {name} --push-auth-token-audience=…",
        )
    if settings.push_service_account and subscription.service_account != settings.push_service_account:
        yield danger(
            "push-service-account",
            f"{name} to push as {settings.push_service_account}",
            subscription.service_account or "nobody",
            f"make them agree, or every delivery is refused: {WHERE} {name} --push-auth-service-account=…",
        )
    if subscription.endpoint.startswith("https://") and subscription.service_account is None:
        yield warning(
            "push-unauthenticated",
            f"{name} to push with a service account's token",
            "none",
            f"let only one account invoke the service: {WHERE} {name} --push-auth-service-account=…",
        )
    elif subscription.endpoint.startswith("https://"):
        yield unchecked(
            "push-permissions",
            f"whether {subscription.service_account} may invoke the service (`gcloud run services "
            "get-iam-policy` tells), and Pub/Sub's service agent make its tokens (`gcloud iam "
            "service-accounts get-iam-policy`)",
        )


def _delivery(subscription: Subscription) -> Iterator[Line]:
    name = subscription.name
    if subscription.ordered:
        yield warning(
            "ordering",
            f"{name} without message ordering",
            "it on",
            "make the subscription anew without it: one message that fails holds up all behind it",
        )
    if subscription.expires:
        yield warning(
            "subscription-expires",
            f"{name} never to expire",
            "that it does when it isn't used",
            f"{WHERE} {name} --expiration-period=never",
        )
    if subscription.endpoint.startswith("https://") and subscription.retry_s != RETRY_S:
        least, most = RETRY_S
        found = "at once" if subscription.retry_s is None else "{:g} to {:g} s".format(*subscription.retry_s)
        yield warning(
            "retry-policy",
            f"{name} to wait {least:g} to {most:g} s between deliveries",
            found,
            f"{WHERE} {name} --min-retry-delay={least:g}s --max-retry-delay={most:g}s",
        )
