"""A summary, from push to acknowledgement, beside functions that do nothing, or what is durable alone."""

from pathlib import Path
from statistics import median

from tests.benchmarks import durable_echo, echo
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
    file = str(bench.fresh_folder() / "rows.sqlite3")
    with (
        bench.gateway() as gateway,
        bench.worker(gateway) as worker,
        bench.function(Path(echo.__file__)) as echoes,
        bench.function(Path(durable_echo.__file__), **{durable_echo.FILE: file}) as commits,
        bench.load() as load,
    ):

        def p50(port: int) -> float:
            return median(load.send(Load(port, SUMMARY, 1, alone, 1)).each_ms)

        def rate(port: int) -> float:
            return together / load.send(Load(port, SUMMARY, 1, together, AT_ONCE)).all_s

        one, one_echo, one_commits = alternating(
            bench.rounds,
            lambda: median(load.push(worker, SUMMARY, count=alone).each_ms),
            lambda: p50(echoes),
            lambda: p50(commits),
        )
        many, many_echo, many_commits = alternating(
            bench.rounds,
            lambda: together / load.push(worker, SUMMARY, count=together, at_once=AT_ONCE).all_s,
            lambda: rate(echoes),
            lambda: rate(commits),
        )
    one_name, many_name = "summary, one at a time, p50", f"summary, {AT_ONCE} at a time"
    nothing, durable = "echo function", f"echo function that commits {durable_echo.COMMITS} times"
    more, part = Mark(Bound.AT_MOST, MORE_MS), Mark(Bound.AT_LEAST, PART)
    return [
        Row(one_name, "ms", one, nothing, one_echo, Compared.MORE, more),
        Row(f"{one_name}, beside what is durable", "ms", one, durable, one_commits, Compared.MORE),
        Row(many_name, "/s", many, nothing, many_echo, Compared.TIMES, part),
        Row(f"{many_name}, beside what is durable", "/s", many, durable, many_commits, Compared.TIMES),
    ]
