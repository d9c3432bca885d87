"""A deployment from nothing, played once against a recorder of Google's APIs: what each step asks for."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.infra.deployment import LIVE, PAPER, PASSWORD, ROOT, USER, Ran, story
from tests.support.google_apis import NUMBER, PROJECT, REGION, Call
from trader.adapters.local_topic.push import AT_ONCE
from trader.domain.schedules_reading import parse_schedules
from trader.settings import DELIVERY_ATTEMPTS, Durations, Settings

Story = dict[str, Ran]
SERVICE = f"ib-trading-{PAPER.lower()}"
URL = f"https://{SERVICE}-{NUMBER}.example"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Story:
    """The story, shared by all processes that run tests."""
    base = tmp_path_factory.getbasetemp()
    return story(tmp_path_factory.mktemp("story"), base if worker_id == "master" else base.parent)


@pytest.fixture(scope="module")
def first(told: Story) -> list[Call]:
    """All changes of the first deployment."""
    return told["failing"].changes() + told["rest"].changes()


def made(calls: list[Call], api: str, collection: str) -> dict[str, dict[str, Any]]:
    """Return the bodies of what was made in a collection, by name."""
    found = {}
    for call in calls:
        parent, _, name = call.resource.rpartition("/")
        if call.api != api or ":" in call.resource:
            continue
        if call.method == "PUT" and parent.endswith(collection):
            found[name] = call.body
        elif call.method == "POST" and name == collection:
            given = next((value for key, value in call.query.items() if key.endswith("Id")), None)
            named = given or call.body.get("accountId") or call.body.get("name") or ""
            named = named or call.body.get("metadata", {}).get("name") or call.body.get("displayName", "")
            found[str(named).rpartition("/")[2]] = call.body
    return found


def granted(calls: list[Call]) -> set[tuple[str, str, str]]:
    """Return each grant that was set: resource, role and member."""
    found = set()
    for call in calls:
        is_storages = call.api == "storage" and call.resource.endswith("/iam")
        if call.resource.endswith(":setIamPolicy") or is_storages:
            policy = call.body.get("policy", call.body)
            resource = call.resource.removesuffix(":setIamPolicy").removesuffix("/iam")
            for binding in policy["bindings"]:
                found |= {(resource, binding["role"], member) for member in binding["members"]}
    return found


def listed_grants(accounts: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield what infra/grants.yaml says, in Google's own words."""
    domain = f"{PROJECT}.iam.gserviceaccount.com"
    whom = {
        "push": f"serviceAccount:ib-trading-push@{domain}",
        "builder": f"serviceAccount:ib-trading-builder@{domain}",
        "operator": "user:person@example.com",
        "pubsub": f"serviceAccount:service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com",
        "scheduler": f"serviceAccount:service-{NUMBER}@gcp-sa-cloudscheduler.iam.gserviceaccount.com",
    }
    for grant in yaml.safe_load((ROOT / "infra/grants.yaml").read_text())["grants"]:
        for account in accounts:
            small, secret = account.lower(), "paper" if account == PAPER else "live"
            member = whom.get(grant["member"]) or f"serviceAccount:ib-trading-{small}@{domain}"
            place = f"projects/{PROJECT}"
            yield (
                {
                    "project": place,
                    "bucket": f"b/{PROJECT}-ib-trading-data",
                    "repository": f"{place}/locations/{REGION}/repositories/cloud-run-repo",
                    "secret {account}": f"{place}/secrets/ib-{secret}-credentials",
                    "service {account}": f"{place}/locations/{REGION}/services/ib-trading-{small}",
                    "job {account}": f"{place}/locations/{REGION}/jobs/ib-trading-{small}-trader",
                    "subscription {account}": f"{place}/subscriptions/worker-{account}",
                    "identity push": f"{place}/serviceAccounts/ib-trading-push@{domain}",
                    "identity worker {account}": f"{place}/serviceAccounts/ib-trading-{small}@{domain}",
                    **{f"topic {name}": f"{place}/topics/{name}" for name in TOPICS},
                    **{f"reading {name}": f"{place}/subscriptions/{name}" for name in READ},
                }[grant["resource"]],
                grant["role"],
                member,
            )


