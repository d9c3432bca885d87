"""Whether the Cloud Run service runs one worker, with its CPU on, and as the worker's own settings say."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from trader.doctor.facts import Service, Unknown
from trader.doctor.report import Line, danger, ok, unchecked, warning
from trader.settings import PREFIX, Settings, SettingsError

INSTANCES = "autoscaling.knative.dev/maxScale"
THROTTLING = "run.googleapis.com/cpu-throttling"


def read_service(text: str) -> Service:
    """Return what ``gcloud run services describe NAME --format=json`` printed; raises ValueError otherwise.

    The worker's container is the one with a port.
    """
    try:
        data = json.loads(text)
        template = data["spec"]["template"]
        annotations: Mapping[str, Any] = template["metadata"].get("annotations") or {}
        containers = template["spec"]["containers"]
        worker = next(each for each in containers if each.get("ports") or len(containers) == 1)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        raise ValueError("expected the description of a Cloud Run service") from None
    timeout = template["spec"].get("timeoutSeconds")
    return Service(
        name=str(data.get("metadata", {}).get("name", "the service")),
        most_instances=_text(annotations.get(INSTANCES)),
        cpu_throttling=_text(annotations.get(THROTTLING)),
        timeout_s=int(timeout) if isinstance(timeout, int) else None,
        variables={
            str(each["name"]): str(each["value"]) for each in worker.get("env") or () if "value" in each
        },
    )


def check_service(service: Service | Unknown) -> Iterator[Line]:
    """Hold a service against what exactly one worker needs."""
    if isinstance(service, Unknown):
        yield unchecked("service", service.reason)
        return
    lines = [*_instances(service), *_settings(service)]
    yield from lines or [ok("service", f"{service.name}: one instance at most, its CPU always on")]


def _instances(service: Service) -> Iterator[Line]:
    if service.most_instances != "1":
        yield danger(
            "instances",
            f"{service.name} with {INSTANCES} 1",
            service.most_instances or "none set",
            "set it: two workers on two gateways have nothing that fences one of them off at the broker",
        )
    if service.cpu_throttling != "false":
        yield danger(
            "cpu-throttled",
            f"{service.name} with {THROTTLING} false",
            service.cpu_throttling or "none set",
            "set it: between requests no lease is renewed, no fill heard and no dead run ended",
        )


def _settings(service: Service) -> Iterator[Line]:
    given = {name: value for name, value in service.variables.items() if name.startswith(PREFIX)}
    try:
        settings = Settings.load(given)
    except SettingsError as error:
        yield danger("service-settings", "variables that a worker takes", str(error), "correct them")
        return
    if settings.backend != "google":
        yield danger(
            "service-backend",
            "TRADER_BACKEND google in the cloud",
            settings.backend,
            "set it: an instance's own files are gone with it, claims and all",
        )
    if service.timeout_s is not None and service.timeout_s < settings.durations.request_s:
        yield danger(
            "service-timeout",
            f"a request timeout of {settings.durations.request_s:g} s (TRADER_REQUEST_S)",
            f"{service.timeout_s} s",
            "raise it: else requests are cut off while their runs still work",
        )
    if settings.account is None:
        yield warning(
            "service-account-unnamed",
            "TRADER_ACCOUNT to name the account",
            "none",
            "name it: a worker then refuses a gateway that is logged in to another one",
        )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
