"""What the account holds and what it did today, as the broker reports it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class AccountValue:
    """One figure of the account, such as NetLiquidation in USD."""

    name: str
    value: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Position:
    """What the broker says is held; ``quantity`` is signed."""

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    quantity: Decimal
    average_cost: Decimal
    market_price: Decimal | None
    market_value: Decimal | None
    unrealized_pnl: Decimal | None


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that stands at the broker, ours or anyone's; quantities are signed."""

    order_id: int
    perm_id: int
    client_id: int
    reference: str
    con_id: int
    symbol: str
    sec_type: str
    currency: str
    quantity: Decimal
    filled: Decimal
    order_type: str
    tif: str
    limit_price: Decimal | None
    status: str


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution; ``quantity`` is signed, ``commission`` arrives later than the fill."""

    exec_id: str
    order_id: int
    perm_id: int
    client_id: int
    reference: str
    con_id: int
    symbol: str
    sec_type: str
    currency: str
    quantity: Decimal
    price: Decimal
    at: datetime
    commission: Decimal | None
    commission_currency: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """The account's values by name and currency."""

    id: str
    base_currency: str
    values: tuple[AccountValue, ...]

    def value(self, name: str, currency: str | None = None) -> Decimal | None:
        """Return the figure ``name`` in ``currency`` (the base currency unless told), or None."""
        wanted = currency or self.base_currency
        return next((v.value for v in self.values if v.name == name and v.currency == wanted), None)
