"""The gateway's nightly restart: what its state is to be taken for while it lasts."""

from dataclasses import replace
from datetime import datetime

from trader.domain.configuration import Configuration, in_restart_window
from trader.domain.gateway import GatewayState, GatewayStatus


def in_restart(status: GatewayStatus, configuration: Configuration, at: datetime) -> GatewayStatus:
    """Return ``status`` as it is to be taken at ``at``: in the restart window, or as it is outside.

    One that is refused stays so: no restart makes it what was configured.
    """
    window = configuration.restart_window
    refused = status.state is GatewayState.REFUSED
    if window is None or refused or not in_restart_window(configuration, at):
        return status
    return replace(
        status,
        state=GatewayState.RESTART_WINDOW,
        since=window.began(at),
        reason=f"it restarts between {window}; so far: {status.reason}",
        code="restart-window",
    )
