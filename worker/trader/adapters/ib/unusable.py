"""Why a connection can't be used."""

from trader.domain.gateway import GatewayState


class Unusable(Exception):
    """The gateway can't be used: the state that this puts the connection in, a code, and the reason."""

    def __init__(self, state: GatewayState, code: str, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.code = code
        self.reason = reason


def disconnected(code: str, reason: str) -> Unusable:
    """Return the error of a gateway that isn't there, or isn't any more."""
    return Unusable(GatewayState.DISCONNECTED, code, reason)
