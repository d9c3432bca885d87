"""The limits that what one strategy wishes for is held to; each refusal carries a code."""

from decimal import Decimal
from typing import NamedTuple

from trader.domain.configuration import Configuration, Limits
from trader.domain.refusal import Refusal


class Proposal(NamedTuple):
    """A change as a strategy wishes it.

    ``held`` counts the strategy's holding with its orders in flight, ``quantity`` is the change, both
    signed; ``unit_value`` is what one unit is worth in the base currency.
    """

    strategy: str
    symbol: str
    held: Decimal
    quantity: Decimal
    unit_value: Decimal

    @property
    def after(self) -> Decimal:
        """The holding once the change is made."""
        return self.held + self.quantity

    @property
    def more(self) -> Decimal:
        """By how much the holding grows, of either side, in the base currency; below 0 if it shrinks."""
        held, quantity = self.held, self.quantity
        grown = abs(held + quantity) - abs(held) if held else abs(quantity)
        return grown * self.unit_value

    @property
    def only_reduces(self) -> bool:
        """Whether it leaves less of the same side, or nothing."""
        held = self.held
        if not held:
            return False
        after = held + self.quantity
        return 0 <= after < held if held > 0 else held < after <= 0

    def reducing(self) -> "Proposal":
        """Return as much of it as only reduces: of a reversal, the closing; of an opening, nothing."""
        if self.only_reduces:
            return self
        closes = self.held * self.quantity < 0
        return self._replace(quantity=-self.held if closes else Decimal(0))


class Bounds:
    """What one strategy is held to, across all that it holds.

    ``invested`` is what its holdings are worth now, in the base currency, or why that isn't known.
    """

    def __init__(self, strategy: str, configuration: Configuration, invested: Decimal | Refusal) -> None:
        self._key = f"strategies.{strategy}"
        self._limits = limits = configuration.strategies.get(strategy)
        self._allowed = frozenset(limits.allowed_symbols if limits else ())
        self._enabled, self._allows_short = (limits.enabled, limits.allow_short) if limits else (False, False)
        self._most = limits.max_notional if limits else Decimal(0)
        self._invested = invested

    def reduce(self, proposal: Proposal) -> None:
        """Count what only reduces: what it gives up makes room for what is opened after it.

        It is bounded by what is held and is never refused: a limit must not keep a position open.
        """
        if isinstance(self._invested, Decimal):
            self._invested += proposal.more

    def open(self, proposal: Proposal) -> tuple[Refusal, ...]:
        """Return every reason why what opens something may not go; with none it counts from now on.

        Codes: ``strategy-not-configured``, ``strategy-disabled``, ``symbol-not-allowed``,
        ``short-not-allowed``, ``strategy-notional``.
        """
        invested = self._invested
        if isinstance(invested, Decimal):
            invested += proposal.more
        if refusals := self._refusals(proposal, invested):
            return tuple(refusals)
        self._invested = invested
        return ()

    def _refusals(self, proposal: Proposal, invested: Decimal | Refusal) -> list[Refusal]:
        key, limits = self._key, self._limits
        if limits is None:
            return [refuse("strategy-not-configured", f"{key} in the configuration", "none")]
        found = []
        if not self._enabled:
            found.append(refuse("strategy-disabled", f"{key}.enabled true", "false"))
        if proposal.symbol not in self._allowed:
            allowed = f"one of {key}.allowedSymbols ({', '.join(limits.allowed_symbols)})"
            found.append(refuse("symbol-not-allowed", allowed, proposal.symbol))
        if not self._allows_short and proposal.after < 0:
            short = f"no short holding without {key}.allowShort"
            found.append(refuse("short-not-allowed", short, str(proposal.after)))
        if not isinstance(invested, Decimal):
            found.append(invested)
        elif invested > self._most:
            most = f"at most {key}.maxNotional {self._most}"
            found.append(refuse("strategy-notional", most, f"{invested:.2f}"))
        return found


def count_refusal(orders_today: int, limits: Limits) -> Refusal | None:
    """Return why no order may come to those of the session so far. Code: ``orders-per-day``."""
    if orders_today < limits.orders_per_day:
        return None
    most = f"at most limits.ordersPerDay {limits.orders_per_day} in this session"
    return refuse("orders-per-day", most, f"{orders_today} already")


def collar_refusal(limit: Decimal, price: Decimal, limits: Limits) -> Refusal | None:
    """Return why an order may not be priced so, with the market at ``price``. Code: ``price-collar``."""
    away, collar = abs(limit - price) / price * 100, limits.price_collar_percent
    if away <= collar:
        return None
    most = f"a limit price within limits.priceCollarPercent {collar} of {price}"
    return refuse("price-collar", most, f"{limit}, {away:.2f} percent away")


def refuse(code: str, expected: str, found: str) -> Refusal:
    """Return the refusal of an order by a limit."""
    return Refusal(code=code, message=f"expected {expected}, found {found}; this order isn't sent")
