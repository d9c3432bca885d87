"""Reads what `gcloud run services describe NAME --format=json` prints of a Cloud Run service."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from trader.doctor.facts import Service

INSTANCES = "autoscaling.knative.dev/maxScale"
URLS = "run.googleapis.com/urls"
THROTTLING = "run.googleapis.com/cpu-throttling"


def read_service(text: str) -> Service:
    """Return what ``gcloud run services describe NAME --format=json`` printed; raises ValueError otherwise.

    The worker's container is the one with a port.
    """
    try:
        data = json.loads(text)
        metadata: Mapping[str, Any] = data["metadata"]
        template = data["spec"]["template"]
        annotations: Mapping[str, Any] = template["metadata"].get("annotations") or {}
        containers = template["spec"]["containers"]
        worker = next(each for each in containers if each.get("ports") or len(containers) == 1)
        timeout = template["spec"].get("timeoutSeconds")
        plain, hidden = _variables(worker.get("env") or ())
        return Service(
            name=str(metadata["name"]),
            most_instances=_text(annotations.get(INSTANCES)),
            cpu_throttling=_text(annotations.get(THROTTLING)),
            timeout_s=timeout if isinstance(timeout, int) else None,
            variables=plain,
            hidden=hidden,
            revisions=len([each for each in data["spec"].get("traffic") or () if each.get("percent")]) or 1,
            urls=_urls(metadata.get("annotations") or {}, data.get("status") or {}),
        )
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        raise ValueError("expected the description of a Cloud Run service") from None


def _variables(env: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the plain variables, and the names of those whose values are in a secret."""
    plain = {str(each["name"]): str(each.get("value", "")) for each in env if "valueFrom" not in each}
    return plain, tuple(str(each["name"]) for each in env if "valueFrom" in each)


def _urls(annotations: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[str, ...]:
    """Return every address of the service's own: it has one with its project's number, and an older one."""
    found = {str(url) for url in json.loads(annotations.get(URLS, "[]"))}
    return tuple(sorted(found | ({str(status["url"])} if status.get("url") else set())))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
