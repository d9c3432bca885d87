"""The scenario file (`--scenario`): rules that say when the gateway misbehaves, and how."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Delay(_Frozen):
    """Answer only after so many simulated seconds."""

    do: Literal["delay"] = "delay"
    seconds: float


class Reject(_Frozen):
    """Answer with this error, do nothing else."""

    do: Literal["reject"] = "reject"
    code: int
    message: str


class Silent(_Frozen):
    """Never answer: at `connect` nothing on this connection, at a request that request."""

    do: Literal["silent"] = "silent"


class Drop(_Frozen):
    """Close the socket, before or after the request has had its effect."""

    do: Literal["drop"] = "drop"
    when: Literal["before", "after"] = "before"


class NoLogin(_Frozen):
    """The port is open but nobody is logged in: the handshake is never answered."""

    do: Literal["no_login"] = "no_login"


Action = Delay | Reject | Silent | Drop | NoLogin


class Scenario(_Frozen):
    """A scenario, checked; empty: the gateway behaves."""

    rules: tuple[object, ...] = ()


def load_scenario(path: Path) -> Scenario:
    """Read a scenario; ValueError is one line: file, rule, field, what was expected, what was found."""
    raise NotImplementedError
