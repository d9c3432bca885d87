"""What a worker holds of the machine's memory after so many intents, beside what it held after its start."""

from tests.benchmarks.bench import Bench, Generator, Worker
from tests.benchmarks.measuring import Bound, Compared, Mark, Row, Spread
from tests.benchmarks.summary import AT_ONCE, SUMMARY

GROWTH_MB = 5.0
MOST_MB = 120.0


def measure(bench: Bench) -> list[Row]:
    """Return the rows: the growth from fewer to more intents, and all that is held in the end."""
    fewer, more = bench.sized(200, 1_000), bench.sized(1_000, 10_000)
    with bench.gateway() as gateway, bench.worker(gateway) as worker, bench.load() as load:
        after_start = Spread.of([worker.memory_mb])
        after_fewer = _after(fewer, worker, load)
        after_more = _after(more - fewer, worker, load)
    return [
        Row(
            f"memory after {more:,} intents, beside after {fewer:,}",
            "MB",
            after_more,
            f"after {fewer:,}",
            after_fewer,
            Compared.MORE,
            Mark(Bound.AT_MOST, GROWTH_MB),
        ),
        Row(
            f"memory after {more:,} intents",
            "MB",
            after_more,
            "after start",
            after_start,
            Compared.ITSELF,
            Mark(Bound.AT_MOST, MOST_MB),
        ),
    ]


def _after(count: int, worker: Worker, load: Generator) -> Spread:
    load.push(worker, SUMMARY, count=count, at_once=AT_ONCE)
    return Spread.of([worker.memory_mb])
