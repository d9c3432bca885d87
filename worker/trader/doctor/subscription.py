"""Whether the subscription delivers to this worker, gives up as it expects, and keeps what it gives up."""

from collections.abc import Iterator

from trader.doctor.facts import Subscription, Topics, Unknown
from trader.doctor.report import Line, danger, ok, unchecked, warning
from trader.settings import DELIVERY_ATTEMPTS, Settings

RETRY_S = (10.0, 300.0)
WHERE = "gcloud pubsub subscriptions update"


def check_topics(topics: Topics | Unknown, settings: Settings) -> Iterator[Line]:
    """Hold topics, subscription and dead letters against what the worker relies on."""
    if isinstance(topics, Unknown):
        yield unchecked("topics", topics.reason)
        return
    for name in topics.missing:
        yield danger(
            "topic-missing", f"a topic {name}", "none", f"make it: gcloud pubsub topics create {name}"
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
    for each in ours:
        lines = [*_deadline(each, settings), *_push(each, settings), *_delivery(each)]
        yield from lines or [ok("subscription", f"{each.name} pushes to {each.endpoint}")]
        yield from _dead_letters(each, topics)


def _is_for(subscription: Subscription, settings: Settings) -> bool:
    """Return whether a subscription's filter lets any message of this worker's account through."""
    return not subscription.filter or settings.account is None or settings.account in subscription.filter


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


def _dead_letters(subscription: Subscription, topics: Topics) -> Iterator[Line]:
    name = subscription.name
    if subscription.dead_letter_topic is None:
        yield danger(
            "dead-letter-missing",
            f"a dead-letter policy of {name}",
            "none",
            "give it one: what is never acknowledged is else lost without a word after the topic's retention",
        )
        return
    if subscription.delivery_attempts != DELIVERY_ATTEMPTS:
        yield danger(
            "delivery-attempts",
            f"{name} to give up after {DELIVERY_ATTEMPTS} deliveries, the last of which ends the run",
            str(subscription.delivery_attempts),
            f"{WHERE} {name} --max-delivery-attempts={DELIVERY_ATTEMPTS}",
        )
    if not topics.dead_letters_are_read:
        yield danger(
            "dead-letters-unread",
            f"a subscription of {subscription.dead_letter_topic}",
            "none",
            "make one: without it a dead letter is thrown away, and `trader replay` finds nothing",
        )
    permissions = topics.permissions
    if permissions is None or isinstance(permissions, Unknown):
        reason = permissions.reason if permissions else "there is nothing to ask for"
        yield unchecked("dead-letter-permissions", reason)
        return
    if not (permissions.may_publish and permissions.may_acknowledge):
        lacking = (
            "publisher on the dead-letter topic" if not permissions.may_publish else f"subscriber on {name}"
        )
        yield danger(
            "dead-letter-permissions",
            f"Pub/Sub's service agent to be {lacking}",
            "it isn't",
            "grant it: else messages come again for ever, and are lost at the end of their retention",
        )
    else:
        yield ok("dead-letters", f"{subscription.dead_letter_topic}, after {DELIVERY_ATTEMPTS} deliveries")
