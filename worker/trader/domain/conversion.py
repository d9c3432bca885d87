"""Cash in other currencies turned into the base currency: how much of which pair, on which side."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from trader.domain.configuration import Limits
from trader.domain.instruments import Contract
from trader.domain.ledger import CASH, NOBODYS, BookedFill, holdings
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderContract, OrderState
from trader.domain.portfolio import Account, Fill, OpenOrder
from trader.domain.refusal import Refusal
from trader.domain.session import session_date
from trader.domain.valuation import FOREX, rate

CASH_SETTLES = timedelta(minutes=5)
"""How long a balance may still be the one from before a conversion: the broker renews an account's values
every three minutes, unless a position changes."""

_ALL = "BASE"  # the broker's name for the sum of all currencies

Traded = BookedFill | Fill | OpenOrder | OrderContract


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


def held_by_strategies(currency: str, fills: Iterable[BookedFill]) -> Refusal | None:
    """Return why the balance may not be cash: strategies hold a pair that it is one side of.

    The broker mirrors what they hold as cash, and it isn't taken off: on a pair's second side that would be
    what it cost, and of what a person has closed by hand meanwhile it would be bought again. What EXTERNAL
    and CASH hold is what was converted: cash.
    """
    booked = tuple(fills)
    pairs = {fill.con_id for fill in booked if _moves(currency, fill)}
    holders = {owner for owner, con_id in holdings(booked) if con_id in pairs} - NOBODYS
    if not holders:
        return None
    expected = f"no strategy that holds a pair of {currency}, which would be converted with the cash"
    return _refuse("held-by-strategy", expected, ", ".join(sorted(holders)))


def under_way(currency: str, orders: Iterable[OpenOrder | OrderContract]) -> Refusal | None:
    """Return why nothing is converted while one of ``orders``, which are open, is to move the balance."""
    pairs = {f"{order.symbol}.{order.currency}" for order in orders if _moves(currency, order)}
    if not pairs:
        return None
    return _refuse(
        "under-way", f"no open order in a pair of {currency}", f"one in {', '.join(sorted(pairs))}"
    )


def unsettled(currency: str, fills: Iterable[BookedFill | Fill], now: datetime) -> Refusal | None:
    """Return why the balance may not be what it is told to be: somebody moved it just now.

    Whoever did: the broker is as late to tell it of a conversion by hand, and of a strategy's order.
    """
    latest = max((fill.at for fill in fills if _moves(currency, fill)), default=None)
    if latest is None or now - latest >= CASH_SETTLES:
        return None
    found = f"one {(now - latest).total_seconds():.0f} s ago"
    return _refuse("just-converted", f"no fill in a pair of {currency} within {CASH_SETTLES}", found)


def _moves(currency: str, traded: Traded) -> bool:
    """Return whether it is in a pair that has ``currency`` on one of its sides.

    A fill is booked under the pair's own name, such as EUR.USD, or under that of its first currency alone.
    """
    first = traded.instrument.partition(".")[0] if isinstance(traded, BookedFill) else traded.symbol
    return traded.sec_type == FOREX and currency in (first, traded.currency)


def _refuse(code: str, expected: str, found: str) -> Refusal:
    return Refusal(code=code, message=f"expected {expected}, found {found}; this conversion isn't sent")
