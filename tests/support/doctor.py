"""A set-up without a fault for `trader doctor`, and what its checks find."""

import json
from collections.abc import Iterable
from typing import Any

from trader.doctor.description import INSTANCES, THROTTLING, URLS
from trader.doctor.facts import DeadLetters, Permissions, Subscription, Topics
from trader.doctor.report import Line, Verdict
from trader.doctor.subscription import RETRY_S
from trader.settings import DELIVERY_ATTEMPTS, Settings

URL = "https://worker-abc.a.run.app"
LETTERS = DeadLetters(
    topic="projects/p/topics/intents-dead-letter",
    attempts=DELIVERY_ATTEMPTS,
    is_there=True,
    is_read=True,
    permissions=Permissions(True, True),
)
GOOD = Subscription(
    name="worker-DU1",
    endpoint="https://worker-abc.a.run.app/",
    audience="worker",
    service_account="push@project.iam.gserviceaccount.com",
    ack_deadline_s=600,
    filter='NOT attributes:account OR attributes.account = "DU1"',
    ordered=False,
    dead_letters=LETTERS,
    retry_s=RETRY_S,
    expires=False,
)
TOPICS = Topics(missing=(), subscriptions=(GOOD,))
SETTINGS = Settings(
    backend="google",
    project="some-project",
    account="DU1",
    push_audience="worker",
    push_service_account="push@project.iam.gserviceaccount.com",
)


def described(**variables: Any) -> dict[str, Any]:
    """Return a description as gcloud prints it, of a worker with ``variables`` beside a gateway."""
    env = [
        {"name": name, **(value if isinstance(value, dict) else {"value": value})}
        for name, value in variables.items()
    ]
    container = {"ports": [{"containerPort": 8080}], "env": env}
    template = {
        "metadata": {"annotations": {INSTANCES: "1", THROTTLING: "false"}},
        "spec": {"timeoutSeconds": 540, "containers": [{"image": "gateway"}, container]},
    }
    return {
        "metadata": {"name": "worker", "annotations": {URLS: json.dumps([URL])}},
        "spec": {"template": template, "traffic": [{"latestRevision": True, "percent": 100}]},
        "status": {"url": URL},
    }


def findings(lines: Iterable[Line]) -> dict[str, Verdict]:
    """Return the findings' codes; each says what was expected, what was found, and what to do."""
    found = [line for line in lines if line.verdict in (Verdict.WARNING, Verdict.DANGER)]
    for line in found:
        assert line.message.startswith("expected ")
        assert ", found " in line.message
        assert line.advice
    return {line.code: line.verdict for line in found}


def is_good(lines: Iterable[Line]) -> bool:
    verdicts = {line.verdict for line in lines if line.code != "push-permissions"}  # never to be asked here
    return verdicts == {Verdict.OK}
