"""What an account is worth: positions marked to the market, margin, profit and loss, in its base currency.

The notional of a future is booked as if it were a price that is paid, and counted back at its value: so cash
has the profit of open futures in it, as IB's TotalCashValue does, and nothing else is owned of them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway_simulator.accounts import Account
from gateway_simulator.book import Book, Execution, Position
from gateway_simulator.contracts import Contract
from gateway_simulator.market import Market, Quote
from gateway_simulator.prices import mark

ZERO = Decimal(0)

# IB asks for more or less than this by its own models; what matters here is that there is a limit.
MARGIN_RATE = {"STK": Decimal("0.25"), "CASH": Decimal("0.03"), "FUT": Decimal("0.08")}
SHORT_OPTION_RATE = Decimal("0.15")  # of the strike's value, beside the premium
MARGINED = frozenset({"FUT"})  # whose notional nobody pays
LEVERAGE = 4  # what a US margin account may buy during the day, of its available funds


@dataclass(frozen=True, slots=True)
class Holding:
    """A position at its market price, in the contract's currency; for P&L, with what was traded today."""

    position: Position
    price: Decimal
    value: Decimal
    unrealized: Decimal
    realized: Decimal
    daily: Decimal


@dataclass(frozen=True, slots=True)
class Valuation:
    """An account at one instant; amounts without a currency of their own are in the base currency."""

    account: Account
    at: datetime
    holdings: tuple[Holding, ...]
    rates: dict[str, Decimal]
    """How much of the base currency one unit of each currency is worth."""
    balances: dict[str, Decimal]
    """The cash of each currency, open futures' profit in it."""
    cash: Decimal
    owned_value: Decimal
    """Of what was paid for: stocks and options."""
    gross_value: Decimal
    margin: Decimal
    unrealized: Decimal
    realized: Decimal
    daily: Decimal

    @property
    def net_liquidation(self) -> Decimal:
        return self.cash + self.owned_value

    @property
    def futures_profit(self) -> Decimal:
        """What open futures have gained, which is in the cash already."""
        futures = [h for h in self.holdings if h.position.contract.sec_type in MARGINED]
        return sum((h.unrealized * self.rates[h.position.contract.currency] for h in futures), ZERO)

    def worth(self, sec_type: str) -> Decimal:
        """The value of all holdings of one security type."""
        of_type = [h for h in self.holdings if h.position.contract.sec_type == sec_type]
        return sum((h.value * self.rates[h.position.contract.currency] for h in of_type), ZERO)

    @property
    def available(self) -> Decimal:
        """Funds for new positions."""
        return self.net_liquidation - self.margin

    @property
    def buying_power(self) -> Decimal:
        return max(self.available, ZERO) * LEVERAGE


def value(account: Account, book: Book, market: Market, midnight: datetime, now: datetime) -> Valuation:
    """Value an account; profit and loss are counted from midnight on."""
    traded = _by_contract(account, book, midnight)
    positions = {p.contract.con_id: p for p in book.positions.values() if p.account == account.account_id}
    held = [p for con_id, p in positions.items() if p.quantity or con_id in traded]
    holdings = tuple(_holding(p, market.quote(p.contract), traded.get(p.contract.con_id, ())) for p in held)
    currencies = {account.base, *account.cash, *(h.position.contract.currency for h in holdings)}
    rates = {currency: rate(market, currency, account.base) for currency in sorted(currencies)}
    balances = {
        currency: account.cash.get(currency, ZERO)
        + sum((h.value for h in of_kinds(holdings, MARGINED, currency)), ZERO)
        for currency in rates
    }
    # A forex position only mirrors cash that is counted already.
    earning = [
        (h, rates[h.position.contract.currency]) for h in holdings if h.position.contract.sec_type != "CASH"
    ]
    owned = [(h, r) for h, r in earning if h.position.contract.sec_type not in MARGINED]
    return Valuation(
        account=account,
        at=now,
        holdings=holdings,
        rates=rates,
        balances=balances,
        cash=sum((amount * rates[currency] for currency, amount in balances.items()), ZERO),
        owned_value=sum((h.value * r for h, r in owned), ZERO),
        gross_value=sum((abs(h.value) * r for h, r in owned), ZERO),
        margin=sum(
            (
                margin(h.position.contract, h.position.quantity, h.price)
                * rates[h.position.contract.currency]
                for h in holdings
            ),
            ZERO,
        ),
        unrealized=sum((h.unrealized * r for h, r in earning), ZERO),
        realized=sum((h.realized * r for h, r in earning), ZERO),
        daily=sum((h.daily * r for h, r in earning), ZERO),
    )


def of_kinds(holdings: Iterable[Holding], kinds: Collection[str], currency: str) -> list[Holding]:
    """The holdings of some security types in one currency."""
    return [
        h
        for h in holdings
        if h.position.contract.sec_type in kinds and h.position.contract.currency == currency
    ]


def margin(contract: Contract, quantity: Decimal, price: Decimal) -> Decimal:
    """What IB wants to see behind a position at that price: an option has no loan value."""
    size = abs(quantity) * contract.multiplier
    needed = size * price * MARGIN_RATE.get(contract.sec_type, Decimal(1))
    if contract.sec_type == "OPT" and quantity < 0:
        needed += size * contract.strike * SHORT_OPTION_RATE
    return needed


def rate(market: Market, source: str, target: str) -> Decimal:
    """How many of `target` one `source` is worth."""
    return Decimal(1) if source == target else market.rate(source, target)


def _holding(position: Position, quote: Quote, traded: Iterable[Execution]) -> Holding:
    multiplier = position.contract.multiplier
    price = mark(quote) or position.average_cost / multiplier
    before = quote.close if quote.close is not None and quote.close.is_finite() else price
    value = position.quantity * price * multiplier
    realized = bought = paid = ZERO
    for execution in traded:
        realized += execution.realized_pnl or ZERO
        bought += execution.signed
        paid += execution.commission - execution.cash
    start = (position.quantity - bought) * before * multiplier
    return Holding(
        position=position,
        price=price,
        value=value,
        unrealized=value - position.quantity * position.average_cost,
        realized=realized,
        daily=value - start - paid,
    )


def _by_contract(account: Account, book: Book, midnight: datetime) -> dict[int, list[Execution]]:
    """The account's executions since midnight, whatever the gateway remembers of them."""
    found: dict[int, list[Execution]] = {}
    for execution in reversed(book.executions.values()):
        if execution.at < midnight:
            break
        if execution.account == account.account_id:
            found.setdefault(execution.contract.con_id, []).append(execution)
    return found
