"""Accounts: a base currency and cash in several currencies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gateway_simulator.forex import CURRENCIES
from gateway_simulator.yaml_file import one_of

DEFAULT_ACCOUNT = "DU1234567"
DEFAULT_CASH = Decimal(100_000)


@dataclass(slots=True)
class Account:
    """One account. Its cash changes with each execution; a balance may be negative (a margin loan)."""

    account_id: str = DEFAULT_ACCOUNT
    base: str = "USD"
    cash: dict[str, Decimal] = field(default_factory=lambda: {"USD": DEFAULT_CASH})

    def post(self, currency: str, amount: Decimal) -> None:
        """Add an amount to the balance of one currency."""
        self.cash[currency] = self.cash.get(currency, Decimal(0)) + amount


def parse_accounts(texts: list[str]) -> dict[str, Account]:
    """Accounts from `ID:CURRENCY:AMOUNT`, repeated for more balances; the first currency is the base."""
    accounts: dict[str, Account] = {}
    for text in texts:
        account_id, currency, amount = _parts(text)
        account = accounts.setdefault(account_id, Account(account_id, currency, {}))
        if currency in account.cash:
            raise ValueError(f"expected one balance a currency, found {account_id}:{currency} twice")
        account.cash[currency] = amount
    return accounts or default_accounts()


def default_accounts() -> dict[str, Account]:
    """One paper account with dollars."""
    return {DEFAULT_ACCOUNT: Account(DEFAULT_ACCOUNT)}


def balances(accounts: Mapping[str, Account]) -> dict[str, dict[str, Decimal]]:
    """Every balance, as a copy that later executions don't change."""
    return {account_id: dict(account.cash) for account_id, account in accounts.items()}


def _parts(text: str) -> tuple[str, str, Decimal]:
    account_id, _, rest = text.partition(":")
    currency, _, amount = rest.partition(":")
    try:
        value = Decimal(amount)
    except ArithmeticError:
        value = Decimal("NaN")
    if not account_id.isalnum() or len(currency) != 3 or not currency.isalpha() or not value.is_finite():
        raise ValueError(f"expected an account like DU1234567:USD:100000, found {text!r}")
    if currency.upper() not in CURRENCIES:
        raise one_of("a currency", currency, CURRENCIES)
    return account_id, currency.upper(), value
