"""What an account is worth: positions marked to the market, margin, profit and loss, in its base currency."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway_simulator.accounts import Account
from gateway_simulator.book import Book, Execution, Position
from gateway_simulator.contracts import Contract
from gateway_simulator.market import Market, Quote

ZERO = Decimal(0)

# IB asks for more or less than this by its own models; what matters here is that there is a limit.
MARGIN_RATE = {"STK": Decimal("0.25"), "CASH": Decimal("0.03")}
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
    cash: Decimal
    stock_value: Decimal
    gross_value: Decimal
    margin: Decimal
    unrealized: Decimal
    realized: Decimal
    daily: Decimal

    @property
    def net_liquidation(self) -> Decimal:
        return self.cash + self.stock_value

    @property
    def available(self) -> Decimal:
        """Funds for new positions."""
        return self.net_liquidation - self.margin

    @property
    def buying_power(self) -> Decimal:
        return max(self.available, ZERO) * LEVERAGE


def mark(quote: Quote) -> Decimal | None:
    """The price that a position is valued at: the last trade, else the middle, else yesterday's close."""
    for price in (quote.last, quote.mid, quote.close):
        if price is not None and price.is_finite() and price > 0:
            return price
    return None


def value(account: Account, book: Book, market: Market, midnight: datetime, now: datetime) -> Valuation:
    """Value an account; profit and loss are counted from midnight on."""
    traded = _by_contract(account, book, midnight)
    positions = {p.contract.con_id: p for p in book.positions.values() if p.account == account.account_id}
    held = [p for con_id, p in positions.items() if p.quantity or con_id in traded]
    holdings = tuple(_holding(p, market.quote(p.contract), traded.get(p.contract.con_id, ())) for p in held)
    currencies = {account.base, *account.cash, *(h.position.contract.currency for h in holdings)}
    rates = {currency: rate(market, currency, account.base) for currency in sorted(currencies)}
    # A forex position only mirrors cash that is counted already.
    owned = [
        (h, rates[h.position.contract.currency]) for h in holdings if h.position.contract.sec_type != "CASH"
    ]
    return Valuation(
        account=account,
        at=now,
        holdings=holdings,
        rates=rates,
        cash=sum((amount * rates[currency] for currency, amount in account.cash.items()), ZERO),
        stock_value=sum((h.value * r for h, r in owned), ZERO),
        gross_value=sum((abs(h.value) * r for h, r in owned), ZERO),
        margin=sum(
            (margin(h.position.contract, h.value) * rates[h.position.contract.currency] for h in holdings),
            ZERO,
        ),
        unrealized=sum((h.unrealized * r for h, r in owned), ZERO),
        realized=sum((h.realized * r for h, r in owned), ZERO),
        daily=sum((h.daily * r for h, r in owned), ZERO),
    )


def margin(contract: Contract, value: Decimal) -> Decimal:
    """What IB wants to see behind a position of that value."""
    return abs(value) * MARGIN_RATE.get(contract.sec_type, Decimal(1))


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
