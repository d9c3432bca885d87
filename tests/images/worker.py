"""What a test asks of the worker in its container, and sends to it, on the container's own network."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any

from tests.images.commands import Ran
from tests.images.containers import Container
from tests.support.stack import until

PORT = 8080


def _ask(worker: Container, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """Return the status and the body of the worker's answer; raises OSError where it gives none."""
    connection = HTTPConnection("127.0.0.1", PORT)
    connection.sock = worker.connect(PORT)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def get(worker: Container, path: str) -> dict[str, Any]:
    """Return what the worker answers; nothing where it doesn't."""
    try:
        found: dict[str, Any] = json.loads(_ask(worker, "GET", path)[1])
    except OSError:
        return {}
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
    data = base64.b64encode(json.dumps(body).encode()).decode()
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    message = {"data": data, "messageId": str(body["id"]), "publishTime": at}
    return _ask(worker, "POST", "/", json.dumps({"message": message, "subscription": "s"}).encode())[0]


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
