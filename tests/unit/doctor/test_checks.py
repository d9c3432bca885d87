"""Each check of `trader doctor`: silent about what is good; a code, an expectation and advice otherwise."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trader.doctor.deadlines import check_deadlines
from trader.doctor.facts import Answers, Permissions, Service, Subscription, Topics, Unknown
from trader.doctor.report import Line, Verdict
from trader.doctor.service import INSTANCES, THROTTLING, check_service, read_service
from trader.doctor.subscription import RETRY_S, check_topics
from trader.doctor.worker import check_worker
from trader.settings import DELIVERY_ATTEMPTS, Durations, Settings

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
GOOD = Subscription(
    name="worker-DU1",
    endpoint="https://worker-abc.a.run.app/",
    audience="worker",
    service_account="push@project.iam.gserviceaccount.com",
    ack_deadline_s=600,
    filter='NOT attributes:account OR attributes.account = "DU1"',
    ordered=False,
    dead_letter_topic="projects/p/topics/intents-dead-letter",
    delivery_attempts=DELIVERY_ATTEMPTS,
    retry_s=RETRY_S,
    expires=False,
)
TOPICS = Topics(
    missing=(), subscriptions=(GOOD,), dead_letters_are_read=True, permissions=Permissions(True, True)
)
SETTINGS = Settings(
    backend="google",
    project="some-project",
    account="DU1",
    push_audience="worker",
    push_service_account="push@project.iam.gserviceaccount.com",
)
VARIABLES = {"TRADER_BACKEND": "google", "TRADER_PROJECT": "some-project", "TRADER_ACCOUNT": "DU1"}
SERVICE = Service("worker", "1", "false", 540, VARIABLES)
ANSWERS = Answers("0.1.0", True, "ready", "", "DU1", AT, AT)


def findings(lines: Iterable[Line]) -> dict[str, Verdict]:
    """Return the findings' codes; each says what was expected, what was found, and what to do."""
    found = [line for line in lines if line.verdict in (Verdict.WARNING, Verdict.DANGER)]
    for line in found:
        assert line.message.startswith("expected ")
        assert ", found " in line.message
        assert line.advice
    return {line.code: line.verdict for line in found}


def is_good(lines: Iterable[Line]) -> bool:
    verdicts = {line.verdict for line in lines}
    return verdicts == {Verdict.OK}


def test_a_set_up_that_is_as_it_should_be_is_good() -> None:
    assert is_good(check_deadlines(Durations()))
    assert is_good(check_topics(TOPICS, SETTINGS))
    assert is_good(check_service(SERVICE))
    assert is_good(check_worker(ANSWERS, "DU1", "0.1.0"))


@pytest.mark.parametrize(
    ("durations", "code", "verdict"),
    [
        (Durations(handler_s=600, request_s=540), "deadlines", Verdict.DANGER),
        (Durations(request_s=600, ack_s=600), "deadlines", Verdict.DANGER),
        (Durations(request_s=700, ack_s=800), "ack-deadline", Verdict.WARNING),
        (Durations(lease_s=600), "lease", Verdict.DANGER),
        (Durations(order_wait_s=480), "order-wait", Verdict.WARNING),
    ],
)
def test_durations_that_do_not_nest_are_found(durations: Durations, code: str, verdict: Verdict) -> None:
    assert findings(check_deadlines(durations)) == {code: verdict}


@pytest.mark.parametrize(
    ("changes", "code", "verdict"),
    [
        ({"ack_deadline_s": 10}, "ack-deadline", Verdict.DANGER),
        ({"ack_deadline_s": 590}, "ack-deadline", Verdict.WARNING),
        ({"audience": "another"}, "push-audience", Verdict.DANGER),
        ({"service_account": "other@p.iam"}, "push-service-account", Verdict.DANGER),
        ({"ordered": True}, "ordering", Verdict.WARNING),
        ({"expires": True}, "subscription-expires", Verdict.WARNING),
        ({"retry_s": None}, "retry-policy", Verdict.WARNING),
        ({"retry_s": (10.0, 600.0)}, "retry-policy", Verdict.WARNING),
        ({"dead_letter_topic": None}, "dead-letter-missing", Verdict.DANGER),
        ({"delivery_attempts": 5}, "delivery-attempts", Verdict.DANGER),
        ({"filter": 'attributes.account = "DU7"'}, "subscription-missing", Verdict.DANGER),
    ],
)
def test_a_subscription_that_would_mislead_the_worker_is_found(
    changes: dict[str, Any], code: str, verdict: Verdict
) -> None:
    topics = replace(TOPICS, subscriptions=(replace(GOOD, **changes),))
    assert findings(check_topics(topics, SETTINGS)) == {code: verdict}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"missing": ("results",)}, "topic-missing"),
        ({"subscriptions": ()}, "subscription-missing"),
        ({"dead_letters_are_read": False}, "dead-letters-unread"),
        ({"permissions": Permissions(False, True)}, "dead-letter-permissions"),
        ({"permissions": Permissions(True, False)}, "dead-letter-permissions"),
    ],
)
def test_what_would_lose_an_intent_is_a_danger(changes: dict[str, Any], code: str) -> None:
    assert findings(check_topics(replace(TOPICS, **changes), SETTINGS)) == {code: Verdict.DANGER}