TOPICS = ("intents", "results", "intents-dead-letter")
READ = ("results-console", "intents-dead-letter")


def test_each_grant_is_one_of_the_reviewed_list_and_each_of_the_list_is_made(
    told: Story, first: list[Call]
) -> None:
    assert granted(first) == set(listed_grants([PAPER]))
    assert granted([*first, *told["adding"].changes()]) == set(listed_grants([PAPER, LIVE]))


def test_nobody_may_change_services_at_run_time_or_read_anothers_secret() -> None:
    grants = yaml.safe_load((ROOT / "infra/grants.yaml").read_text())["grants"]
    assert all(grant["why"] for grant in grants)
    workers = [grant for grant in grants if grant["member"].startswith("worker")]
    assert {grant["role"] for grant in workers} == {
        "roles/datastore.user",
        "roles/pubsub.publisher",
        "roles/secretmanager.secretAccessor",
        "roles/storage.objectUser",
    }
    (secret,) = [grant for grant in workers if "secret" in grant["role"]]
    assert (secret["resource"], secret["member"]) == ("secret {account}", "worker {account}")
    assert not [grant for grant in grants if grant["role"].endswith((".admin", "owner", "roles/editor"))]


def test_a_failure_says_which_step_and_how_to_go_on_and_that_converges(told: Story) -> None:
    assert told["failing"].code == 1
    assert "told to fail" in told["failing"].err
    assert "go on with: infra/deploy.sh --from 75-deliveries" in told["failing"].err
    assert "== 80-configuration" not in told["failing"].out
    assert told["rest"].code == 0, told["rest"].err
    assert "== 70-services" not in told["rest"].out
    assert "gcloud pubsub topics publish intents" in told["rest"].out


def test_another_deployment_makes_only_what_a_new_account_lacks(told: Story) -> None:
    ran = told["adding"]
    assert ran.code == 0, ran.err
    others = [
        call
        for call in ran.changes()
        if LIVE.lower() not in call.resource.lower()
        and LIVE.lower() not in json.dumps(call.body).lower()
        and not call.resource.endswith(f"{SERVICE}-trader:run")
    ]
    assert others == []
    runs = [_told_to_job(call) for call in ran.changes("run") if call.resource.endswith("-trader:run")]
    assert all(run[:3] == ["config", "set", "--once"] or run[:2] == ["schedules", "apply"] for run in runs)


