"""What to tell of the gateway's connection, and when: an event for each incident, not for each attempt."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trader.domain.events import GatewayEvent, GatewayEventName
from trader.domain.gateway import GatewayState, GatewayStatus

FLAP = timedelta(minutes=1)
"""A loss that mends itself within this is nobody's business: a drop is mended in seconds."""


@dataclass(frozen=True, slots=True)
class Incidents:
    """What one process has seen of the connection so far, and what it has told of it."""

    status: GatewayStatus | None = None
    lost: GatewayStatus | None = None  # what READY has ended with, until it is READY again
    was_ready: bool = False  # and has told so
    told: frozenset[GatewayEventName] = frozenset()  # of this incident

    def after(self, status: GatewayStatus) -> "Incidents":
        """Return what is known once the connection has come to ``status``."""
        lost = self.lost
        if status.ready:
            lost = None
        elif self.status is not None and self.status.ready:
            lost = status
        return replace(self, status=status, lost=lost)

    def having_told(self, event: GatewayEvent) -> "Incidents":
        """Return what is known once ``event`` is published."""
        if event.state is GatewayState.READY:
            return replace(self, was_ready=True, told=frozenset())
        return replace(self, told=self.told | {event.event})

    def due(self, at: datetime) -> GatewayEvent | None:
        """Return what is to be told next, the restart window aside; None if nothing is."""
        status, lost = self.status, self.lost
        if status is None:
            return None
        if status.ready:
            if not self.was_ready:
                return _event("ready", status)
            return _event("recovered", status) if self.told else None
        wants_login = status.state is GatewayState.LOGIN_REQUIRED
        if lost and "session-lost" not in self.told and (wants_login or at - lost.since >= FLAP):
            return _session_lost(lost, status)
        if wants_login and "login-required" not in self.told:
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


def _session_lost(lost: GatewayStatus, status: GatewayStatus) -> GatewayEvent:
    reason = lost.reason if lost.reason == status.reason else f"{lost.reason}; now {status.reason}"
    return _event("session-lost", replace(status, since=lost.since, reason=reason))
