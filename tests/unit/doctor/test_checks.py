"""Each check of `trader doctor`: silent about what is good; a code, an expectation and advice otherwise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.doctor import GOOD, LETTERS, SETTINGS, TOPICS, findings, is_good
from trader.doctor.deadlines import check_deadlines
from trader.doctor.facts import Answers, Permissions, Refusal, Unknown
from trader.doctor.report import Verdict
from trader.doctor.subscription import check_topics
from trader.doctor.worker import check_worker
from trader.settings import Durations

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
ANSWERS = Answers("0.1.0", True, "ready", "", "DU1", AT, AT)


def test_a_set_up_that_is_as_it_should_be_is_good() -> None:
    assert is_good(check_deadlines(Durations()))
    assert is_good(check_topics(TOPICS, SETTINGS))
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
        ({"dead_letters": None}, "dead-letter-missing", Verdict.DANGER),
        ({"filter": 'attributes.account = "DU7"'}, "subscription-missing", Verdict.DANGER),
        ({"filter": 'attributes.account = "DU12"'}, "subscription-missing", Verdict.DANGER),
        ({"filter": 'attributes.account = "DU1"'}, "default-undelivered", Verdict.DANGER),
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
        ({"subscriptions": (GOOD, replace(GOOD, name="b", endpoint="https://b.run.app/"))}, "two-workers"),
    ],
)
def test_what_would_lose_an_intent_is_a_danger(changes: dict[str, Any], code: str) -> None:
    assert findings(check_topics(replace(TOPICS, **changes), SETTINGS)) == {code: Verdict.DANGER}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"is_there": False, "is_read": False}, "dead-letter-missing"),
        ({"attempts": 5}, "delivery-attempts"),
        ({"is_read": False}, "dead-letters-unread"),
        ({"permissions": Permissions(False, True)}, "dead-letter-permissions"),
        ({"permissions": Permissions(True, False)}, "dead-letter-permissions"),
    ],
)
def test_dead_letters_that_would_be_lost_are_a_danger(changes: dict[str, Any], code: str) -> None:
    topics = replace(TOPICS, subscriptions=(replace(GOOD, dead_letters=replace(LETTERS, **changes)),))
    assert findings(check_topics(topics, SETTINGS)) == {code: Verdict.DANGER}


def test_dead_letters_are_those_of_each_subscription_of_its_own() -> None:
    """The first one's are no word about the second's."""
    bad = replace(GOOD, name="b", dead_letters=replace(LETTERS, permissions=Permissions(True, False)))
    lines = list(check_topics(replace(TOPICS, subscriptions=(GOOD, bad)), SETTINGS))
    assert findings(lines) == {"dead-letter-permissions": Verdict.DANGER}
    assert any("subscriber on b" in line.message for line in lines)


def test_messages_that_name_no_account_may_go_to_another_worker() -> None:
    ours = replace(GOOD, filter='attributes.account = "DU1"')
    default = replace(GOOD, name="default", filter='NOT attributes:account OR attributes.account = "DU2"')
    assert findings(check_topics(replace(TOPICS, subscriptions=(ours, default)), SETTINGS)) == {}


def test_a_project_that_is_not_there_is_a_danger_and_not_a_matter_of_its_topics() -> None:
    lines = check_topics(Unknown("topic-missing: Requested project not found", "topic-missing"), SETTINGS)
    assert findings(lines) == {"project-missing": Verdict.DANGER}


def test_a_push_without_a_token_is_worth_a_word_where_the_worker_checks_none() -> None:
    open_to_all = replace(GOOD, audience=None, service_account=None)
    settings = SETTINGS.model_copy(update={"push_audience": None, "push_service_account": None})
    topics = replace(TOPICS, subscriptions=(open_to_all,))
    assert findings(check_topics(topics, settings)) == {"push-unauthenticated": Verdict.WARNING}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"ready": False, "gateway": "login-required"}, {"gateway": Verdict.WARNING}),
        ({"account": "DU7"}, {"gateway-account": Verdict.DANGER}),
        ({"version": "0.0.9"}, {"version": Verdict.WARNING}),
        ({"refusal": Refusal("store-no-permission", "Missing.", "now")}, {"worker-refused": Verdict.DANGER}),
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
        check_worker(Unknown("it doesn't answer"), "DU1", "0.1.0"),
    ):
        assert [line.verdict for line in lines] == [Verdict.UNCHECKED]
    unread = replace(LETTERS, permissions=Unknown("no permissions here"), is_read=Unknown("no list here"))
    lines = check_topics(replace(TOPICS, subscriptions=(replace(GOOD, dead_letters=unread),)), SETTINGS)
    found = {line.code: (line.verdict, line.message) for line in lines}
    assert found["dead-letter-permissions"] == (Verdict.UNCHECKED, "no permissions here")
    assert found["dead-letters-unread"] == (Verdict.UNCHECKED, "no list here")
    assert "dead-letters" not in found
    undated = {line.code: line.verdict for line in check_worker(replace(ANSWERS, date=None), "DU1", "0.1.0")}
    assert undated["clock"] is Verdict.UNCHECKED
