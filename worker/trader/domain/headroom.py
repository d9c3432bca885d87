"""How much of the account's limits is left, counted down order by order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from trader.domain.configuration import Limits
from trader.domain.drafts import Draft
from trader.domain.portfolio import Margin
from trader.domain.refusal import Refusal
from trader.domain.risk import count_refusal, refuse

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Load:
    """What stands in a contract: the position, and what open orders may still buy and sell.

    ``unit`` is what one unit is worth in the base currency, None where nobody knows.
    """

    name: str
    unit: Decimal | None
    position: Decimal = ZERO
    buying: Decimal = ZERO
    selling: Decimal = ZERO  # above 0, as buying is

    @property
    def most(self) -> Decimal:
        """The largest position, of either side, that may come of it."""
        return max(abs(self.position + self.buying), abs(self.position - self.selling))

    def adding(self, quantity: Decimal) -> "Load":
        """Return it with one more order open."""
        buying, selling = self.buying + max(quantity, ZERO), self.selling + max(-quantity, ZERO)
        return Load(self.name, self.unit, self.position, buying, selling)


class Headroom:
    """The limits of the whole account; each order that is admitted takes its part of them."""

    def __init__(
        self, limits: Limits, net_liquidation: Decimal, loads: Mapping[int, Load], orders_today: int
    ) -> None:
        self._limits = limits
        self._most = limits.gross_exposure * max(net_liquidation, ZERO)
        self._loads = dict(loads)
        self._gross = sum((load.most * load.unit for load in loads.values() if load.unit), ZERO)
        self._unvalued = next((load.name for load in loads.values() if load.unit is None and load.most), None)
        self._positions = sum(1 for load in loads.values() if load.most)
        self._orders = orders_today
        self._margin = self._equity = ZERO  # by which orders that were admitted change what the broker says

    def refusals(self, draft: Draft) -> tuple[Refusal, ...]:
        """Return why an order that opens may not go; one that doesn't is never refused.

        Codes: ``orders-per-day``, ``positions``, ``gross-exposure``.
        """
        return tuple(self._refusals(draft)) if draft.opens and draft.quantity else ()

    def margin_refusal(self, margin: Margin) -> Refusal | None:
        """Return why the broker's own figures leave no room for an order. Code: ``margin``."""
        needed, equity = margin.initial_after + self._margin, margin.equity_after + self._equity
        if needed <= equity:
            return None
        return refuse("margin", f"at most {equity:.2f} of initial margin", f"{needed:.2f}")

    def admit(self, draft: Draft, margin: Margin | None = None) -> None:
        """Count an order that goes."""
        if not draft.quantity:
            return
        before = self._load(draft)
        after = before.adding(draft.quantity)
        self._loads[draft.quote.contract.con_id] = after
        self._gross += (after.most - before.most) * draft.quote.unit
        self._positions += bool(after.most) - bool(before.most)
        self._orders += 1
        if margin:
            self._margin += margin.initial_change
            self._equity += margin.equity_change

    def _refusals(self, draft: Draft) -> Iterator[Refusal]:
        limits, load = self._limits, self._load(draft)
        after = load.adding(draft.quantity)
        if too_many := count_refusal(self._orders, limits):
            yield too_many
        if not load.most and self._positions >= limits.positions:
            most = f"at most limits.positions {limits.positions} held or ordered"
            yield refuse("positions", most, f"{self._positions} already")
        if self._unvalued is not None:
            yield refuse("gross-exposure", "a value of each position", f"none of {self._unvalued}")
        gross = self._gross + (after.most - load.most) * draft.quote.unit
        if after.most > load.most and gross > self._most:
            most = f"at most limits.grossExposure {limits.gross_exposure} x net liquidation, {self._most:.2f}"
            yield refuse("gross-exposure", most, f"{gross:.2f}")

    def _load(self, draft: Draft) -> Load:
        contract = draft.quote.contract
        return self._loads.get(contract.con_id) or Load(str(contract), draft.quote.unit)
