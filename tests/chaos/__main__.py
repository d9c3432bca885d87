"""`python -m tests.chaos --seed N` draws one history as text; `--seeds N --from M` plays many and sums up."""

import argparse
import sys
import time
from collections import Counter

import structlog

from tests.chaos.draw import draw
from tests.chaos.history import play


def main() -> int:
    """Return 0 when all that must be true was true."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="play and draw this one history")
    parser.add_argument("--seeds", type=int, default=100, help="how many to play")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    return _one(given.seed) if given.seed is not None else _many(given.first, given.seeds)


def _one(seed: int) -> int:
    played = play(draw(seed))
    for line in played.lines:
        sys.stdout.write(f"{line.at:%H:%M:%S.%f}  {line.who:<8}  {line.text}\n")
    return 1 if played.wrong else 0


def _many(first: int, count: int) -> int:
    started, wrong, orders = time.monotonic(), 0, 0
    outcomes: Counter[str] = Counter()
    for seed in range(first, first + count):
        played = play(draw(seed))
        outcomes += played.outcomes
        orders += played.orders
        if played.wrong:
            wrong += 1
            sys.stdout.write(f"seed {seed}: {played.wrong[0]}\n  python -m tests.chaos --seed {seed}\n")
    took = time.monotonic() - started
    sys.stdout.write(f"{count} histories from seed {first} in {took:.0f} s: {wrong} wrong, {orders} orders\n")
    for outcome, times in sorted(outcomes.items()):
        sys.stdout.write(f"  {times:6}  {outcome}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
