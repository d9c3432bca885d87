"""How long an allocation's own computing takes: from decided targets to netted orders, without any port.

Run it with ``python -m tests.benchmarks.allocation``; it prints one line for each size.
"""

import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from random import Random
from time import process_time

from tests.benchmarks.bench import Bench
from tests.benchmarks.measuring import Bound, Compared, Mark, Row, alternating
from tests.support.market import contract
from trader.domain.configuration import Configuration
from trader.domain.configuration_reading import parse
from trader.domain.drafts import Draft, Drafting
from trader.domain.headroom import Headroom
from trader.domain.instruments import Stock
from trader.domain.market import Price, PriceKind
from trader.domain.orders import OrderContract
from trader.domain.rebalance import Aim, Quantities, Quote, rebalance
from trader.domain.risk import Bounds
from trader.domain.targets import Weight
from trader.domain.wire import JsonObject
from trader.plans import OrderWish

SIZES = ((10, 1), (100, 10), (1000, 50))
"""Instruments and strategies; every strategy wants something of every instrument."""
LINEAR = 1.2
"""How often what one wish took at a size may be what it takes at the next one."""
MOST_MS = 250.0
"""What either day of the largest size may take, of processor time."""
CAPITAL = Decimal(1_000_000)
"""Of each strategy, spread over all instruments."""
MOVE = Decimal("0.01")
"""By how much a price is another one than when the strategies last allocated, on an ordinary day."""
REPEATS = 15


@dataclass(frozen=True, slots=True)
class Case:
    """What an allocation of one size begins with."""

    configuration: Configuration
    quotes: dict[int, Quote]
    aims: Sequence[Aim]
    held: Quantities


def case(instruments: int, strategies: int, *, first_day: bool = False) -> Case:
    """Return a case in which wishes are opposite on each instrument, and all of them are allowed.

    On an ordinary day the strategies hold what they wanted at the prices of before; on the first, nothing.
    """
    random = Random(instruments)
    at = datetime(2026, 11, 23, 15, tzinfo=UTC)
    symbols = [f"S{n}" for n in range(instruments)]
    names = [f"strategy-{n}" for n in range(strategies)]
    limits: JsonObject = {
        "enabled": True,
        "allowedSymbols": [*symbols],
        "maxNotional": 10**9,
        "allowShort": True,
    }
    configuration = parse(
        {
            "account": "DU1",
            "allowedAccounts": ["DU1"],
            "strategies": dict.fromkeys(names, limits),
            "limits": {
                "orderNotional": 10**9,
                "grossExposure": 10,
                "positions": 10**5,
                "ordersPerDay": 10**5,
            },
        }
    )
    quotes = {}
    for con_id, symbol in enumerate(symbols, start=1):
        price = Decimal(random.randrange(1000, 90_000)) / 100
        quoted = Price(price, PriceKind.LAST, "USD", at)
        listed = contract(con_id=con_id, symbol=symbol)
        quotes[con_id] = Quote(listed, quoted, price)
    weight = 1 / Decimal(instruments)
    targets = [
        [(con_id, Weight(Stock(symbols[con_id - 1]), random.choice((weight, -weight)))) for con_id in quotes]
        for _ in names
    ]
    aims = [Aim(name, CAPITAL, wanted) for name, wanted in zip(names, targets, strict=True)]
    if first_day:
        return Case(configuration, quotes, aims, {})
    before = {
        con_id: replace(quote, unit=quote.unit * (1 + random.choice((MOVE, -MOVE))))
        for con_id, quote in quotes.items()
    }
    bought = rebalance(aims, before, {}, {})
    held = {(wish.strategy, con_id): wish.quantity for con_id, found in bought.items() for wish in found}
    return Case(configuration, quotes, aims, held)


def allocate(found: Case) -> tuple[list[OrderWish], object]:
    """Compute the orders of a case, as an allocation does between its questions to the ports.

    What they were made of is returned too: an allocation keeps it until its record is written.
    """
    configuration = found.configuration
    proposals = rebalance(found.aims, found.quotes, found.held, {})
    bounds = {aim.strategy: Bounds(aim.strategy, configuration, Decimal(0)) for aim in found.aims}
    drafting = Drafting(configuration.order, configuration.limits, bounds)
    wishes = drafting.wishes(proposals)
    drafts = [
        draft for con_id, each in wishes.items() if (draft := drafting.draft(found.quotes[con_id], each))
    ]
    room = Headroom(configuration.limits, Decimal(10**12), {}, 0)
    orders = []
    for draft in sorted(drafts, key=lambda draft: draft.opens):
        assert room.refusals(draft) == ()
        room.admit(draft)
        if draft.quantity:
            orders.append(_order(draft))
    return orders, (proposals, wishes, drafts)


def _order(draft: Draft) -> OrderWish:
    return OrderWish(
        contract=OrderContract.of(draft.quote.contract),
        quantity=draft.quantity,
        limit_price=draft.limit,
        wanted=draft.netted.rest,
    )


def measured(found: Case) -> tuple[float, float, int]:
    """Return the processor time, in ms, of the quickest of several computations, and its number of orders.

    The second figure is what it takes to free all that was made.
    """
    computing, freeing, orders = [], [], 0
    for _ in range(REPEATS):
        gc.collect()
        began = process_time()
        made: object = allocate(found)
        computed = process_time()
        assert isinstance(made, tuple)
        orders = len(made[0])
        before_free = process_time()
        made = None
        computing.append((computed - began) * 1000)
        freeing.append((process_time() - before_free) * 1000)
    return min(computing), min(freeing), orders


def measure(bench: Bench) -> list[Row]:
    """Return what one wish of one strategy takes at each size, beside the size before: never more."""
    cases = [case(*size, first_day=True) for size in SIZES]
    figures = alternating(
        bench.rounds, *(partial(_each_us, *each) for each in zip(cases, SIZES, strict=True))
    )
    sides = [
        (f"{instruments:,} x {strategies}", spread)
        for (instruments, strategies), spread in zip(SIZES, figures, strict=True)
    ]
    mark = Mark(Bound.AT_MOST, LINEAR)
    return [
        Row(f"allocation computing {name}, each wish", "us", each, smaller, floor, Compared.TIMES, mark)
        for (smaller, floor), (name, each) in pairwise(sides)
    ]


def _each_us(found: Case, size: tuple[int, int]) -> float:
    gc.collect()
    began = process_time()
    made = allocate(found)
    taken = process_time() - began
    assert made
    return taken * 1e6 / (size[0] * size[1])


def main() -> int:
    """Print how long each size takes; 1 if a day of the largest takes too long."""
    most = 0.0
    for first_day in (True, False):
        for instruments, strategies in SIZES:
            found = case(instruments, strategies, first_day=first_day)
            taken, freeing, orders = measured(found)
            most = max(most, taken)
            print(  # noqa: T201 - it is what this is for
                f"{'first' if first_day else 'ordinary':8} day, {instruments:4} instruments x {strategies:2} "
                f"strategies: {taken:7.2f} ms, {taken * 1000 / instruments / strategies:5.2f} us each, "
                f"{orders:4} orders; freed in {freeing:.2f} ms"
            )
    return int(most > MOST_MS)


if __name__ == "__main__":
    sys.exit(main())
