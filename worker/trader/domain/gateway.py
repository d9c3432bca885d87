"""The gateway's states: which can follow which, and what each of them allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from trader.domain.errors import GatewayNotReady
from trader.domain.status import IntentClass


class GatewayState(StrEnum):
    """Where the connection to the gateway stands."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"  # for the first time: nothing is known yet
    LOGIN_REQUIRED = "login-required"  # the port answers, the login doesn't: a person may have to approve it
    SYNCHRONISING = "synchronising"
    READY = "ready"
    DEGRADED = "degraded"  # connected, but the gateway has lost the broker (1100)
    REFUSED = "refused"  # connected, but not to what was configured: another account, mode or clock
    RESTART_WINDOW = "restart-window"  # it restarts about now: it may go at any moment


_BY_CONNECTING = frozenset(
    {
        GatewayState.DISCONNECTED,
        GatewayState.LOGIN_REQUIRED,
        GatewayState.REFUSED,
        GatewayState.DEGRADED,
        GatewayState.SYNCHRONISING,
    }
)

TRANSITIONS: Mapping[GatewayState, frozenset[GatewayState]] = {
    GatewayState.CONNECTING: _BY_CONNECTING,
    GatewayState.DISCONNECTED: _BY_CONNECTING - {GatewayState.DISCONNECTED},
    GatewayState.LOGIN_REQUIRED: _BY_CONNECTING - {GatewayState.LOGIN_REQUIRED},
    GatewayState.REFUSED: _BY_CONNECTING - {GatewayState.REFUSED},
    GatewayState.SYNCHRONISING: frozenset(
        {GatewayState.READY, GatewayState.DEGRADED, GatewayState.DISCONNECTED}
    ),
    GatewayState.READY: frozenset(
        {
            GatewayState.SYNCHRONISING,
            GatewayState.DEGRADED,
            GatewayState.DISCONNECTED,
            GatewayState.REFUSED,  # the clocks have parted
        }
    ),
    GatewayState.DEGRADED: frozenset(
        {GatewayState.SYNCHRONISING, GatewayState.DISCONNECTED, GatewayState.REFUSED}
    ),
}
"""What a connection's state may change to. Only SYNCHRONISING leads to READY: whatever happened while the
gateway was away, or without its broker, is known before anything is done. The restart window is none of the
connection's own states: the clock lays it over them (``domain.restart``)."""

_CONTROL = frozenset({IntentClass.CONTROL})

ALLOWS: Mapping[GatewayState, frozenset[IntentClass]] = {
    **dict.fromkeys(GatewayState, _CONTROL),
    # While it is still there it may be read: what breaks off has changed nothing.
    GatewayState.RESTART_WINDOW: _CONTROL | {IntentClass.READING},
    GatewayState.READY: _CONTROL | {IntentClass.READING, IntentClass.TRADING},
}
"""What may be done in a state, by the class of the intent; a control intent needs no gateway."""


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

    def require(self, kind: IntentClass) -> None:
        """Raise GatewayNotReady unless this state allows an intent of that class."""
        if kind not in ALLOWS[self.state]:
            raise GatewayNotReady(self.code, f"the gateway is {self.state}: {self.reason}")
