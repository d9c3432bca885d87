"""Whether the Cloud Run service runs one worker, with its CPU on, and as the worker's own settings say."""

from collections.abc import Iterable, Iterator

from trader.doctor.description import INSTANCES, THROTTLING
from trader.doctor.facts import Service, Topics, Unknown
from trader.doctor.report import Line, danger, ok, unchecked, warning
from trader.settings import PREFIX, Settings, SettingsError

OF_THE_WORKER = (
    *("default", "mode", "gateway_port", "intents_topic", "results_topic"),
    *("push_audience", "push_service_account", "durations"),
)
"""Which settings a deployed worker has for itself; the others say where the command looks."""


def settings_of(service: Service) -> Settings | None:
    """Return what the worker in ``service`` runs with; None where a part of it isn't told or isn't usable."""
    if _hidden(service):
        return None
    try:
        return Settings.load(_given(service))
    except SettingsError:
        return None


def as_deployed(settings: Settings, service: Service | Unknown) -> Settings:
    """Return ``settings``, which say where to look, with what ``service`` says of its worker."""
    deployed = None if isinstance(service, Unknown) else settings_of(service)
    if deployed is None:
        return settings
    theirs = {name: getattr(deployed, name) for name in OF_THE_WORKER}
    return settings.model_copy(update={**theirs, "account": settings.account or deployed.account})


def _given(service: Service) -> dict[str, str]:
    return {name: value for name, value in service.variables.items() if name.startswith(PREFIX)}


def _hidden(service: Service) -> list[str]:
    return [name for name in service.hidden if name.startswith(PREFIX)]


def check_service(service: Service | Unknown, topics: Topics | Unknown, settings: Settings) -> Iterator[Line]:
    """Hold a service against what exactly one worker needs, and against what pushes to it.

    ``settings`` are those that the command was given: where it looks, and for which account.
    """
    if isinstance(service, Unknown):
        yield unchecked("service", service.reason)
        return
    lines = [*_instances(service), *_settings(service, settings), *_endpoints(service, topics)]
    yield from lines or [ok("service", f"{service.name}: one instance at most, its CPU always on")]


def _instances(service: Service) -> Iterator[Line]:
    if service.most_instances != "1":
        yield danger(
            "instances",
            f"{service.name} with {INSTANCES} 1",
            service.most_instances or "none set",
            "set it: two workers on two gateways have nothing that fences one of them off at the broker",
        )
    if service.revisions > 1:
        yield danger(
            "two-revisions",
            f"all requests of {service.name} to go to one revision",
            f"they go to {service.revisions}",
            f"gcloud run services update-traffic {service.name} --to-latest: each revision runs a worker",
        )
    if service.cpu_throttling != "false":
        yield danger(
            "cpu-throttled",
            f"{service.name} with {THROTTLING} false",
            service.cpu_throttling or "none set",
            "set it: between requests no lease is renewed, no fill heard and no dead run ended",
        )


def _settings(service: Service, settings: Settings) -> Iterator[Line]:
    if hidden := _hidden(service):
        yield unchecked("service-settings", f"{', '.join(hidden)}: kept in secrets, which aren't read here")
        return
    try:
        deployed = Settings.load(_given(service))
    except SettingsError as error:
        yield danger("service-settings", "variables that a worker takes", str(error), "correct them")
        return
    if deployed.backend != "google":
        yield danger(
            "service-backend",
            "TRADER_BACKEND google in the cloud",
            deployed.backend,
            "set it: an instance's own files are gone with it, claims and all",
        )
    elif deployed.project != settings.project:
        yield danger(
            "service-project",
            f"{service.name} in the project that is looked at, {settings.project}",
            f"TRADER_PROJECT {deployed.project} in it",
            "correct the one or the other: all that is said here of topics and store is of another project",
        )
    yield from _timeout(service, deployed)
    yield from _account(deployed, settings)


def _timeout(service: Service, deployed: Settings) -> Iterator[Line]:
    request_s = deployed.durations.request_s
    if service.timeout_s is None:
        yield unchecked("service-timeout", "the description has no request timeout in it")
    elif service.timeout_s < request_s:
        yield danger(
            "service-timeout",
            f"a request timeout of {request_s:g} s (TRADER_REQUEST_S)",
            f"{service.timeout_s} s",
            "raise it: else requests are cut off while their runs still work",
        )


def _account(deployed: Settings, settings: Settings) -> Iterator[Line]:
    if deployed.account is None:
        yield warning(
            "service-account-unnamed",
            "TRADER_ACCOUNT to name the account",
            "none",
            "name it: a worker then refuses a gateway that is logged in to another one",
        )
    elif settings.account not in (None, deployed.account):
        yield danger(
            "service-account",
            f"a worker for {settings.account}",
            f"one with TRADER_ACCOUNT {deployed.account}",
            "name the account that is meant, or describe its own service",
        )


def _endpoints(service: Service, topics: Topics | Unknown) -> Iterator[Line]:
    """Hold where intents are pushed to against where the service is; its own address may be a proxy's."""
    pushed_to = [] if isinstance(topics, Unknown) else [each.endpoint for each in topics.subscriptions]
    if not service.urls or not pushed_to:
        yield unchecked("push-endpoint", f"{service.name} has no address yet, or no subscription to compare")
    elif not any(_is_at(endpoint, service.urls) for endpoint in pushed_to):
        yield warning(
            "push-endpoint",
            f"a subscription that pushes to {' or '.join(service.urls)}",
            ", ".join(pushed_to),
            "correct it, unless that is an address of your own in front of the service",
        )


def _is_at(endpoint: str, urls: Iterable[str]) -> bool:
    return any(endpoint == url or endpoint.startswith(f"{url}/") for url in urls)
