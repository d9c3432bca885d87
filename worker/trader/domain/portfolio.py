"""What the account holds and what it did today, as the broker reports it. Quantities are signed."""

from decimal import Decimal

from pydantic import Field

from trader.domain.wire import Amount, Time, Wire


class AccountValue(Wire):
    """One figure of the account, such as NetLiquidation in USD."""

    name: str
    value: Amount
    currency: str


class Position(Wire):
    """What the broker says is held; the market's figures are None while the broker hasn't sent them."""

    con_id: int
    symbol: str
    sec_type: str
    exchange: str = Field(description="Where an order that closes it goes, such as SMART or IDEALPRO.")
    currency: str
    quantity: Amount
    average_cost: Amount
    market_price: Amount | None
    market_value: Amount | None
    unrealized_pnl: Amount | None


class Margin(Wire):
    """What the broker says that one order would do to the account, in the base currency."""

    initial_after: Amount
    initial_change: Amount
    equity_after: Amount
    equity_change: Amount


class OpenOrder(Wire):
    """An order that stands at the broker, ours or anyone's."""

    order_id: int
    perm_id: int
    client_id: int
    reference: str = Field(description="Empty for an order that was entered by hand.")
    con_id: int
    symbol: str
    sec_type: str
    currency: str
    quantity: Amount
    filled: Amount
    order_type: str
    tif: str
    limit_price: Amount | None
    status: str


class Fill(Wire):
    """One execution; the commission is None until the broker reports it."""

    exec_id: str
    order_id: int
    perm_id: int
    client_id: int
    reference: str
    con_id: int
    symbol: str
    sec_type: str
    currency: str
    quantity: Amount
    price: Amount
    at: Time
    commission: Amount | None
    commission_currency: str | None


class Account(Wire):
    """The account's values by name and currency."""

    id: str
    base_currency: str
    values: tuple[AccountValue, ...]

    def value(self, name: str, currency: str | None = None) -> Decimal | None:
        """Return the figure ``name`` in ``currency`` (the base currency unless told), or None."""
        wanted = currency or self.base_currency
        return next((v.value for v in self.values if v.name == name and v.currency == wanted), None)
