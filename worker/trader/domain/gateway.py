"""The gateway's states, and what each of them allows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class GatewayState(StrEnum):
    """Where the connection to the gateway stands."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    LOGIN_REQUIRED = "login-required"  # the port answers, the login doesn't: a person may have to approve it
    SYNCHRONISING = "synchronising"
    READY = "ready"
    DEGRADED = "degraded"  # connected, but the gateway has lost the broker (1100)
    REFUSED = "refused"  # connected, but not to what was configured: another account, mode or clock


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """A state, since when, and why: one line for a person."""

    state: GatewayState
    since: datetime
    reason: str
    account: str | None = None
    market_data: str = "unknown"
    code: str = ""  # why it isn't ready, kebab-case; empty while it is

    @property
    def ready(self) -> bool:
        """Whether the gateway may be asked and, as far as it is concerned, traded on."""
        return self.state is GatewayState.READY
