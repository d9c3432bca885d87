"""The worker's environment: every ``TRADER_*`` variable, its default and its meaning."""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from trader.domain.expected import expected
from trader.domain.status import Mode

PREFIX = "TRADER_"
DELIVERY_ATTEMPTS = 100
"""Deliveries of one message, the last of which ends the run: the subscription's dead-letter policy."""

EMULATORS = {"firestore_emulator": "FIRESTORE_EMULATOR_HOST", "pubsub_emulator": "PUBSUB_EMULATOR_HOST"}
"""Google's own variables, which point at an emulator in place of the service."""

NO_PROJECT = "TRADER_PROJECT: expected a project for TRADER_BACKEND=google, found none; set it"

TopicName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class SettingsError(Exception):
    """A variable that is unknown or has a value that can't be used: one line for a person."""


class Durations(BaseModel):
    """How long things may take, in seconds; each is ``TRADER_<NAME>_S``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    handler_s: Seconds = 480  # a handler stops sending orders, waits no longer, and reports what stands
    request_s: Seconds = 540  # the server's and Cloud Run's request timeout
    ack_s: Seconds = 600  # the subscription's ack deadline
    lease_s: Seconds = 60  # a run's lease; renewed four times within it
    order_wait_s: Seconds = 30  # wait for an order's fill before reporting it as working
    settle_s: Seconds = 5  # after a reconnect, before absence at the broker means anything
    connect_s: Seconds = 30  # connect and synchronise
    broker_call_s: Seconds = 15  # any single question to the broker


class Settings(BaseModel):
    """The environment, validated. On a laptop nothing has to be set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Literal["local", "google"] = "local"
    project: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")] | None = None
    data_dir: Path = Field(default_factory=lambda: Path.home() / ".ib-intents")
    mode: Mode = Mode.PAPER
    account: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{2,32}$")] | None = None
    default: bool = True  # takes messages that name no account
    gateway_host: str = "127.0.0.1"
    gateway_port: Annotated[int, Field(ge=1, le=65535)] = 4002
    client_id: Annotated[int, Field(ge=0)] = 1
    intents_topic: TopicName = "intents"
    results_topic: TopicName = "results"
    push_audience: Annotated[str, StringConstraints(min_length=1)] | None = None  # set: tokens are verified
    push_service_account: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    durations: Durations = Durations()
    firestore_emulator: str | None = None
    pubsub_emulator: str | None = None

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read ``TRADER_*`` from ``environment`` (the process's own if none is given).

        Raises SettingsError, one line, on a variable that is unknown or unusable.
        """
        variables = os.environ if environment is None else environment
        given = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in variables.items()
            if name.startswith(PREFIX) and value != ""
        }
        durations = {name: given.pop(name) for name in list(given) if name in Durations.model_fields}
        for name in given:
            if name not in cls.model_fields or name in _NOT_PREFIXED:
                known = ", ".join(sorted(variable_names()))
                raise SettingsError(f"unknown variable {PREFIX}{name.upper()}; known are {known}")
        try:
            found = cls.model_validate(
                {**given, **_emulators(variables), "durations": Durations.model_validate(durations)}
            )
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]).upper()
            found = first["input"]
            raise SettingsError(f"{PREFIX}{name}: expected {expected(first)}, found {found!r}") from None
        _check_together(found)
        return found


_NOT_PREFIXED = frozenset({"durations", *EMULATORS})


def _emulators(variables: Mapping[str, str]) -> dict[str, str]:
    if variables.get(f"{PREFIX}BACKEND") != "google":
        return {}
    found = {field: variables.get(name, "") for field, name in EMULATORS.items()}
    for field, address in found.items():
        if address and not _is_here(address):
            raise SettingsError(
                f"{EMULATORS[field]}: expected an emulator on this machine such as 127.0.0.1:8085, "
                f"found {address!r}; unset it to use the service"
            )
    return {field: address for field, address in found.items() if address}


def _is_here(address: str) -> bool:
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        is_loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
    return is_loopback and port.isascii() and port.isdigit() and 0 < int(port) <= 65535


def _check_together(found: Settings) -> None:
    """Raise SettingsError for values that are right each for itself, and not together."""
    if found.backend == "google" and found.project is None:
        raise SettingsError(NO_PROJECT)
    emulators = [EMULATORS[name] for name in EMULATORS if getattr(found, name) is not None]
    if found.mode is Mode.LIVE and emulators:
        raise SettingsError(
            f"{emulators[0]}: expected no emulator with TRADER_MODE=live, found one; an emulator forgets "
            "what was sent, unset it"
        )
    if len(emulators) == 1:
        other = next(name for name in EMULATORS.values() if name not in emulators)
        raise SettingsError(f"{other}: expected both emulators or none, found only {emulators[0]}; set both")
    if (found.push_audience is None) != (found.push_service_account is None):
        missing = "AUDIENCE" if found.push_audience is None else "SERVICE_ACCOUNT"
        raise SettingsError(
            f"TRADER_PUSH_{missing}: expected it together with the other TRADER_PUSH_*, found none; "
            "set both to verify tokens, or neither"
        )


def trace_exporter(environment: Mapping[str, str] | None = None) -> str | None:
    """Return where OpenTelemetry's own variables send spans, ``otlp`` or ``console``; None for nowhere.

    Raises SettingsError for an exporter that isn't here.
    """
    variables = os.environ if environment is None else environment
    given = {name: variables.get(name, "") for name in (*_OTLP_ENDPOINTS, "OTEL_TRACES_EXPORTER")}
    wanted = given.pop("OTEL_TRACES_EXPORTER") or ("otlp" if any(given.values()) else "none")
    if wanted not in ("otlp", "console", "none"):
        raise SettingsError(
            f"OTEL_TRACES_EXPORTER: expected otlp, console or none, found {wanted!r}; set one of them"
        )
    is_off = wanted == "none" or variables.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return None if is_off else wanted


_OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def variable_names() -> list[str]:
    """Return the name of each variable that the worker reads."""
    plain = [name for name in Settings.model_fields if name not in _NOT_PREFIXED]
    return [PREFIX + name.upper() for name in [*plain, *Durations.model_fields]]
