"""The worker's environment: every ``TRADER_*`` variable, its default and its meaning."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from trader.domain.expected import expected
from trader.domain.status import Mode

PREFIX = "TRADER_"
DELIVERY_ATTEMPTS = 100
"""Deliveries of one message, the last of which ends the run: the subscription's dead-letter policy."""

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

    backend: Literal["local"] = "local"
    data_dir: Path = Field(default_factory=lambda: Path.home() / ".ib-intents")
    mode: Mode = Mode.PAPER
    account: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{2,32}$")] | None = None
    default: bool = True  # takes messages that name no account
    gateway_host: str = "127.0.0.1"
    gateway_port: Annotated[int, Field(ge=1, le=65535)] = 4002
    client_id: Annotated[int, Field(ge=0)] = 1
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    durations: Durations = Durations()

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
            if name not in cls.model_fields or name == "durations":
                known = ", ".join(sorted(variable_names()))
                raise SettingsError(f"unknown variable {PREFIX}{name.upper()}; known are {known}")
        try:
            return cls.model_validate({**given, "durations": Durations.model_validate(durations)})
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]).upper()
            found = first["input"]
            raise SettingsError(f"{PREFIX}{name}: expected {expected(first)}, found {found!r}") from None


def variable_names() -> list[str]:
    """Return the name of each variable that the worker reads."""
    plain = [name for name in Settings.model_fields if name != "durations"]
    return [PREFIX + name.upper() for name in [*plain, *Durations.model_fields]]
