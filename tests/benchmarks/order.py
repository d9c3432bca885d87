"""One market order, from a message's push to its acknowledgement, beside ib_insync's own placing of one."""

from contextlib import closing
from statistics import median
from time import perf_counter

from tests.benchmarks.bare import Bare, bare, stocks
from tests.benchmarks.bench import Bench, Broken, Generator, Worker
from tests.benchmarks.booking import book
from tests.benchmarks.durable import Commits
from tests.benchmarks.measuring import Bound, Compared, Mark, Row, alternating
from trader.domain.ledger import EXTERNAL

MORE_MS = 8.0
COMMITS = 4
"""The claim with the account's lock, the plan, the result, the event that tells it."""
QUANTITY = 10
STRATEGY = "buy-and-hold"
ORDERS = 5
AT_ONCE = 200
(STOCK,) = stocks(1)


def measure(bench: Bench) -> list[Row]:
    """Return the rows: the order alone, one on a busy day, and an account that is seen to be flat.

    Each round has a gateway and a worker of its own, so that none reads the orders of another.
    """
    traded = bench.sized(200, 3_000)
    order, busy, flat, floor, durable = alternating(
        bench.sized(1, 3),
        lambda: _closed_ms(bench, STRATEGY),
        lambda: _closed_ms(bench, STRATEGY, traded),
        lambda: _closed_ms(bench, None),
        lambda: _bare_ms(bench, 0),
        lambda: _bare_ms(bench, COMMITS),
        warm_up=False,
    )
    beside, mark = "bare ib_insync", Mark(Bound.AT_MOST, MORE_MS)
    with_commits = f"bare ib_insync and {COMMITS} commits"
    name = "one market order (close-all of what a strategy holds)"
    return [
        Row(name, "ms", order, beside, floor, Compared.MORE, mark),
        Row(f"{name}, beside what is durable", "ms", order, with_commits, durable, Compared.MORE),
        Row(f"{name}, {traded:,} fills of the day", "ms", busy, "the same without them", order),
        Row("the same, and the account is seen flat (close-all)", "ms", flat, beside, floor, Compared.MORE),
    ]


def _bare_ms(bench: Bench, count: int) -> float:
    """Return what one bare order takes, with so many commits before it."""
    with (
        bench.gateway() as gateway,
        bare(gateway) as hand,
        closing(Commits(bench.fresh_folder() / "rows.sqlite3")) as rows,
    ):
        times = [
            _committed_s(rows, count) + hand.trade([(STOCK, n % 2 * 2 - 1)]) for n in range(2 * ORDERS + 1)
        ]
    return median(times[1:]) * 1000


def _committed_s(rows: Commits, count: int) -> float:
    began = perf_counter()
    for _ in range(count):
        rows.commit()
    return perf_counter() - began


def _closed_ms(bench: Bench, strategy: str | None, traded: int = 0) -> float:
    """Close so many positions, one after another; the first, for which a contract is asked, doesn't count.

    Before that so many fills are traded by hand, and booked.
    """
    module = "tests.benchmarks.unpaced"
    with (
        bench.gateway() as gateway,
        bench.worker(gateway, module=module) as worker,
        bare(gateway) as hand,
        bench.load() as load,
    ):
        for _ in range(traded // AT_ONCE):
            hand.trade([(STOCK, n % 2 * 2 - 1) for n in range(AT_ONCE)])
            hand.run(book(worker.data_dir, EXTERNAL, hand.fills(AT_ONCE)))
        times = [_one_ms(worker, load, hand, strategy) for _ in range(ORDERS + 1)]
    return median(times[1:])


def _one_ms(worker: Worker, load: Generator, hand: Bare, strategy: str | None) -> float:
    hand.trade([(STOCK, QUANTITY)])
    if not hand.positions():
        raise Broken("expected a position to close, found none")
    hand.run(book(worker.data_dir, strategy or EXTERNAL, hand.fills(1)))
    command = {"strategies": [strategy]} if strategy is not None else {}
    (taken,) = load.push(worker, {"intent": "close-all", **command}).each_ms
    if held := hand.positions():
        raise Broken(f"expected every position closed, found {held}; see {worker.process.err_file}")
    return taken
