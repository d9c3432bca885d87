"""The live interlock: mode, account, gateway port and configuration must all agree, or no order goes."""

from trader.domain.configuration import Configuration
from trader.domain.refusal import Refusal
from trader.domain.status import Mode

LIVE_PORTS = frozenset({4001, 7496})
"""Where IB Gateway and TWS listen for a live login, unless someone has changed it."""


def interlock_refusal(
    *, mode: Mode, account: str, gateway_port: int, configuration: Configuration
) -> Refusal | None:
    """Return which of the four disagrees, or None.

    Codes: ``interlock-account``, ``interlock-allowed-accounts``, ``interlock-port``.
    """
    is_paper = account.startswith("D")
    if is_paper != (mode is Mode.PAPER):
        found = "a paper account" if is_paper else "a live account"
        return _refuse("account", f"expected an account of mode {mode}, found {account}, {found}")
    if account not in configuration.allowed_accounts or configuration.account != account:
        allowed = ", ".join(configuration.allowed_accounts)
        return _refuse("allowed-accounts", f"expected {account} among allowedAccounts, found {allowed}")
    if (gateway_port in LIVE_PORTS) != (mode is Mode.LIVE):
        return _refuse("port", f"expected a gateway port of mode {mode}, found {gateway_port}")
    return None


def _refuse(code: str, message: str) -> Refusal:
    return Refusal(code=f"interlock-{code}", message=f"{message}; no order is sent until they agree")
