"""Rebalancing: weights and capital become target positions, less holdings and orders in flight."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trader.domain.instruments import Contract
from trader.domain.market import Price
from trader.domain.risk import Proposal
from trader.domain.sizing import target_quantity
from trader.domain.targets import Flat, Hold, Target, Weight

ZERO = Decimal(0)

Quantities = Mapping[tuple[str, int], Decimal]
"""Signed quantities by owner and contract id."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A contract with its price; ``unit`` is what one unit is worth in the base currency."""

    contract: Contract
    price: Price
    unit: Decimal


@dataclass(frozen=True, slots=True)
class Aim:
    """What one strategy wants, by contract id, of a capital in the base currency."""

    strategy: str
    capital: Decimal
    targets: Sequence[tuple[int, Target]]


def rebalance(
    aims: Iterable[Aim], quotes: Mapping[int, Quote], held: Quantities, in_flight: Quantities
) -> dict[int, list[Proposal]]:
    """Return, by contract, what each strategy is still to buy (or sell, below 0) to hold what it wants.

    A Hold asks for nothing, nor does a contract that has no quote. A strategy's weights that sum above 1
    share its capital by their absolute values; each quantity is whole and rounded toward zero, so that all
    of them are never worth more than the capital.
    """
    proposals: dict[int, list[Proposal]] = {}
    for con_id, wanted in _by_contract(aims).items():
        quote = quotes.get(con_id)
        if quote is None:
            continue
        unit, symbol = quote.unit, quote.contract.symbol
        wishes = []
        for strategy, capital, target, whole in wanted:
            key = strategy, con_id
            before = held.get(key, ZERO)
            if key in in_flight:
                before += in_flight[key]
            missing = target_quantity(target, capital, unit * whole if whole else unit) - before
            if missing:
                wishes.append(Proposal(strategy, symbol, before, missing, unit))
        if wishes:
            proposals[con_id] = wishes
    return proposals


Share = tuple[str, Decimal, Weight | Flat, Decimal | None]
"""A strategy, its capital, what it wants, and what its weights sum to if that is above 1."""


def _by_contract(aims: Iterable[Aim]) -> dict[int, list[Share]]:
    """Return what is wanted of each contract; what is worked out together then lies together in memory."""
    shares: dict[int, list[Share]] = {}
    for aim in aims:
        weights = [abs(target.value) for _, target in aim.targets if isinstance(target, Weight)]
        whole = sum(weights, ZERO)
        scale = whole if whole > 1 else None
        for con_id, target in aim.targets:
            if not isinstance(target, Hold):
                shares.setdefault(con_id, []).append((aim.strategy, aim.capital, target, scale))
    return shares
