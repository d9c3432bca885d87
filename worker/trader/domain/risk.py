"""The limits that one order is held to; each refusal carries a code."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from trader.domain.configuration import Configuration
from trader.domain.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order as a strategy would place it.

    ``held`` counts the strategy's holding with its orders in flight, ``quantity`` is the order's, both
    signed; ``unit_value`` is what one unit is worth in the base currency.
    """

    strategy: str
    symbol: str
    held: Decimal
    quantity: Decimal
    unit_value: Decimal

    @property
    def after(self) -> Decimal:
        """The holding once the order is filled."""
        return self.held + self.quantity

    @property
    def only_reduces(self) -> bool:
        """Whether the order leaves less of the same side, or nothing."""
        return abs(self.after) < abs(self.held) and self.after * self.held >= 0


def order_refusals(proposal: Proposal, configuration: Configuration) -> tuple[Refusal, ...]:
    """Return every reason why ``proposal`` may not go; none when it may.

    An order that only reduces is bounded by what is held and is never refused: a limit must not keep a
    position open. Codes: ``strategy-not-configured``, ``strategy-disabled``, ``symbol-not-allowed``,
    ``short-not-allowed``, ``strategy-notional``, ``order-notional``.
    """
    return () if proposal.only_reduces else tuple(_refusals(proposal, configuration))


def _refusals(proposal: Proposal, configuration: Configuration) -> Iterator[Refusal]:
    key = f"strategies.{proposal.strategy}"
    limits = configuration.strategies.get(proposal.strategy)
    if limits is None:
        yield _refuse("strategy-not-configured", f"{key} in the configuration", "none")
        return
    if not limits.enabled:
        yield _refuse("strategy-disabled", f"{key}.enabled true", "false")
    if proposal.symbol not in limits.allowed_symbols:
        allowed = ", ".join(limits.allowed_symbols)
        yield _refuse("symbol-not-allowed", f"one of {key}.allowedSymbols ({allowed})", proposal.symbol)
    if proposal.after < 0 and not limits.allow_short:
        yield _refuse("short-not-allowed", f"no short holding without {key}.allowShort", str(proposal.after))
    held = abs(proposal.after) * proposal.unit_value
    if held > limits.max_notional:
        yield _refuse("strategy-notional", f"at most {key}.maxNotional {limits.max_notional}", f"{held:.2f}")
    order = abs(proposal.quantity) * proposal.unit_value
    most = configuration.limits.order_notional
    if order > most:
        yield _refuse("order-notional", f"at most limits.orderNotional {most}", f"{order:.2f}")


def _refuse(code: str, expected: str, found: str) -> Refusal:
    return Refusal(code=code, message=f"expected {expected}, found {found}; this order isn't sent")
