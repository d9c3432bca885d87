"""Rebalancing: weights and capital become target positions, less holdings and orders in flight."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from trader.domain.instruments import Contract
from trader.domain.market import Price
from trader.domain.risk import Proposal
from trader.domain.sizing import exactly, target_quantity
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
    """What one strategy wants, each contract id once, of a capital in the base currency."""

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
    wanted = [_wanted(aim) for aim in aims]
    # Contract by contract: what is worked out together then lies together in memory.
    con_ids = dict.fromkeys(con_id for one in wanted for con_id in one.targets)
    with exactly():
        found = {
            con_id: _missing(con_id, quotes[con_id], wanted, held, in_flight)
            for con_id in con_ids
            if con_id in quotes
        }
    return {con_id: proposals for con_id, proposals in found.items() if proposals}


def _missing(
    con_id: int, quote: Quote, wanted: Iterable["_Wanted"], held: Quantities, in_flight: Quantities
) -> list[Proposal]:
    unit, symbol = quote.unit, quote.contract.symbol
    proposals = []
    for strategy, capital, whole, targets in wanted:
        target = targets.get(con_id)
        if target is None:
            continue
        before, missing = ZERO, target_quantity(target, capital, unit * whole if whole else unit)
        if held or in_flight:
            key = strategy, con_id
            before = held.get(key, ZERO) + in_flight.get(key, ZERO)
            missing -= before
        if missing:
            proposals.append(Proposal(strategy, symbol, before, missing, unit))
    return proposals


class _Wanted(NamedTuple):
    """What a strategy wants changed; ``whole`` is what its weights sum to, if that is above 1."""

    strategy: str
    capital: Decimal
    whole: Decimal | None
    targets: Mapping[int, Weight | Flat]


def _wanted(aim: Aim) -> _Wanted:
    whole = sum((abs(target.value) for _, target in aim.targets if isinstance(target, Weight)), ZERO)
    targets = {con_id: target for con_id, target in aim.targets if not isinstance(target, Hold)}
    return _Wanted(aim.strategy, aim.capital, whole if whole > 1 else None, targets)
