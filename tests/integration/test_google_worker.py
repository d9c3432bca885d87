"""A worker on Google's services while these fail: 503 with a reason in its log, and well again by itself."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from grpc import StatusCode

from gateway_simulator.server import serve
from tests.support.clock import FakeClock
from tests.support.deliveries import push_body
from tests.support.emulators import fresh_project
from tests.support.eventually import eventually
from tests.support.gateway import ACCOUNT, QUICK, RunningWorker, running_worker
from tests.support.ib import GatewayTime, simulated
from tests.support.proxy import Proxy, proxy
from tests.support.refusing import refusing, refusing_only
from tests.support.tokens import ACCOUNT as PUSHER
from tests.support.tokens import AUDIENCE, KeySource, Signer
from trader import logs
from trader.adapters.google.provisioning import provisioning
from trader.adapters.signing_keys import SigningKeys
from trader.entrypoints.asgi import create_app
from trader.settings import Settings

SUMMARY = {"intent": "summary", "reason": "SECRET-IN-THE-BODY"}


@dataclass(frozen=True, slots=True)
class Cloudy:
    """A worker whose connections to both emulators a test can cut."""

    worker: RunningWorker
    firestore: Proxy
    pubsub: Proxy
    pubsub_emulator: str
    project: str

    async def is_sent_back(self, message_id: str, *, attempt: int = 1) -> str:
        """Deliver once; return the code of the 503 that it is answered with."""
        answer = await self.worker.push(SUMMARY, message_id=message_id, attempt=attempt)
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        return answer.text

    async def is_sent_back_with(self, code: str, message_id: str) -> None:
        """Deliver until it is answered with that code: the first may only have met a cut connection."""

        async def is_so() -> bool:
            return await self.is_sent_back(message_id) == code

        await eventually(is_so)

    async def is_acknowledged(self, message_id: str) -> None:
        """Deliver until it is acknowledged."""

        async def acknowledged() -> bool:
            return (await self.worker.push(SUMMARY, message_id=message_id)).status_code == 204

        await eventually(acknowledged)

    async def is_told(self, message_id: str) -> None:
        """Deliver until it is acknowledged; the one result has to be told then."""
        await self.is_acknowledged(message_id)
        told = [result for result in await self.worker.results() if result.id == f"message/{message_id}"]
        assert told
        assert all(result == told[0] for result in told)
        assert told[0].status == "succeeded"


@pytest.fixture
async def cloudy(tmp_path: Path, firestore_emulator: str, pubsub_emulator: str) -> AsyncIterator[Cloudy]:
    project, gateway = fresh_project(), simulated()
    async with AsyncExitStack() as opened:
        made = await opened.enter_async_context(provisioning(project, pubsub_emulator))
        await made.topic("intents")
        await made.topic("results")
        firestore = await opened.enter_async_context(proxy(firestore_emulator))
        pubsub = await opened.enter_async_context(proxy(pubsub_emulator))
        server = await opened.enter_async_context(serve(gateway))
        worker = await opened.enter_async_context(
            running_worker(
                gateway,
                server.port,
                tmp_path,
                account=ACCOUNT,
                backend="google",
                project=project,
                firestore_emulator=firestore.address,
                pubsub_emulator=pubsub.address,
                durations=QUICK.model_copy(update={"lease_s": 60}),
            )
        )
        await worker.until_ready()
        await worker.configured()
        yield Cloudy(worker, firestore, pubsub, pubsub_emulator, project)


async def test_a_store_that_goes_away_in_the_middle_and_comes_back(cloudy: Cloudy) -> None:
    await cloudy.is_acknowledged("before")
    with cloudy.firestore.gone():
        assert await cloudy.is_sent_back("meanwhile") == "store-unavailable"
    await cloudy.is_told("meanwhile")


async def test_a_store_whose_reply_is_lost_runs_the_intent_once(cloudy: Cloudy) -> None:
    await cloudy.is_acknowledged("before")
    await cloudy.worker.worker.runner.teller.finish()  # or the reply to that is lost
    with cloudy.firestore.losing_a_reply():
        await cloudy.is_sent_back("cut off", attempt=2)  # it is claimed first then
    cloudy.worker.worker.runner.watch._seen.clear()  # its own dead run is known at once all the same
    await cloudy.is_told("cut off")


async def test_topics_that_go_away_in_the_middle_and_come_back(
    cloudy: Cloudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudy.worker.worker.topics, "_publish_s", 1.0)
    await cloudy.is_acknowledged("before")
    with cloudy.pubsub.gone():
        assert await cloudy.is_sent_back("meanwhile") == "topic-unavailable"
    await cloudy.is_told("meanwhile")


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (StatusCode.PERMISSION_DENIED, "Missing or insufficient permissions.", "no-permission"),
        (StatusCode.FAILED_PRECONDITION, "The query requires an index.", "refused"),
        (StatusCode.NOT_FOUND, "The database (default) does not exist for project demo-1.", "missing"),
    ],
)
async def test_a_store_or_topics_that_refuse_are_named_and_serve_once_they_take_it(
    cloudy: Cloudy, status: StatusCode, said: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await cloudy.is_acknowledged("before")
    async with refusing(status, said) as (there, _):
        with cloudy.firestore.instead(there):
            await cloudy.is_sent_back_with(f"store-{code}", "store")
        await cloudy.is_told("store")
        with cloudy.pubsub.instead(there):
            await cloudy.is_sent_back_with(f"topic-{code}", "topic")
        await cloudy.is_told("topic")
    assert said.rstrip(".") in capsys.readouterr().out, "its log says why"


async def test_a_store_that_refuses_writes_alone_is_named_and_serves_once_it_takes_them(
    cloudy: Cloudy, firestore_emulator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await cloudy.is_acknowledged("before")
    said = "Missing or insufficient permissions to write."
    async with refusing_only("Commit", StatusCode.PERMISSION_DENIED, said, firestore_emulator) as (there, _):
        with cloudy.firestore.instead(there):
            await cloudy.is_sent_back_with("store-no-permission", "store")
            await cloudy.worker.worker.ports.store.query("accounts")  # it still reads
            refusal = (await cloudy.worker.readiness()).json()["refusal"]
            assert refusal["code"] == "store-no-permission"
            assert said.rstrip(".") in refusal["message"]
    await cloudy.is_told("store")
    assert (await cloudy.worker.readiness()).json()["refusal"] is None
    assert said.rstrip(".") in capsys.readouterr().out, "its log says why"


async def test_a_missing_topic_is_named_and_serves_once_it_is_made(cloudy: Cloudy) -> None:
    await cloudy.is_acknowledged("before")
    async with provisioning(cloudy.project, cloudy.pubsub_emulator) as made:
        await made.remove_topic("results")
        assert await cloudy.is_sent_back("meanwhile") == "topic-missing"
        await made.topic("results")
    await cloudy.is_told("meanwhile")


async def test_a_worker_starts_without_its_store_and_serves_once_that_is_there(
    tmp_path: Path, firestore_emulator: str, pubsub_emulator: str
) -> None:
    project, gateway = fresh_project(), simulated()
    async with (
        provisioning(project, pubsub_emulator) as made,
        proxy(firestore_emulator) as firestore,
        serve(gateway) as server,
    ):
        await made.topic("results")
        given: dict[str, Any] = {
            "account": ACCOUNT,
            "backend": "google",
            "project": project,
            "firestore_emulator": firestore.address,
            "pubsub_emulator": pubsub_emulator,
        }
        async with AsyncExitStack() as opened:
            with firestore.gone():
                starting = running_worker(gateway, server.port, tmp_path, **given)
                worker = await opened.enter_async_context(starting)
                assert (await worker.push(SUMMARY)).status_code == 503
            await worker.until_ready()
            await Cloudy(worker, firestore, firestore, pubsub_emulator, project).is_told("later")


async def test_no_body_no_token_and_no_credential_is_logged(
    tmp_path: Path, firestore_emulator: str, pubsub_emulator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project, gateway = fresh_project(), simulated()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure("debug")
    clock = GatewayTime(gateway)
    signing = FakeClock(gateway.clock.now())
    signer = Signer(signing)
    token = signer.token()
    try:
        async with AsyncExitStack() as opened:
            made = await opened.enter_async_context(provisioning(project, pubsub_emulator))
            await made.topic("results")
            pubsub = await opened.enter_async_context(proxy(pubsub_emulator))
            server = await opened.enter_async_context(serve(gateway))
            settings = Settings(
                data_dir=tmp_path,
                gateway_port=server.port,
                account=ACCOUNT,
                backend="google",
                project=project,
                firestore_emulator=firestore_emulator,
                pubsub_emulator=pubsub.address,
                push_audience=AUDIENCE,
                push_service_account=PUSHER,
                durations=QUICK,
            )
            app = create_app(settings, clock, SigningKeys(KeySource(signer), clock))
            await opened.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            http = await opened.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://worker")
            )

            async def ready() -> bool:
                return (await http.get("/readyz")).status_code == 200

            await eventually(ready)

            async def push(body: dict[str, Any], bearer: str) -> int:
                envelope = push_body(body, published_at=clock.now())
                headers = {"authorization": f"Bearer {bearer}"}
                return (await http.post("/", json=envelope, headers=headers)).status_code

            assert await push(SUMMARY, token) == 204
            assert await push({**SUMMARY, "colour": "SECRET-FIELD"}, token) == 204
            assert await push(SUMMARY, signer.token(aud="https://other.example/")) == 401
            with pubsub.losing_a_reply():
                assert await push({**SUMMARY, "id": "again"}, token) == 204
    finally:
        root.handlers = handlers
        root.setLevel(level)
    said = capsys.readouterr()
    lines = (said.err + said.out).splitlines()
    assert any(json.loads(line)["message"] == "ended" for line in lines if line.startswith("{"))
    for secret in ("SECRET", token.split(".")[1], token.split(".")[2], "Bearer ", PUSHER):
        assert not [line for line in lines if secret in line], secret
