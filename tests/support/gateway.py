"""A whole worker over the real sockets of a simulated gateway, in one process and on one loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from gateway_simulator.gateway import Gateway
from tests.support.deliveries import push_body
from tests.support.ib import GatewayTime
from trader.bootstrap import Worker
from trader.domain.configuration_sample import sample
from trader.domain.events import RESULT_TYPE
from trader.domain.messages import Result
from trader.entrypoints.asgi import create_app
from trader.settings import Durations, Settings
from trader.stored import records

ACCOUNT = "DU1234567"
QUICK = Durations(connect_s=2, broker_call_s=1, lease_s=2)
"""Short enough that what is waited for in vain doesn't hold the tests up."""


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """A worker that serves, and a client of it."""

    app: Starlette
    http: httpx.AsyncClient
    clock: GatewayTime

    @property
    def worker(self) -> Worker:
        worker: Worker = self.app.state.worker
        return worker

    async def readiness(self) -> httpx.Response:
        return await self.http.get("/readyz")

    async def until_ready(self) -> None:
        await self.until_gateway_is("ready")

    async def until_gateway_is(self, state: str) -> Mapping[str, Any]:
        """Return what /readyz says once the gateway is in ``state``."""
        return await self._until(lambda answer: answer["gateway"] == state)

    async def until_gateway_says(self, reason: str) -> Mapping[str, Any]:
        """Return what /readyz says once its reason has ``reason`` in it."""
        return await self._until(lambda answer: reason in answer["reason"])

    async def _until(self, holds: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        async with asyncio.timeout(60):
            while True:
                answer: Mapping[str, Any] = (await self.readiness()).json()
                if holds(answer):
                    return answer
                await asyncio.sleep(0.01)

    async def configured(self, **changes: Any) -> None:
        """Store the sample configuration, with ``changes`` at its top."""
        data = {**sample(ACCOUNT), **changes}
        await records.write_configuration(self.worker.ports.store, records.configuration_path(ACCOUNT), data)

    async def push(self, body: Mapping[str, Any], **given: Any) -> httpx.Response:
        """Deliver ``body`` once."""
        return await self.http.post("/", json=push_body(body, **{"published_at": self.clock.now(), **given}))

    async def results(self) -> list[Result]:
        return [Result.model_validate(event) for event in await self.told(RESULT_TYPE)]

    async def told(self, kind: str) -> list[dict[str, Any]]:
        """Return what was told on the results topic, of one type of event."""
        follow = (await self.worker.topics.results(past=True)).follow(wait=False)
        return [json.loads(m.data) async for m in follow if m.attributes["ce-type"] == kind]

    async def result_of(self, body: Mapping[str, Any], **given: Any) -> Result:
        """Deliver ``body`` and return the result that it ends in."""
        before = len(await self.results())
        answer = await self.push(body, **given)
        assert answer.status_code == 204, answer.text
        (result,) = (await self.results())[before:]
        return result


@asynccontextmanager
async def running_worker(
    gateway: Gateway, port: int, data_dir: Path, *, clock: GatewayTime | None = None, **given: Any
) -> AsyncIterator[RunningWorker]:
    """Start a worker for the gateway at ``port``; ``given`` are settings."""
    settings = Settings(**{"data_dir": data_dir, "gateway_port": port, "durations": QUICK, **given})
    clock = clock or GatewayTime(gateway)
    app = create_app(settings, clock)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://worker") as http,
    ):
        yield RunningWorker(app, http, clock)
