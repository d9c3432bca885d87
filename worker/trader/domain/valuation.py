"""What is held, in the account's base currency."""

from collections.abc import Iterable
from decimal import Decimal

from trader.domain.errors import GatewayNotReady
from trader.domain.portfolio import Account, Position

FOREX = "CASH"
"""The broker's type of a currency pair. A position in one only mirrors cash, which is counted already."""


def figure(account: Account, name: str, currency: str | None = None) -> Decimal:
    """Return a figure of the account, in its base currency unless told.

    Raises GatewayNotReady ``account-incomplete`` while the broker hasn't sent it.
    """
    value = account.value(name, currency)
    if value is None:
        where = currency or account.base_currency
        raise GatewayNotReady(
            "account-incomplete", f"expected {name} in {where} among the account's values, found none yet"
        )
    return value


def rate(account: Account, currency: str) -> Decimal:
    """Return what one unit of ``currency`` is worth in the base currency; raises as ``figure`` does."""
    return Decimal(1) if currency == account.base_currency else figure(account, "ExchangeRate", currency)


def securities(positions: Iterable[Position]) -> tuple[Position, ...]:
    """Return the positions that are something else than cash."""
    return tuple(p for p in positions if p.quantity and p.sec_type != FOREX)


def value_of(position: Position, account: Account) -> Decimal:
    """Return what ``position`` is worth, signed; at its cost while the broker hasn't sent the market's value.

    The broker's average cost has the contract's multiplier in it.
    """
    market = position.market_value
    value = position.quantity * position.average_cost if market is None else market
    return value * rate(account, position.currency)
