"""The load generator, a process of its own: pushes messages at a server and says how long each took.

Each line on its standard input is a ``Load`` as JSON, each line on its output the ``Taken`` of it. It speaks
HTTP on sockets that stay open, as Pub/Sub's do, and with so little code that what is measured is the server.
"""

import asyncio
import base64
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from time import perf_counter

PATIENCE_S = 120
SENT_BACK = 503
"""The answer to which a topic delivers again."""
REDELIVERY_S = 0.1
PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"


@dataclass(frozen=True, slots=True)
class Load:
    """So many messages with the same body, and how many of them are under way at once."""

    port: int
    body: Mapping[str, object]
    first: int
    """The first message's number; the others follow it."""
    count: int
    at_once: int


@dataclass(frozen=True, slots=True)
class Taken:
    """How long each message took, from its first byte to its last answer's last, and all of them together.

    ``statuses`` are those last answers; what was sent back before is in ``redelivered``.
    """

    each_ms: list[float]
    all_s: float
    statuses: dict[str, int]
    redelivered: int = 0


def request(load: Load, number: int) -> bytes:
    """Return the HTTP request of one message: what Pub/Sub pushes, as the CloudEvent that Eventarc sends.

    A bare functions-framework takes only the latter, the worker both, so that the two are sent the same.
    """
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    message = {
        "data": base64.b64encode(json.dumps(load.body).encode()).decode(),
        "attributes": {},
        "messageId": str(number),
        "publishTime": at,
    }
    envelope = {
        "message": message,
        "subscription": "projects/local/subscriptions/worker",
        "deliveryAttempt": 1,
    }
    body = json.dumps(envelope).encode()
    head = (
        f"POST / HTTP/1.1\r\nhost: 127.0.0.1:{load.port}\r\ncontent-type: application/json\r\n"
        f"ce-specversion: 1.0\r\nce-type: {PUBLISHED}\r\n"
        f"ce-source: //pubsub.googleapis.com/projects/local\r\n"
        f"ce-id: {number}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass(frozen=True, slots=True)
class Connection:
    """One socket to a server, over which one request at a time goes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, wanted: bytes) -> int:
        """Send one request and return the status of its answer."""
        self.writer.write(wanted)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2]
        if length:
            await self.reader.readexactly(int(length.partition(b"\r\n")[0]))
        return int(head.split(b" ", 2)[1])


Idle = defaultdict[int, list[Connection]]
"""The open sockets that nothing is sent over now, by their server's port."""


async def _opened(idle: Idle, port: int) -> Connection:
    while idle[port]:
        connection = idle[port].pop()
        if not connection.reader.at_eof():  # the server has closed it else
            return connection
        connection.writer.close()
    return Connection(*await asyncio.open_connection("127.0.0.1", port))


async def _send(
    connection: Connection, requests: Iterator[bytes], taken: list[tuple[float, list[int]]]
) -> None:
    for wanted in requests:
        began = perf_counter()
        answers = [await connection.ask(wanted)]
        while answers[-1] == SENT_BACK:
            await asyncio.sleep(REDELIVERY_S)
            answers.append(await connection.ask(wanted))
        taken.append((perf_counter() - began, answers))


async def push(load: Load, idle: Idle) -> Taken:
    """Push all messages of ``load``, over sockets that are ``idle`` as far as there are any."""
    requests = iter([request(load, load.first + n) for n in range(load.count)])
    taken: list[tuple[float, list[int]]] = []
    async with asyncio.timeout(PATIENCE_S):
        connections = [await _opened(idle, load.port) for _ in range(load.at_once)]
        began = perf_counter()
        await asyncio.gather(*(_send(connection, requests, taken) for connection in connections))
        all_s = perf_counter() - began
    idle[load.port] += connections
    statuses = Counter(str(answers[-1]) for _, answers in taken)
    redelivered = sum(len(answers) - 1 for _, answers in taken)
    return Taken([each * 1000 for each, _ in taken], all_s, dict(statuses), redelivered)


def main() -> None:
    """Serve until standard input ends."""
    idle: Idle = defaultdict(list)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            taken = runner.run(push(Load(**json.loads(line)), idle))
            sys.stdout.write(json.dumps(asdict(taken)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
