"""What `trader doctor` says of a Cloud Run service, which gcloud described."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.doctor import GOOD, SETTINGS, TOPICS, URL, described, findings, is_good
from trader.doctor.deadlines import check_deadlines
from trader.doctor.description import read_service
from trader.doctor.facts import Service, Unknown
from trader.doctor.report import Verdict
from trader.doctor.service import as_deployed, check_service
from trader.doctor.subscription import check_topics

VARIABLES = {"TRADER_BACKEND": "google", "TRADER_PROJECT": "some-project", "TRADER_ACCOUNT": "DU1"}
SERVICE = Service("worker", "1", "false", 540, VARIABLES, urls=(URL,))


def test_a_service_that_is_as_it_should_be_is_good() -> None:
    assert is_good(check_service(SERVICE, TOPICS, SETTINGS))


@pytest.mark.parametrize(
    ("changes", "code", "verdict"),
    [
        ({"most_instances": "3"}, "instances", Verdict.DANGER),
        ({"most_instances": None}, "instances", Verdict.DANGER),
        ({"revisions": 2}, "two-revisions", Verdict.DANGER),
        ({"cpu_throttling": None}, "cpu-throttled", Verdict.DANGER),
        ({"timeout_s": 300}, "service-timeout", Verdict.DANGER),
        ({"urls": ("https://another.a.run.app",)}, "push-endpoint", Verdict.WARNING),
        ({"variables": {**VARIABLES, "TRADER_BACKEND": "local"}}, "service-backend", Verdict.DANGER),
        ({"variables": {**VARIABLES, "TRADER_BAKEND": "google"}}, "service-settings", Verdict.DANGER),
        ({"variables": {**VARIABLES, "TRADER_PROJECT": "other-one"}}, "service-project", Verdict.DANGER),
        ({"variables": {**VARIABLES, "TRADER_ACCOUNT": "DU7"}}, "service-account", Verdict.DANGER),
        ({"variables": {**VARIABLES, "TRADER_ACCOUNT": ""}}, "service-account-unnamed", Verdict.WARNING),
    ],
)
def test_a_service_that_is_not_one_worker_as_it_is_meant_is_found(
    changes: dict[str, Any], code: str, verdict: Verdict
) -> None:
    assert findings(check_service(replace(SERVICE, **changes), TOPICS, SETTINGS)) == {code: verdict}


@pytest.mark.parametrize(
    ("service", "code"),
    [
        (Unknown("none was given"), "service"),
        (replace(SERVICE, timeout_s=None), "service-timeout"),
        (replace(SERVICE, hidden=("TRADER_ACCOUNT",)), "service-settings"),
        (replace(SERVICE, urls=()), "push-endpoint"),
    ],
)
def test_what_a_description_does_not_tell_is_never_taken_for_good(
    service: Service | Unknown, code: str
) -> None:
    found = [(line.code, line.verdict) for line in check_service(service, TOPICS, SETTINGS)]
    assert found == [(code, Verdict.UNCHECKED)]


def test_the_deployed_workers_own_settings_are_judged_and_not_those_of_the_command() -> None:
    variables = {
        **VARIABLES,
        "TRADER_HANDLER_S": "560",
        "TRADER_PUSH_AUDIENCE": "its own",
        "TRADER_PUSH_SERVICE_ACCOUNT": str(GOOD.service_account),
    }
    judged = as_deployed(SETTINGS, replace(SERVICE, variables=variables))
    assert findings(check_deadlines(judged.durations)) == {"deadlines": Verdict.DANGER}
    assert findings(check_topics(TOPICS, judged)) == {"push-audience": Verdict.DANGER}
    assert judged.project == SETTINGS.project


@pytest.mark.parametrize(
    "service",
    [
        Unknown("none"),
        replace(SERVICE, hidden=("TRADER_ACK_S",)),
        replace(SERVICE, variables={"TRADER_A": "b"}),
    ],
)
def test_without_settings_of_the_worker_the_commands_own_are_judged(service: Service | Unknown) -> None:
    assert as_deployed(SETTINGS, service) == SETTINGS


def test_a_service_is_read_from_what_gcloud_prints() -> None:
    secret = {"valueFrom": {"secretKeyRef": {"name": "account", "key": "latest"}}}
    text = json.dumps(described(TRADER_BACKEND="google", TRADER_ACCOUNT=secret))
    plain = {"TRADER_BACKEND": "google"}
    assert read_service(text) == Service("worker", "1", "false", 540, plain, ("TRADER_ACCOUNT",), 1, (URL,))
    two = described()
    two["spec"]["traffic"] = [{"revisionName": "a", "percent": 60}, {"revisionName": "b", "percent": 40}]
    assert read_service(json.dumps(two)).revisions == 2


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"metadata": {}, "spec": {"template": {}}}',
        pytest.param("[" * 9999, id="deep"),
    ],
)
def test_what_describes_no_service_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="Cloud Run service"):
        read_service(wrong)
