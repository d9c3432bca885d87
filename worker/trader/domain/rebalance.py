"""Rebalancing: weights and capital become target positions, less holdings and orders in flight."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trader.domain.instruments import Contract
from trader.domain.market import Price
from trader.domain.risk import Proposal
from trader.domain.sizing import target_quantity
from trader.domain.targets import Hold, Target, Weight

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
    zero = Decimal(0)
    proposals: dict[int, list[Proposal]] = {}
    for aim in aims:
        strategy = aim.strategy
        weights = [abs(target.value) for _, target in aim.targets if isinstance(target, Weight)]
        whole = sum(weights, zero)
        is_scaled = whole > 1
        for con_id, target in aim.targets:
            quote = quotes.get(con_id)
            if quote is None or isinstance(target, Hold):
                continue
            key = strategy, con_id
            before = held.get(key, zero) + in_flight.get(key, zero)
            unit = quote.unit * whole if is_scaled else quote.unit
            missing = target_quantity(target, aim.capital, unit) - before
            if missing:
                proposal = Proposal(strategy, quote.contract.symbol, before, missing, quote.unit)
                if con_id in proposals:
                    proposals[con_id].append(proposal)
                else:
                    proposals[con_id] = [proposal]
    return proposals
