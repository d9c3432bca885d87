"""What a test asks of the worker in its container, and sends to it, on the container's own network."""

import json
from collections.abc import Callable
from typing import Any

from tests.images.commands import Ran
from tests.images.containers import Container
from tests.support.stack import until

_GET = """
import sys, urllib.error, urllib.request
try: answer = urllib.request.urlopen("http://127.0.0.1:8080" + sys.argv[1])
except urllib.error.HTTPError as error: answer = error
except OSError: sys.exit("{}")
print(answer.read().decode())
"""

_PUSH = """
import base64, datetime, json, sys, urllib.error, urllib.request
at = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
data = base64.b64encode(sys.argv[1].encode()).decode()
body = {"message": {"data": data, "messageId": sys.argv[2], "publishTime": at}, "subscription": "s"}
asked = urllib.request.Request("http://127.0.0.1:8080/", json.dumps(body).encode())
asked.add_header("Content-Type", "application/json")
try: print(urllib.request.urlopen(asked).status)
except urllib.error.HTTPError as error: print(error.code)
"""


def get(worker: Container, path: str) -> dict[str, Any]:
    """Return what the worker answers; nothing where it doesn't."""
    found: dict[str, Any] = json.loads(worker.inside(_GET, path).said)
    return found


def readiness(worker: Container) -> dict[str, Any]:
    return get(worker, "/readyz")


def until_ready(worker: Container) -> dict[str, Any]:
    """Return what the worker says once it is ready."""
    said: dict[str, Any] = {}

    def ready() -> bool:
        said.update(readiness(worker))
        return said.get("ready") is True

    _until(ready, "a worker that is ready", worker)
    return said


def until_not_ready(worker: Container) -> dict[str, Any]:
    """Return what the worker says once it answers, and isn't ready."""
    said: dict[str, Any] = {}

    def waits() -> bool:
        said.update(readiness(worker))
        return said.get("ready") is False

    _until(waits, "a worker that waits for its gateway", worker)
    return said


def _until(holds: Callable[[], bool], what: str, worker: Container) -> None:
    try:
        until(holds, what)
    except AssertionError as error:
        error.add_note(worker.logs())
        raise


def deliver(worker: Container, body: dict[str, Any]) -> int:
    """Push an intent as Pub/Sub does, and return the status of the answer."""
    return int(worker.inside(_PUSH, json.dumps(body), str(body["id"])).said)


def result(worker: Container, body: dict[str, Any]) -> dict[str, Any]:
    """Push an intent that is acknowledged, and return the result event that the worker published of it."""
    status = deliver(worker, body)
    assert status == 204, (body, status, worker.logs())
    found: list[dict[str, Any]] = []

    def told() -> bool:
        ran = trader(worker, "results", "--json")
        assert ran.code == 0, ran.said
        events = [json.loads(line) for line in ran.said.splitlines()]
        results = (event["data"] for event in events if event["type"] == "ib-intents.result.v1")
        found[:] = [data for data in results if data.get("id") == f"id/{body['id']}"]
        return bool(found)

    _until(told, f"a result of {body['id']}", worker)
    return found[0]


def trader(worker: Container, *arguments: str) -> Ran:
    """Run one command of ``trader`` in the worker's container."""
    return worker.exec("python", "-P", "-m", "trader.entrypoints.cli", *arguments)
