"""Plays histories: one drawn as text, or many on all cores with a summary."""

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.chaos.draw import draw
from tests.chaos.drawing import drawn
from tests.chaos.history import play
from tests.chaos.many import Summary, played

CHUNK = 50


def main() -> int:
    """Return 1 when a history shows a broken promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int, help="play this one, and draw it")
    what.add_argument("--seeds", type=int, metavar="N", help="play so many")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED", help="the first of them")
    given = parser.parse_args()
    return (
        _one(given.seed) if given.seed is not None else _many(range(given.first, given.first + given.seeds))
    )


def _one(seed: int) -> int:
    history = play(draw(seed))
    sys.stdout.write(drawn(history) + "\n")
    return 1 if history.wrong else 0


def _many(seeds: range) -> int:
    began = time.monotonic()
    total = Summary(0, 0, Counter(), Counter(), {})
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for summary in pool.map(played, chunks):
            total += summary
            for seed, wrong in summary.wrong.items():
                sys.stdout.write(f"{wrong}\n  replay: {sys.executable} -m tests.chaos --seed {seed}\n")
                sys.stdout.flush()
    took = time.monotonic() - began
    sys.stdout.write(f"seeds {seeds.start} to {seeds.stop - 1} in {took:.0f} s: {total}\n")
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
