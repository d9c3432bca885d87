"""What to tell of the gateway's connection, and when: an event for each incident, not for each attempt."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trader.domain.events import GatewayEvent, GatewayEventName
from trader.domain.gateway import GatewayState, GatewayStatus

FLAP = timedelta(minutes=1)
"""A loss that is mended within this is nobody's business: a drop takes seconds."""
START = timedelta(minutes=5)
"""How long a gateway may take to start and log in. IB's opens its port only once it is logged in, so that one
which waits for its second factor can't be told from one that isn't there."""


@dataclass(frozen=True, slots=True)
class Incidents:
    """What one process has seen of the connection so far, and what it has told of it."""

    status: GatewayStatus | None = None
    trouble: GatewayStatus | None = None  # with which the present incident began
    was_ready: bool = False
    told_ready: bool = False
    told: frozenset[GatewayEventName] = frozenset()  # of the present incident

    def after(self, status: GatewayStatus) -> "Incidents":
        """Return what is known once the connection has come to ``status``."""
        trouble = None if status.ready else self.trouble or status
        return replace(self, status=status, trouble=trouble, was_ready=self.was_ready or status.ready)

    def having_told(self, event: GatewayEvent) -> "Incidents":
        """Return what is known once ``event`` is published."""
        if event.state is GatewayState.READY:
            return replace(self, told_ready=True, told=frozenset())
        return replace(self, told=self.told | {event.event})

    def due(self, at: datetime) -> GatewayEvent | None:
        """Return what is to be told next, the restart window aside; None if nothing is."""
        status, trouble = self.status, self.trouble
        if status is None:
            return None
        if trouble is None:
            if self.told_ready and not self.told:
                return None
            return _event("recovered" if self.told_ready else "ready", status)
        lasts = at - trouble.since
        wants_login = status.state is GatewayState.LOGIN_REQUIRED
        if self.was_ready and "session-lost" not in self.told and (wants_login or lasts >= FLAP):
            return _session_lost(trouble, status)
        never_there = status.code == "gateway-disconnected" and not self.was_ready and lasts >= START
        if "login-required" not in self.told and (wants_login or never_there):
            return _event("login-required", status)
        return None


def _event(name: GatewayEventName, status: GatewayStatus) -> GatewayEvent:
    return GatewayEvent(
        event=name,
        state=status.state,
        code=status.code,
        since=status.since,
        reason=status.reason,
        account=status.account,
    )


def _session_lost(trouble: GatewayStatus, status: GatewayStatus) -> GatewayEvent:
    same = trouble.reason == status.reason
    reason = trouble.reason if same else f"{trouble.reason}; now {status.reason}"
    return _event("session-lost", replace(status, since=trouble.since, reason=reason))
