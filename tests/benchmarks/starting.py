"""From a worker's start to its readiness, beside importing its libraries and connecting."""

from time import perf_counter

from tests.benchmarks.bench import Bench
from tests.benchmarks.measuring import Bound, Compared, Mark, Row, alternating

TIMES = 1.5


def measure(bench: Bench) -> list[Row]:
    """Return the row."""
    with bench.gateway() as gateway:

        def ours() -> float:
            with bench.worker(gateway) as worker:
                return worker.ready_after_s

        def bare() -> float:
            began = perf_counter()
            with bench.module("tests.benchmarks.importing", str(gateway)) as process:
                process.until_says("connected")
                return perf_counter() - began

        start, imports = alternating(bench.rounds, ours, bare)
    return [
        Row(
            "worker start to ready",
            "s",
            start,
            "its libraries + connectAsync",
            imports,
            Compared.TIMES,
            Mark(Bound.AT_MOST, TIMES),
        )
    ]
