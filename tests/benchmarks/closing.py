"""Closing 200 positions: with the pace switched off beside bare ib_insync, and at the pace that IB allows."""

import time

from ib_insync import Contract

from tests.benchmarks.bare import Bare, bare, stocks
from tests.benchmarks.bench import Bench, Broken
from tests.benchmarks.booking import book
from tests.benchmarks.measuring import Bound, Compared, Mark, Row, Spread, alternating
from trader.domain.ledger import EXTERNAL

POSITIONS = 200
PACE = 45
"""Messages a second: IB takes 50 of a client and then hangs up, ib_insync itself keeps to 45."""
WINDOW_S = 1.0
CASH = 100_000_000
PART = 0.5
TIMES = 1.1
CLOSE_ALL = {"intent": "close-all"}


def measure(bench: Bench) -> list[Row]:
    """Return the rows. Each round has a gateway of its own, so that none reads the fills of another."""
    ours, floor = alternating(
        bench.sized(1, 3),
        lambda: POSITIONS / _closed_s(bench, module="tests.benchmarks.unpaced"),
        lambda: POSITIONS / _closed_by_hand_s(bench),
        warm_up=False,
    )
    paced = Spread.of([_closed_s(bench) for _ in range(bench.sized(1, 2))])
    pace, beside = Spread.of([POSITIONS / PACE]), f"{POSITIONS} / {PACE} s"
    name = f"close-all of {POSITIONS} positions"
    part, times = Mark(Bound.AT_LEAST, PART), Mark(Bound.AT_MOST, TIMES)
    rows = [
        Row(f"{name}, pacing off", "orders/s", ours, "bare ib_insync", floor, Compared.TIMES, part),
        Row(f"{name} at IB's pace", "s", paced, beside, pace, Compared.TIMES, times),
    ]
    if not bench.quick:
        first = Spread.of([_closed_s(bench, known=False)])
        rows.append(Row(f"{name} at IB's pace, contracts not asked for yet", "s", first, beside, pace))
    return rows


def _closed_s(bench: Bench, *, module: str = "trader.entrypoints.serve", known: bool = True) -> float:
    """Return the seconds from push to acknowledgement; ``known`` contracts were asked for in a dry run."""
    with (
        bench.gateway(cash=CASH) as gateway,
        bench.worker(gateway, module=module) as worker,
        bare(gateway) as hand,
        bench.load() as load,
    ):
        _open(hand)
        hand.run(book(worker.data_dir, EXTERNAL, hand.fills(POSITIONS)))
        if known:
            load.push(worker, {**CLOSE_ALL, "dryRun": True})
            time.sleep(WINDOW_S)  # what the dry run sent is not to count
        taken = load.push(worker, CLOSE_ALL)
        if held := hand.positions():
            raise Broken(f"expected every position closed, found {held}; see {worker.process.err_file}")
    return taken.all_s


def _closed_by_hand_s(bench: Bench) -> float:
    with bench.gateway(cash=CASH) as gateway, bare(gateway) as hand:
        return hand.trade([(stock, -2) for stock in _open(hand)])


def _open(hand: Bare) -> list[Contract]:
    held = stocks(POSITIONS)
    hand.trade([(stock, 2) for stock in held])
    if len(hand.positions()) != len(held):
        raise Broken(f"expected {len(held)} positions, found {len(hand.positions())}")
    return held
