"""Cash in other currencies turned into the base currency: how much of which pair, on which side."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trader.domain.configuration import Limits
from trader.domain.instruments import Contract
from trader.domain.ledger import CASH, BookedFill
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderState
from trader.domain.portfolio import Account
from trader.domain.refusal import Refusal
from trader.domain.session import session_date
from trader.domain.valuation import rate

CASH_SETTLES = timedelta(minutes=5)
"""How long a balance may still be the one from before a conversion: the broker renews an account's values
every three minutes, unless a position changes."""

_ALL = "BASE"  # the broker's name for the sum of all currencies


@dataclass(frozen=True, slots=True)
class Balance:
    """The cash in one currency, and what it is worth in the base currency; negative is borrowed."""

    currency: str
    amount: Decimal
    value: Decimal


def foreign_balances(account: Account) -> tuple[Balance, ...]:
    """Return what the account has of other currencies than its own, the most valuable first.

    Raises GatewayNotReady while the rate of one is missing.
    """
    found = [
        Balance(line.currency, line.value, line.value * rate(account, line.currency))
        for line in account.values
        if line.name == "CashBalance" and line.currency not in (account.base_currency, _ALL) and line.value
    ]
    return tuple(sorted(found, key=lambda balance: (-abs(balance.value), balance.currency)))


def conversion_quantity(balance: Balance, pair: Contract, price: Decimal) -> Decimal:
    """Return the signed quantity of ``pair`` that converts ``balance``, toward zero to the pair's lot.

    Euros in EUR.USD are sold as they are, yen in USD.JPY buy as many dollars as they pay for; of a balance
    that is borrowed it is the other side. ``price`` is in the pair's second currency for one of its first.
    """
    if pair.symbol == balance.currency:
        return -(balance.amount // pair.lot) * pair.lot + 0
    return balance.amount // (price * pair.lot) * pair.lot + 0


def conversions_on(orders: Iterable[OrderRecord], at: datetime) -> int:
    """Return how many conversions were sent on the session date of ``at``."""
    never = (OrderState.UNSENT, OrderState.REJECTED)
    return sum(
        CASH in order.wanted
        and order.standing not in never
        and session_date(order.planned_at) == session_date(at)
        for order in orders
    )


def conversion_refusals(
    quantity: Decimal, unit_value: Decimal, pair: Contract, limits: Limits, *, left_today: int
) -> Iterator[Refusal]:
    """Yield every limit that a conversion breaks; ``unit_value`` is one unit's in the base currency.

    Codes: ``below-lot``, ``order-notional``, ``conversions-per-day``.
    """
    if not quantity:
        yield _refuse("below-lot", f"at least one lot of {pair} ({pair.lot:f})", "less")
        return
    value = abs(quantity) * unit_value
    if value > limits.order_notional:
        yield _refuse(
            "order-notional", f"at most limits.orderNotional {limits.order_notional}", f"{value:.2f}"
        )
    if left_today < 1:
        expected = f"at most limits.conversionsPerDay {limits.conversions_per_day}"
        yield _refuse("conversions-per-day", expected, "one more")


def unsettled(pair: Contract, fills: Iterable[BookedFill], now: datetime) -> Refusal | None:
    """Return why the balance may not be what it is told to be: it was converted just now."""
    latest = max((f.at for f in fills if f.con_id == pair.con_id and CASH in f.shares), default=None)
    if latest is None or now - latest >= CASH_SETTLES:
        return None
    found = f"one {(now - latest).total_seconds():.0f} s ago"
    return _refuse("just-converted", f"no conversion in {pair} within {CASH_SETTLES}", found)


def under_way(pair: Contract, standing: int) -> Refusal | None:
    """Return why nothing more is converted while ``standing`` orders in the pair are open."""
    return _refuse("under-way", f"no open order in {pair}", str(standing)) if standing else None


def _refuse(code: str, expected: str, found: str) -> Refusal:
    return Refusal(code=code, message=f"expected {expected}, found {found}; this conversion isn't sent")
