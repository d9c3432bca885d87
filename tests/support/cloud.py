"""A project in both emulators, a simulated gateway and real worker processes that Pub/Sub pushes to."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.support.emulators import fresh_project
from tests.support.stack import PATIENCE_S, Running, running
from trader.adapters.clock import SystemClock
from trader.adapters.google.firestore import FirestoreStore
from trader.adapters.google.provisioning import Pushing, provisioning
from trader.adapters.google.pubsub import PubsubTopics
from trader.domain.configuration_sample import sample
from trader.domain.events import RESULT_TYPE
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject
from trader.entrypoints.cli.local_stack import free_port
from trader.ports import OutgoingMessage, Subscription, Topic
from trader.stored import records

ACCOUNT = "DU1234567"
NAMES = {Topic.INTENTS: "intents", Topic.RESULTS: "results"}
MARKET = "hours: always\n"


@dataclass
class Cloud:
    """All that outlives a worker, and what it has told so far."""

    folder: Path
    project: str
    firestore: str
    pubsub: str
    gateway_port: str
    port: int
    store: FirestoreStore
    topics: PubsubTopics
    reader: Subscription
    results: dict[str, dict[str, Any]]
    tellings: Counter[str]

    @property
    def variables(self) -> dict[str, str]:
        """The environment that points a process at this project."""
        return {
            "TRADER_BACKEND": "google",
            "TRADER_PROJECT": self.project,
            "TRADER_ACCOUNT": ACCOUNT,
            "FIRESTORE_EMULATOR_HOST": self.firestore,
            "PUBSUB_EMULATOR_HOST": self.pubsub,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def worker(self, **variables: str) -> Iterator[Running]:
        """Run a worker process; killed at the end at the latest."""
        given = {
            **self.variables,
            "TRADER_GATEWAY_PORT": self.gateway_port,
            "PORT": str(self.port),
            **variables,
        }
        command = ("trader.entrypoints.serve", "--exit-with-parent")
        with running(self.folder / "worker", *command, variables=given) as started:
            yield started

    async def until_ready(self) -> None:
        """Wait until the worker that runs is ready."""

        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(trust_env=False) as client:
            while True:
                with suppress(httpx.TransportError):
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    async def configured(self) -> None:
        """Store the sample configuration, and let the account trade."""
        now = datetime.now(UTC)
        await records.write_configuration(self.store, records.configuration_path(ACCOUNT), sample(ACCOUNT))
        state = TradingState.ACTIVE
        await records.set_trading_state(self.store, ACCOUNT, state, reason="test", published_at=now, at=now)

    async def publish(self, body: JsonObject, **attributes: str) -> str:
        """Publish an intent and return the message's id."""
        return await self.topics.publish(
            OutgoingMessage(Topic.INTENTS, json.dumps(body).encode(), attributes)
        )

    async def follow(self, count: int) -> None:
        """Read results until ``count`` runs have one; each telling of a run must tell the same."""
        if len(self.results) >= count:
            return
        async for message in self.reader.follow(wait=True):
            if message.attributes["ce-type"] == RESULT_TYPE:
                told = json.loads(message.data)
                assert self.results.setdefault(told["id"], told) == told, "one run, two ends"
                self.tellings[told["id"]] += 1
            if len(self.results) >= count:
                return

    def requests(self) -> Mapping[str, int]:
        """Return what the gateway was asked, by kind; it writes its counters once a second."""
        state = json.loads((self.folder / "gateway.json").read_text())
        found: dict[str, int] = state["requests"]
        return found

    def references(self) -> list[str]:
        """Return the reference of each of our orders in the gateway's book, in no order."""
        state = json.loads((self.folder / "gateway.json").read_text())
        found = (order["terms"].get("order_ref") for order in state["book"]["orders"])
        return [reference for reference in found if reference]

    def logs(self) -> str:
        """Return all that the workers have logged."""
        return "".join(path.read_text() for path in sorted((self.folder / "worker").glob("*.err")))


@asynccontextmanager
async def cloud(
    folder: Path, firestore: str, pubsub: str, *, scenario: str = "", **pushing: Any
) -> AsyncIterator[Cloud]:
    """Open a fresh project with its topics and a push subscription, and a gateway that never closes."""
    project, port = fresh_project(), free_port(0)
    (folder / "market.yaml").write_text(MARKET)
    command = ["gateway_simulator", "--port", "0", "--exit-with-parent"]
    command += ["--state", str(folder / "gateway.json"), "--market", str(folder / "market.yaml")]
    if scenario:
        (folder / "scenario.yaml").write_text(scenario)
        command += ["--scenario", str(folder / "scenario.yaml")]
    async with AsyncExitStack() as opened:
        gateway = opened.enter_context(running(folder / "gateway", *command))
        gateway_port = gateway.until_says("listening on").rpartition(":")[2].strip()
        async with provisioning(project, pubsub) as made:
            await made.topic("results")
            wanted = Pushing(f"worker-{ACCOUNT}", f"http://127.0.0.1:{port}/", **pushing)
            await made.push(await made.topic("intents"), wanted)
        store = FirestoreStore(project, SystemClock(), emulator=firestore)
        opened.push_async_callback(store.close)
        topics = PubsubTopics(project, NAMES, SystemClock(), emulator=pubsub)
        opened.push_async_callback(topics.close)
        reader = await topics.results(past=True)
        opened.push_async_callback(reader.close)
        world = Cloud(
            folder, project, firestore, pubsub, gateway_port, port, store, topics, reader, {}, Counter()
        )
        await world.configured()
        yield world
