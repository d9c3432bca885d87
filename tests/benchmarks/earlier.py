"""A summary as the earlier system did it, connecting anew for each request, beside ours."""

from pathlib import Path
from statistics import median

from tests.benchmarks import connecting
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import Load
from tests.benchmarks.measuring import Row, alternating
from tests.benchmarks.summary import SUMMARY


def measure(bench: Bench) -> list[Row]:
    """Return the row; what is called the floor here is ours."""
    count = bench.sized(20, 50)
    with (
        bench.gateway() as gateway,
        bench.worker(gateway) as worker,
        bench.function(Path(connecting.__file__), **{connecting.GATEWAY: str(gateway)}) as port,
        bench.load() as load,
    ):
        before, ours = alternating(
            bench.rounds,
            lambda: median(load.send(Load(port, SUMMARY, 1, count, 1)).each_ms),
            lambda: median(load.push(worker, SUMMARY, count=count).each_ms),
        )
    return [Row("summary as the earlier system did it, p50", "ms", before, "ours", ours)]
