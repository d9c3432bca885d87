"""From the gateway's drop of the connection to a worker that is ready again, beside connecting."""

import json
import time
from datetime import datetime
from http.client import HTTPConnection

from tests.benchmarks.bare import Bare, bare, stocks
from tests.benchmarks.bench import ROUNDS_QUICK, Bench, Worker
from tests.benchmarks.measuring import Bound, Compared, Mark, Row, alternating
from tests.support.stack import until
from trader.adapters.ib.connection import STEADY_S

TIMES = 1.5
DROPS = "{when: {event: reqGlobalCancel, every: 1}, then: disconnect}"
"""The gateway closes every connection when it is told to cancel everything, of which there is nothing."""
AT_ONCE = 200
LOOK_S = 0.1


def measure(bench: Bench) -> list[Row]:
    """Return a row without fills of the day, and one with many, which both sides have to read again."""
    return [_row(bench, fills) for fills in (0, bench.sized(200, 3_000))]


def _row(bench: Bench, fills: int) -> Row:
    with bench.gateway(scenario=f"[{DROPS}]") as gateway:
        with bare(gateway) as hand:
            for _ in range(fills // AT_ONCE):
                hand.trade([(stock, n % 2 * 2 - 1) for n, stock in enumerate(stocks(1) * AT_ONCE)])
        with bench.worker(gateway) as worker, bare(gateway) as client:
            ours, connecting = alternating(
                bench.rounds if not fills else ROUNDS_QUICK,
                lambda: _recovered_ms(worker, client),
                lambda: _connected_ms(client),
            )
    return Row(
        f"recovery: gateway drop to ready, {fills:,} fills of the day",
        "ms",
        ours,
        "connectAsync",
        connecting,
        Compared.TIMES,
        Mark(Bound.AT_MOST, TIMES),
    )


def _recovered_ms(worker: Worker, client: Bare) -> float:
    time.sleep(STEADY_S)  # a connection that came up a moment ago is waited for, and isn't made again at once
    dropped_at = client.provoke_a_drop()
    time.sleep(LOOK_S)  # it says itself when it was ready; to be asked meanwhile would keep it from that
    until(lambda: (_ready_since(worker) or dropped_at) > dropped_at, "a worker that is ready again")
    after = _ready_since(worker)
    assert after is not None
    client.disconnect()
    client.connect()
    return (after - dropped_at).total_seconds() * 1000


def _connected_ms(client: Bare) -> float:
    client.disconnect()
    return client.connect() * 1000


def _ready_since(worker: Worker) -> datetime | None:
    """Return since when the worker is ready, by its own word; None while it isn't."""
    connection = HTTPConnection("127.0.0.1", worker.port, timeout=60)
    try:
        connection.request("GET", "/readyz")
        told = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return datetime.fromisoformat(told["since"]) if told["ready"] else None
