"""A summary, from its push to its acknowledgement, beside a function that only acknowledges."""

from pathlib import Path
from statistics import median

from tests.benchmarks import echo
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import Load
from tests.benchmarks.measuring import Bound, Compared, Mark, Row, alternating

SUMMARY: dict[str, object] = {"intent": "summary"}
AT_ONCE = 16
MORE_MS = 3.0
PART = 0.25


def measure(bench: Bench) -> list[Row]:
    """Return the rows: one at a time, and many at a time."""
    alone, together = bench.sized(100, 200), bench.sized(200, 600)
    with (
        bench.gateway() as gateway,
        bench.worker(gateway) as worker,
        bench.function(Path(echo.__file__)) as port,
        bench.load() as load,
    ):
        p50, floor_p50 = alternating(
            bench.rounds,
            lambda: median(load.push(worker, SUMMARY, count=alone).each_ms),
            lambda: median(load.send(Load(port, SUMMARY, 1, alone, 1)).each_ms),
        )
        rate, floor_rate = alternating(
            bench.rounds,
            lambda: together / load.push(worker, SUMMARY, count=together, at_once=AT_ONCE).all_s,
            lambda: together / load.send(Load(port, SUMMARY, 1, together, AT_ONCE)).all_s,
        )
    return [
        Row(
            "summary, one at a time, p50",
            "ms",
            p50,
            "echo function",
            floor_p50,
            Compared.MORE,
            Mark(Bound.AT_MOST, MORE_MS),
        ),
        Row(
            f"summary, {AT_ONCE} at a time",
            "/s",
            rate,
            "echo function",
            floor_rate,
            Compared.TIMES,
            Mark(Bound.AT_LEAST, PART),
        ),
    ]
