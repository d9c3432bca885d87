"""Margin: how much more of it an account may take on, and what one order would ask for."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from gateway_simulator import matching
from gateway_simulator.accounts import Account
from gateway_simulator.book import Book, Order
from gateway_simulator.commissions import commission
from gateway_simulator.market import Market
from gateway_simulator.prices import mark
from gateway_simulator.valuation import Valuation, margin, rate

CENT = Decimal("0.01")
ZERO = Decimal(0)
FRESH_S = 1.0  # real seconds for which a valuation is counted down instead of being made again


@dataclass(frozen=True, slots=True)
class Preview:
    """What an order would do: margin and equity in the base currency, commission in its own."""

    init_margin_before: Decimal
    init_margin_change: Decimal
    init_margin_after: Decimal
    maint_margin_before: Decimal
    maint_margin_change: Decimal
    maint_margin_after: Decimal
    equity_with_loan_before: Decimal
    equity_with_loan_change: Decimal
    equity_with_loan_after: Decimal
    commission: Decimal
    commission_currency: str

    def fields(self) -> dict[str, Any]:
        """As they stand in an open order."""
        return asdict(self)


class Credit:
    """The margin check before each order."""

    def __init__(
        self,
        book: Book,
        market: Market,
        accounts: Mapping[str, Account],
        value: Callable[[str], Valuation],
    ) -> None:
        self._book = book
        self._market = market
        self._accounts = accounts
        self._value = value
        self._left: dict[str, tuple[float, Decimal]] = {}  # by account: when valued, what is left

    def refusal(self, order: Order) -> str:
        """Why IB would reject the order; empty if it wouldn't."""
        more = self._more(order, self._value_of(order))
        if more <= 0:
            return ""
        at, left = self._left.get(order.account, (-FRESH_S, ZERO))
        now = time.monotonic()
        if now - at >= FRESH_S or left < more:
            at, left = now, self._value(order.account).available
        self._left[order.account] = (at, left - more if more <= left else left)
        if more <= left:
            return ""
        return (
            "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. "
            "IN ORDER TO OBTAIN THE DESIRED POSITION YOUR AVAILABLE FUNDS "
            f"[{left.quantize(CENT)}] MUST EXCEED THE ADDITIONAL MARGIN OF [{more.quantize(CENT)}]"
        )

    def preview(self, order: Order) -> Preview:
        """The answer to a what-if order."""
        valued = self._value(order.account)
        value = self._value_of(order)
        price = value / (order.quantity * order.contract.multiplier)
        cost = commission(order.contract, order.quantity, price, self._market)
        before, change = valued.margin.quantize(CENT), self._more(order, value).quantize(CENT)
        equity = valued.net_liquidation.quantize(CENT)
        lost = (cost * rate(self._market, order.contract.currency, valued.account.base)).quantize(CENT)
        return Preview(
            init_margin_before=before,
            init_margin_change=change,
            init_margin_after=before + change,
            maint_margin_before=before,
            maint_margin_change=change,
            maint_margin_after=before + change,
            equity_with_loan_before=equity,
            equity_with_loan_change=-lost,
            equity_with_loan_after=equity - lost,
            commission=cost,
            commission_currency=order.contract.currency,
        )

    def _value_of(self, order: Order) -> Decimal:
        """What the order is worth, at the price it would get, its own, or the last."""
        quote = self._market.quote(order.contract)
        price = matching.price(order, quote) or order.terms.lmt_price or order.terms.aux_price or mark(quote)
        return order.quantity * (price or ZERO) * order.contract.multiplier

    def _more(self, order: Order, value: Decimal) -> Decimal:
        """How much margin the position would ask for more than now, in the base currency."""
        held = self._book.position(order.account, order.contract).quantity
        price = value / (order.quantity * order.contract.multiplier)
        more = margin(order.contract, held + order.sign * order.quantity, price) - margin(
            order.contract, held, price
        )
        return more * rate(self._market, order.contract.currency, self._accounts[order.account].base)
