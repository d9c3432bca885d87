"""What the measures share: a gateway, workers, a load generator, and the count of what was acknowledged.

A worker is killed as soon as it is no longer needed, and then its store must have the result of each message
that it has acknowledged: no figure is bought with durability.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path

from tests.benchmarks.load import Load, Taken
from tests.support.stack import Running, running, until
from trader.adapters.clock import SystemClock
from trader.adapters.sqlite import SqliteStore
from trader.domain.configuration_sample import sample
from trader.domain.status import Status
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject
from trader.entrypoints.cli.local_stack import free_port
from trader.runs import runs
from trader.stored import records

ACCOUNT = "DU1234567"
ROOT = Path(__file__).parents[2]
ROUNDS, ROUNDS_QUICK = 5, 2
ACKNOWLEDGED = "204"


class Broken(Exception):
    """The benchmark itself failed, or a result is not stored: nothing that it measured counts."""


@dataclass
class Bench:
    """One run of the benchmarks."""

    folder: Path
    quick: bool
    acknowledged: int = 0
    redelivered: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def rounds(self) -> int:
        return ROUNDS_QUICK if self.quick else ROUNDS

    def sized(self, quick: int, full: int) -> int:
        """Return how many of something there are to be in this form."""
        return quick if self.quick else full

    def fresh_folder(self) -> Path:
        """Return a new folder."""
        folder = self.folder / f"{next(self._numbers)}"
        folder.mkdir()
        return folder

    @contextmanager
    def module(self, name: str, *arguments: str, **variables: str) -> Iterator[Running]:
        """Run a Python module as a process; killed at the end at the latest."""
        given = {"PYTHONPATH": str(ROOT), **variables}
        with running(self.fresh_folder(), name, *arguments, variables=given) as started:
            yield started

    @contextmanager
    def gateway(self, *, cash: int = 100_000, scenario: str = "") -> Iterator[int]:
        """Run a simulated gateway whose markets never close, and yield its port."""
        folder = self.fresh_folder()
        (folder / "market.yaml").write_text("hours: always\n")
        (folder / "scenario.yaml").write_text(scenario)
        arguments = ["--port", "0", "--exit-with-parent", "--market", str(folder / "market.yaml")]
        arguments += ["--account", f"{ACCOUNT}:USD:{cash}"]
        arguments += ["--scenario", str(folder / "scenario.yaml")] if scenario else []
        with self.module("gateway_simulator", *arguments) as process:
            yield int(process.until_says("listening on").rpartition(":")[2])

    @contextmanager
    def function(self, source: Path, **variables: str) -> Iterator[int]:
        """Serve a bare function on functions-framework, and yield its port."""
        port = free_port(0)
        with self.module("tests.benchmarks.function_server", str(source), str(port), **variables):
            until(lambda: status(port, "/") is not None, "the function's server")
            yield port

    @contextmanager
    def worker(
        self, gateway: int, *, module: str = "trader.entrypoints.serve", **variables: str
    ) -> Iterator["Worker"]:
        """Run a worker that is ready and may trade; killed, and held to its acknowledgements, at the end."""
        data_dir, port = self.fresh_folder(), free_port(0)
        asyncio.run(_seeded(data_dir))
        given = {
            "PORT": str(port),
            "TRADER_DATA_DIR": str(data_dir),
            "TRADER_ACCOUNT": ACCOUNT,
            "TRADER_GATEWAY_PORT": str(gateway),
            **variables,
        }
        began = time.perf_counter()
        with self.module(module, "--exit-with-parent", **given) as process:
            until(lambda: status(port, "/readyz") == 200, f"a worker that is ready, see {process.err_file}")
            worker = Worker(port, data_dir, process, time.perf_counter() - began)
            yield worker
            process.process.kill()
        asyncio.run(_check(data_dir, worker.acknowledged))
        self.acknowledged += len(worker.acknowledged)
        self.redelivered += worker.redelivered

    @contextmanager
    def load(self) -> Iterator["Generator"]:
        """Run a load generator."""
        with self.module("tests.benchmarks.load") as process:
            yield Generator(process, self._numbers)


@dataclass
class Worker:
    """A worker that runs."""

    port: int
    data_dir: Path
    process: Running
    ready_after_s: float
    acknowledged: list[int] = field(default_factory=list)
    redelivered: int = 0

    @property
    def memory_mb(self) -> float:
        """What it holds of the machine's memory, in millions of bytes."""
        told = Path(f"/proc/{self.process.process.pid}/status").read_text()
        return int(told.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


@dataclass
class Generator:
    """A load generator that runs."""

    process: Running
    numbers: Iterator[int]
    _read: int = 0

    def push(self, worker: Worker, body: Mapping[str, object], *, count: int = 1, at_once: int = 1) -> Taken:
        """Push to a worker; raises Broken unless it has acknowledged each message."""
        numbers = [next(self.numbers) for _ in range(count)]
        taken = self.send(Load(worker.port, body, numbers[0], count, at_once))
        if taken.statuses != {ACKNOWLEDGED: count}:
            raise Broken(
                f"expected {count} messages to be acknowledged, found {taken.statuses}; "
                f"see {worker.process.err_file}"
            )
        worker.acknowledged += numbers
        worker.redelivered += taken.redelivered
        return taken

    def send(self, load: Load) -> Taken:
        """Push to any server."""
        stdin = self.process.process.stdin
        assert stdin is not None
        stdin.write(json.dumps(asdict(load)).encode() + b"\n")
        stdin.flush()
        until(lambda: self.process.out.count("\n") > self._read, "the load generator")
        line = self.process.out.splitlines()[self._read]
        self._read += 1
        return Taken(**json.loads(line))


def status(port: int, path: str) -> int | None:
    """Return how a server answers a GET; None where nobody listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


async def _seeded(data_dir: Path) -> None:
    """Make a store in which the account is configured and may trade."""
    store, now = await SqliteStore.open(data_dir / "state.sqlite3"), SystemClock().now()
    try:
        configuration: JsonObject = {
            **sample(ACCOUNT),
            "limits": {"orderNotional": 10**9, "ordersPerDay": 10**5, "positions": 10**4},
        }
        await records.write_configuration(store, records.configuration_path(ACCOUNT), configuration)
        await records.set_trading_state(
            store, ACCOUNT, TradingState.ACTIVE, reason="benchmark", published_at=now, at=now
        )
    finally:
        await store.close()


async def _check(data_dir: Path, acknowledged: Sequence[int]) -> None:
    """Raise Broken unless each message has its result in the store."""
    store = await SqliteStore.open(data_dir / "state.sqlite3")
    try:
        for number in acknowledged:
            document = await store.get(runs.path_of(ACCOUNT, f"message/{number}"))
            result = runs.read(document).result if document else None
            if result is None:
                raise Broken(f"message {number} was acknowledged, and its result is not stored")
            if result.status is not Status.SUCCEEDED:
                raise Broken(f"message {number} was to succeed, it ended {result.status}: {result.reason}")
    finally:
        await store.close()