def test_the_service_is_one_worker_beside_one_gateway_and_closed(first: list[Call]) -> None:
    service = made(first, "run", "services")[SERVICE]
    template = service["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    assert annotations["autoscaling.knative.dev/maxScale"] == "1"
    assert annotations["autoscaling.knative.dev/minScale"] == "1"
    assert annotations["run.googleapis.com/cpu-throttling"] == "false"
    assert "run.googleapis.com/container-dependencies" not in annotations
    spec = template["spec"]
    assert spec["containerConcurrency"] == AT_ONCE
    assert spec["timeoutSeconds"] == Durations().request_s
    assert spec["serviceAccountName"] == f"{SERVICE}@{PROJECT}.iam.gserviceaccount.com"
    worker, gateway = spec["containers"]
    assert [port["containerPort"] for port in worker["ports"]] == [8080]
    assert "ports" not in gateway
    assert "startupProbe" not in gateway
    members = {member for resource, _, member in granted(first) if "/services/" in resource}
    assert members == {f"serviceAccount:ib-trading-push@{PROJECT}.iam.gserviceaccount.com"}


def test_the_worker_starts_from_the_environment_that_it_is_given_and_has_no_credentials(
    first: list[Call],
) -> None:
    worker, gateway = made(first, "run", "services")[SERVICE]["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each["value"] for each in worker["env"]}
    settings = Settings.load(given)
    assert (settings.backend, settings.project, settings.account) == ("google", PROJECT, PAPER)
    assert (settings.mode.value, settings.default, settings.gateway_port) == ("paper", True, 4002)
    assert [mount["name"] for mount in worker["volumeMounts"]] == ["data"]
    (mount,) = gateway["volumeMounts"]
    credentials = {each["name"]: each["value"] for each in gateway["env"]}["IB_CREDENTIALS_FILE"]
    assert credentials.startswith(mount["mountPath"])
    probe = worker["startupProbe"]
    assert probe["httpGet"]["path"] == worker["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert probe["periodSeconds"] * probe["failureThreshold"] <= 240


def test_a_live_account_has_its_own_service_with_the_live_gateway(told: Story) -> None:
    service = made(told["adding"].changes(), "run", "services")[f"ib-trading-{LIVE.lower()}"]
    spec = service["spec"]["template"]["spec"]
    given = {each["name"]: each["value"] for each in spec["containers"][0]["env"]}
    settings = Settings.load(given)
    assert (settings.mode.value, settings.default, settings.gateway_port) == ("live", False, 4001)
    assert spec["volumes"][0]["secret"]["secretName"] == "ib-live-credentials"


def test_deadlines_nest_and_what_nobody_acknowledges_is_kept(told: Story, first: list[Call]) -> None:
    subscription = made(first, "pubsub", "subscriptions")[f"worker-{PAPER}"]
    durations = Durations()
    assert durations.handler_s < durations.request_s < subscription["ackDeadlineSeconds"] == durations.ack_s
    assert subscription["filter"] == f'NOT attributes:account OR attributes.account = "{PAPER}"'
    assert subscription["pushConfig"] == {
        "pushEndpoint": f"{URL}/",
        "oidcToken": {
            "audience": URL,
            "serviceAccountEmail": f"ib-trading-push@{PROJECT}.iam.gserviceaccount.com",
        },
    }
    assert subscription["retryPolicy"] == {"minimumBackoff": "10s", "maximumBackoff": "300s"}
    assert subscription["deadLetterPolicy"] == {
        "deadLetterTopic": f"projects/{PROJECT}/topics/intents-dead-letter",
        "maxDeliveryAttempts": DELIVERY_ATTEMPTS,
    }
    assert "enableMessageOrdering" not in subscription
    other = made(told["adding"].changes(), "pubsub", "subscriptions")[f"worker-{LIVE}"]
    assert other["filter"] == f'attributes.account = "{LIVE}"'
    assert set(made(first, "pubsub", "topics")) == set(TOPICS)
    assert set(READ) < set(made(first, "pubsub", "subscriptions"))


def test_jobs_are_those_of_the_file_with_what_names_their_ticks(told: Story, first: list[Call]) -> None:
    wanted = parse_schedules(yaml.safe_load((ROOT / "infra/schedules.yaml").read_text()))
    jobs = made(first, "cloudscheduler", "jobs")
    enabled = {f"{SERVICE}-{job.name}": job for job in wanted.schedules if job.enabled}
    assert set(jobs) == set(enabled)
    for name, job in jobs.items():
        schedule = enabled[name]
        assert re.fullmatch(r"(\S+ ){4}\S+", job["schedule"])
        assert (job["schedule"], job["timeZone"]) == (schedule.cron, schedule.time_zone)
        target = job["pubsubTarget"]
        assert target["topicName"] == f"projects/{PROJECT}/topics/intents"
        assert json.loads(base64.b64decode(target["data"])) == schedule.message
        own = {"schedule": schedule.name, "cron": schedule.cron, "timeZone": schedule.time_zone}
        assert target["attributes"] == {**own, "account": PAPER}
        assert float(job["retryConfig"]["maxRetryDuration"].removesuffix("s")) < 90
    applied = [_told_to_job(call) for call in told["rest"].changes("run") if call.resource.endswith(":run")]
    (text,) = [words[-1] for words in applied if words[:2] == ["schedules", "apply"]]
    assert parse_schedules(yaml.safe_load(text)) == wanted


def test_the_first_configuration_is_written_once_and_the_trading_state_never(told: Story) -> None:
    written = []
    for name, ran in told.items():
        for call in ran.changes("run") if name != "halting" else ():
            if call.resource.endswith(":run"):
                words = _told_to_job(call)
                assert words[:2] in (["config", "set"], ["schedules", "apply"], ["settled", "--wait"])
                written += [words] if words[0] == "config" else []
        assert not [call for call in ran.changes("firestore") if "/documents" in call.resource]
    assert written
    for words in written:
        assert words[:4] == ["config", "set", "--once", "--text"]
    assert {yaml.safe_load(words[4])["account"] for words in written} == {PAPER, LIVE}


def _told_to_job(call: Call) -> list[str]:
    (container,) = call.body["overrides"]["containerOverrides"]
    words: list[str] = container["args"]
    assert words[:3] == ["-P", "-m", "trader.entrypoints.cli"]
    return words[3:]


def test_the_secret_is_the_plans_json_and_its_password_is_seen_nowhere_else(
    told: Story, first: list[Call]
) -> None:
    (added,) = [call for call in first if call.resource.endswith(":addVersion")]
    data = json.loads(base64.b64decode(added.body["payload"]["data"]))
    assert data == {"userid": USER, "password": PASSWORD}
    for ran in told.values():
        assert PASSWORD not in ran.out + ran.err
        others = [call.body for call in ran.calls if not call.resource.endswith(":addVersion")]
        assert PASSWORD not in json.dumps(others)


def test_indexes_and_the_end_of_old_runs_are_those_of_the_file(first: list[Call]) -> None:
    wanted = json.loads((ROOT / "infra/firestore.indexes.json").read_text())["fieldOverrides"]
    asked: dict[tuple[str, str], Any] = {}
    ending = set()
    for call in first:
        if call.api == "firestore" and call.method == "PATCH":
            _, group, _, field = call.resource.rsplit("/", 3)
            if "ttlConfig" in call.body:
                ending.add((group, field))
            else:
                indexes = call.body["indexConfig"].get("indexes", [])
                asked[group, field] = [
                    {"order": index["fields"][0]["order"], "queryScope": index["queryScope"]}
                    for index in indexes
                ]
    assert asked == {(each["collectionGroup"], each["fieldPath"]): each["indexes"] for each in wanted}
    assert ending == {(each["collectionGroup"], each["fieldPath"]) for each in wanted if each.get("ttl")}
    database = made(first, "firestore", "databases")["(default)"]
    assert (database["type"], database["locationId"]) == ("FIRESTORE_NATIVE", REGION)
    assert database["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"


def test_live_builds_wait_for_a_person(first: list[Call]) -> None:
    triggers = made(first, "cloudbuild", "triggers")
    assert set(triggers) == {"ib-trading-paper", "ib-trading-live"}
    assert triggers["ib-trading-live"]["approvalConfig"] == {"approvalRequired": True}
    assert "approvalConfig" not in triggers["ib-trading-paper"]
    known = set(yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())["substitutions"])
    for trigger in triggers.values():
        assert set(trigger["substitutions"]) == known
        assert trigger["github"]["push"] == {"branch": "^main$"}


def test_the_build_is_given_what_it_needs_and_deploys_nothing_by_itself(first: list[Call]) -> None:
    ((build,),) = [[call.body for call in first if call.api == "cloudbuild" and "/builds" in call.resource]]
    assert build["substitutions"]["COMMIT_SHA"] == "abc123"
    assert build["substitutions"]["_DEPLOY"] == "no"
    known = set(yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())["substitutions"])
    assert set(build["substitutions"]) - {"COMMIT_SHA"} <= known


def test_every_alert_of_the_file_has_its_policy_and_its_metric(first: list[Call]) -> None:
    alerts = yaml.safe_load((ROOT / "infra/alerts.yaml").read_text())["alerts"]
    policies = made(first, "monitoring", "alertPolicies")
    metrics = made(first, "logging", "metrics")
    assert set(policies) == {f"ib-intents: {alert['name']}" for alert in alerts}
    for alert in alerts:
        (condition,) = policies[f"ib-intents: {alert['name']}"]["conditions"]
        threshold = condition["conditionThreshold"]
        if "log" in alert:
            assert metrics[f"ib-intents-{alert['name']}"]["filter"] == alert["log"]
            assert f"logging.googleapis.com/user/ib-intents-{alert['name']}" in threshold["filter"]
        else:
            assert threshold["filter"] == alert["metric"]
        assert threshold.get("thresholdValue", 0) == alert.get("above", alert.get("below"))
        assert threshold["comparison"] == f"COMPARISON_{'GT' if 'above' in alert else 'LT'}"
        (period,) = threshold["aggregations"]
        assert period["alignmentPeriod"] == f"{alert['minutes'] * 60}s"
    (channel,) = [call.body for call in first if call.resource.endswith("/notificationChannels")]
    assert channel["labels"] == {"email_address": "alerts@example.com"}


def test_a_budget_is_set_on_the_project_alone(first: list[Call]) -> None:
    (budget,) = [call.body for call in first if call.api == "billingbudgets"]
    found = budget.get("budget", budget)
    assert found["amount"]["specifiedAmount"]["units"] == "150"
    assert found["budgetFilter"]["projects"] == [f"projects/{PROJECT}"]


def test_a_release_stops_deliveries_lets_runs_end_and_resumes_at_the_new_revision(told: Story) -> None:
    ran = told["releasing"]
    assert ran.code == 0, ran.err
    order = [_what(call) for call in ran.changes()]
    assert order == ["push to nowhere", "settled", "service def456", "job", f"push to {URL}/"]
    assert "is ready since" in ran.out


def _what(call: Call) -> str:
    if call.resource.endswith(":modifyPushConfig"):
        return f"push to {call.body['pushConfig'].get('pushEndpoint') or 'nowhere'}"
    if call.resource.endswith(":run"):
        return _told_to_job(call)[0]
    if "/services/" in call.resource:
        return f"service {call.body['spec']['template']['metadata']['labels']['commit']}"
    return "job" if "/jobs/" in call.resource else call.resource


def test_a_rollback_is_the_release_of_the_commit_before(told: Story) -> None:
    ran = told["rolling-back"]
    assert ran.code == 0, ran.err
    assert "from def456 back to abc123" in ran.out
    assert "service abc123" in [_what(call) for call in ran.changes()]


def test_tearing_down_leaves_the_project_as_it_was(told: Story) -> None:
    ran = told["tearing-down"]
    assert ran.code == 0, ran.err
    everything = {
        ("DELETE", name)
        for story in (told["failing"], told["rest"], told["adding"])
        for api, collection in MADE
        for name in made(story.changes(), api, collection)
    }
    gone = {(call.method, call.resource.rpartition("/")[2].partition("@")[0]) for call in ran.changes()}
    named = {(method, name) for method, name in everything if not name.startswith("ib-intents: ")}
    assert named <= gone


def test_tearing_down_what_is_torn_down_already_changes_nothing(told: Story) -> None:
    ran = told["tearing-down-again"]
    assert (ran.code, ran.changes()) == (0, []), ran.err


MADE = (
    ("iam", "serviceAccounts"),
    ("secretmanager", "secrets"),
    ("artifactregistry", "repositories"),
    ("firestore", "databases"),
    ("pubsub", "topics"),
    ("pubsub", "subscriptions"),
    ("run", "services"),
    ("run", "jobs"),
    ("cloudscheduler", "jobs"),
    ("logging", "metrics"),
)