def test_a_push_without_a_token_is_worth_a_word_where_the_worker_checks_none() -> None:
    open_to_all = replace(GOOD, audience=None, service_account=None)
    settings = SETTINGS.model_copy(update={"push_audience": None, "push_service_account": None})
    topics = replace(TOPICS, subscriptions=(open_to_all,))
    assert findings(check_topics(topics, settings)) == {"push-unauthenticated": Verdict.WARNING}


@pytest.mark.parametrize(
    ("service", "code"),
    [
        (replace(SERVICE, most_instances="3"), "instances"),
        (replace(SERVICE, most_instances=None), "instances"),
        (replace(SERVICE, cpu_throttling=None), "cpu-throttled"),
        (replace(SERVICE, timeout_s=300), "service-timeout"),
        (replace(SERVICE, variables={**VARIABLES, "TRADER_BACKEND": "local"}), "service-backend"),
        (replace(SERVICE, variables={**VARIABLES, "TRADER_BAKEND": "google"}), "service-settings"),
    ],
)
def test_a_service_that_is_not_one_worker_is_a_danger(service: Service, code: str) -> None:
    assert findings(check_service(service)) == {code: Verdict.DANGER}


def test_a_service_is_read_from_what_gcloud_prints() -> None:
    container = {"ports": [{"containerPort": 8080}], "env": [{"name": "TRADER_BACKEND", "value": "google"}]}
    template = {
        "metadata": {"annotations": {INSTANCES: "1", THROTTLING: "false"}},
        "spec": {"timeoutSeconds": 540, "containers": [{"image": "gateway"}, container]},
    }
    text = json.dumps({"metadata": {"name": "worker"}, "spec": {"template": template}})
    assert read_service(text) == Service("worker", "1", "false", 540, {"TRADER_BACKEND": "google"})
    for wrong in ("", "[]", "{}", '{"spec": {"template": {"metadata": {}, "spec": {"containers": []}}}}'):
        with pytest.raises(ValueError, match="Cloud Run service"):
            read_service(wrong)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"ready": False, "gateway": "login-required"}, {"gateway": Verdict.WARNING}),
        ({"account": "DU7"}, {"gateway-account": Verdict.DANGER}),
        ({"version": "0.0.9"}, {"version": Verdict.WARNING}),
        ({"date": AT - timedelta(seconds=10)}, {"clock": Verdict.WARNING}),
        ({"date": AT + timedelta(minutes=3)}, {"clock": Verdict.DANGER}),
        ({"date": AT + timedelta(seconds=2)}, {}),
    ],
)
def test_what_a_worker_says_of_itself_is_held_against_what_is_expected(
    changes: dict[str, Any], found: dict[str, Verdict]
) -> None:
    assert findings(check_worker(replace(ANSWERS, **changes), "DU1", "0.1.0")) == found


def test_what_could_not_be_asked_is_never_taken_for_good() -> None:
    for lines in (
        check_topics(Unknown("no permission"), SETTINGS),
        check_service(Unknown("none was given")),
        check_worker(Unknown("it doesn't answer"), "DU1", "0.1.0"),
    ):
        assert [line.verdict for line in lines] == [Verdict.UNCHECKED]
    unasked = replace(TOPICS, permissions=Unknown("the emulator knows no permissions"))
    (line,) = (line for line in check_topics(unasked, SETTINGS) if line.code == "dead-letter-permissions")
    assert (line.verdict, line.message) == (Verdict.UNCHECKED, "the emulator knows no permissions")
