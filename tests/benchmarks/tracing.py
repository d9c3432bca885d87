"""What tracing costs while it is off: the spans of one delivery, beside the delivery's decoding alone.

Run it with ``python -m tests.benchmarks.tracing``; it ends with 1 where they take more than a quarter of it.
A whole delivery takes twenty times as long and more: it is claimed, ended and told.
"""

import sys
from timeit import repeat

from tests.support.deliveries import delivery
from trader import tracing
from trader.adapters.clock import SystemClock
from trader.discovery import find_intents
from trader.runs.decoding import decode

SPANS = 6
"""Of a delivery with one order and one result."""
MOST = 1 / 4
TIMES, REPEATS = 2_000, 15


def main() -> int:
    """Print the two, and their ratio."""
    message = delivery({"intent": "summary"}, published_at=SystemClock().now())
    intents = find_intents()

    def spans() -> None:
        with tracing.continued(message.attributes):
            for _ in range(SPANS):
                with tracing.span("claim", run="message/1", intent="summary"):
                    pass

    off = min(repeat(spans, number=TIMES, repeat=REPEATS)) / TIMES
    decoding = min(repeat(lambda: decode(message, intents, "DU1"), number=TIMES, repeat=REPEATS)) / TIMES
    print(  # noqa: T201 - it is what this is for
        f"{SPANS} spans, off: {off * 1e6:.2f} us; decoding one message: {decoding * 1e6:.2f} us; "
        f"ratio {off / decoding:.3f}"
    )
    return int(off / decoding > MOST)


if __name__ == "__main__":
    sys.exit(main())
