"""Measures the worker against its floors: ``make bench``, or the short form ``make bench-quick``."""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import (
    allocation,
    claim,
    closing,
    earlier,
    emulated,
    memory,
    order,
    recovery,
    starting,
    summary,
)
from tests.benchmarks.bench import Bench, Broken
from tests.benchmarks.measuring import Row, Unmeasured
from tests.benchmarks.picture import draw
from tests.benchmarks.readme import shown
from tests.benchmarks.table import Report

Measure = Callable[[Bench], Sequence[Row | Unmeasured]]
MEASURES: dict[str, Measure] = {
    "summary": summary.measure,
    "order": order.measure,
    "closing": closing.measure,
    "earlier": earlier.measure,
    "starting": starting.measure,
    "memory": memory.measure,
    "claim": claim.measure,
    "recovery": recovery.measure,
    "allocation": allocation.measure,
    "emulated": emulated.measure,
}


def main() -> int:
    """Print the table; 0 however the figures are, 1 where the benchmark broke or a result is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds, about a minute")
    parser.add_argument("--only", action="append", choices=MEASURES, help="this measure; again for more")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="also write the rows and the picture")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="also put the rows into its table")
    given = parser.parse_args()
    logging.getLogger("ib_insync").setLevel(logging.CRITICAL)  # it warns of each connection that is closed
    began = time.monotonic()
    rows: list[Row | Unmeasured] = []
    with TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder), given.quick)
        try:
            for name in given.only or MEASURES:
                sys.stderr.write(f"{name} ...\n")
                rows += MEASURES[name](bench)
        except Broken as error:
            sys.stderr.write(f"{error}\n")
            return 1
    form = "the short form" if given.quick else "the whole form"
    report = Report(form, rows, bench.acknowledged, bench.redelivered, time.monotonic() - began)
    if given.out:
        given.out.mkdir(exist_ok=True)
        (given.out / "benchmarks.json").write_text(report.to_json(), encoding="utf-8")
        draw([row for row in rows if isinstance(row, Row)], given.out)
    if given.readme:
        given.readme.write_text(shown(given.readme, rows), encoding="utf-8")
    sys.stdout.write(report.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
