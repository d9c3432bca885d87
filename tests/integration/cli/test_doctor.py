"""`trader doctor` over Google's emulators and refusing services: a good set-up, and what breaks others."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.pubsub_v1.types import Subscription
from grpc import StatusCode

from tests.support.doctor import described
from tests.support.emulators import fresh_project
from tests.support.refusing import refusing
from tests.support.stack import PATIENCE_S, environment
from trader.adapters.clock import SystemClock
from trader.adapters.google.firestore import FirestoreStore
from trader.adapters.google.provisioning import DEAD_LETTERS, Pushing, provisioning
from trader.domain.configuration_sample import sample
from trader.stored import records

ACCOUNT = "DU1234567"


@dataclass
class Project:
    """A project in both emulators, and the variables that point a command at it."""

    name: str
    pubsub: str
    firestore: str

    @property
    def variables(self) -> dict[str, str]:
        return {
            "TRADER_BACKEND": "google",
            "TRADER_PROJECT": self.name,
            "TRADER_ACCOUNT": ACCOUNT,
            "PUBSUB_EMULATOR_HOST": self.pubsub,
            "FIRESTORE_EMULATOR_HOST": self.firestore,
        }


async def doctor(
    project: Project, folder: Path, *options: str, **variables: str
) -> tuple[int, dict[str, str], str]:
    """Run the command; return its exit code, each code with its verdict, and all that it said."""
    ran = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "trader.entrypoints.cli", "doctor", "--json", *options),
        env=environment({**project.variables, "TRADER_DATA_DIR": str(folder), **variables}),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(ran.communicate(), PATIENCE_S)
    assert err == b"", err
    lines = [json.loads(line) for line in out.decode().splitlines()]
    return ran.returncode or 0, {line["code"]: line["verdict"] for line in lines}, out.decode()


@asynccontextmanager
async def answering(status: int, body: str) -> AsyncIterator[str]:
    """Serve one answer to every request over HTTP; yield the address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} Said\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body.encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def project(pubsub_emulator: str, firestore_emulator: str) -> Project:
    """A project as it should be."""
    found = Project(fresh_project(), pubsub_emulator, firestore_emulator)
    async with provisioning(found.name, pubsub_emulator) as made:
        await made.topic("results")
        await made.push(await made.topic("intents"), Pushing("worker-local", "http://127.0.0.1:9/"))
    store = FirestoreStore(found.name, SystemClock(), emulator=firestore_emulator)
    await records.remember_account(store, ACCOUNT, datetime.now(UTC))
    await records.write_configuration(store, records.configuration_path(ACCOUNT), sample(ACCOUNT))
    await store.close()
    return found


async def test_a_good_set_up_has_no_finding_and_says_what_it_could_not_check(
    tmp_path: Path, project: Project
) -> None:
    code, found, said = await doctor(project, tmp_path)
    assert code == 0, said
    assert set(found.values()) == {"ok", "unchecked"}
    assert {name for name, verdict in found.items() if verdict == "unchecked"} == {
        "dead-letter-permissions",
        "indexes",
        "schedules",
        "service",
        "worker",
    }


async def test_a_topic_that_is_missing_is_named(tmp_path: Path, project: Project) -> None:
    async with provisioning(project.name, project.pubsub) as made:
        await made.remove_topic("results")
    code, found, said = await doctor(project, tmp_path)
    assert (code, found["topic-missing"]) == (1, "danger")
    assert "gcloud pubsub topics create results" in said
    assert project.name in said


async def test_another_project_has_nothing_of_ours(tmp_path: Path, project: Project) -> None:
    code, found, _ = await doctor(project, tmp_path, TRADER_PROJECT=fresh_project())
    assert (code, found["topic-missing"], found["subscription-missing"]) == (1, "danger", "danger")


async def test_dead_letters_that_nobody_keeps_and_deadlines_that_do_not_nest_are_dangers(
    tmp_path: Path, project: Project
) -> None:
    async with provisioning(project.name, project.pubsub) as made:
        client = made._subscriber
        await client.delete_subscription(subscription=f"projects/{project.name}/subscriptions/{DEAD_LETTERS}")
    code, found, _ = await doctor(project, tmp_path, TRADER_HANDLER_S="560")
    assert (code, found["dead-letters-unread"], found["deadlines"]) == (1, "danger", "danger")


async def test_a_subscription_without_dead_letters_is_a_danger(tmp_path: Path, project: Project) -> None:
    async with provisioning(project.name, project.pubsub) as made:
        name = f"projects/{project.name}/subscriptions/worker-local"
        await made._subscriber.delete_subscription(subscription=name)
        topic = f"projects/{project.name}/topics/intents"
        plain = Subscription(name=name, topic=topic, ack_deadline_seconds=10)
        plain.push_config.push_endpoint = "http://127.0.0.1:9/"
        await made._subscriber.create_subscription(plain)
    code, found, _ = await doctor(project, tmp_path)
    assert (code, found["dead-letter-missing"], found["ack-deadline"]) == (1, "danger", "danger")


async def test_dead_letters_whose_topic_is_gone_are_a_danger(tmp_path: Path, project: Project) -> None:
    async with provisioning(project.name, project.pubsub) as made:
        await made.remove_topic(DEAD_LETTERS)
    code, found, said = await doctor(project, tmp_path)
    assert found.get("dead-letter-missing") == "danger", said
    assert code == 1


async def test_a_deployed_workers_own_settings_are_held_against_its_subscription(
    tmp_path: Path, project: Project
) -> None:
    file = tmp_path / "service.json"
    given = {
        "TRADER_BACKEND": "google",
        "TRADER_PROJECT": project.name,
        "TRADER_ACCOUNT": ACCOUNT,
        "TRADER_HANDLER_S": "560",
        "TRADER_PUSH_AUDIENCE": "https://worker.example/",
        "TRADER_PUSH_SERVICE_ACCOUNT": "push@example.iam",
    }
    file.write_text(json.dumps(described(**given)))
    code, found, said = await doctor(project, tmp_path, "--service", str(file))
    assert code == 1, said
    dangers = {name for name, verdict in found.items() if verdict == "danger"}
    assert dangers == {"deadlines", "push-audience", "push-service-account"}


async def test_a_service_without_the_cloud_is_wrong_use_in_one_line(tmp_path: Path, project: Project) -> None:
    file = tmp_path / "service.json"
    file.write_text(json.dumps(described()))
    ran = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "trader.entrypoints.cli", "doctor", "--service", str(file)),
        env=environment({"TRADER_DATA_DIR": str(tmp_path)}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(ran.communicate(), PATIENCE_S)
    assert (ran.returncode, out) == (2, b"")
    assert err.decode().count("\n") == 1
    assert "expected TRADER_BACKEND=google with --service, found local" in err.decode()


@pytest.mark.parametrize(
    ("said", "code", "verdict"),
    [
        ("Requested project not found or user does not have access to it.", "project-missing", "danger"),
        ("Resource not found (resource=intents).", "topic-missing", "danger"),
    ],
)
async def test_a_wrong_project_is_told_from_a_missing_topic(
    tmp_path: Path, project: Project, said: str, code: str, verdict: str
) -> None:
    async with refusing(StatusCode.NOT_FOUND, said) as (there, _):
        ended, found, _ = await doctor(project, tmp_path, PUBSUB_EMULATOR_HOST=there)
    assert (ended, found[code]) == (1, verdict)


@pytest.mark.parametrize(("status", "words"), [(403, "gcloud run services proxy"), (200, "doesn't answer")])
async def test_a_worker_that_can_not_be_asked_is_unchecked_with_the_reason(
    tmp_path: Path, project: Project, status: int, words: str
) -> None:
    async with answering(status, "no worker's words") as url:
        _, found, said = await doctor(project, tmp_path, "--url", url)
    assert found["worker"] == "unchecked"
    assert words in said


async def test_why_a_worker_sends_deliveries_back_is_told_by_itself(tmp_path: Path, project: Project) -> None:
    refusal = {"code": "store-no-permission", "message": "may not write", "at": "2026-11-26T12:00:00Z"}
    ready = {"ready": True, "gateway": "ready", "reason": "", "account": ACCOUNT, "refusal": refusal}
    async with answering(200, json.dumps({"version": "0", **ready})) as url:
        code, found, said = await doctor(project, tmp_path, "--url", url)
    assert (code, found["worker-refused"]) == (1, "danger")
    assert "store-no-permission: may not write" in said


async def test_a_store_that_refuses_is_named_with_its_cause(tmp_path: Path, project: Project) -> None:
    async with refusing(StatusCode.PERMISSION_DENIED, "Missing or insufficient permissions.") as (there, _):
        code, found, said = await doctor(project, tmp_path, FIRESTORE_EMULATOR_HOST=there)
    assert (code, found["store"]) == (1, "danger")
    assert "store-no-permission" in said


async def test_a_missing_index_is_named(tmp_path: Path, project: Project) -> None:
    wanted = "The query requires an index. You can create it in the console"
    async with refusing(StatusCode.FAILED_PRECONDITION, wanted) as (there, _):
        code, found, said = await doctor(project, tmp_path, FIRESTORE_EMULATOR_HOST=there)
    assert (code, found["index-missing"]) == (1, "danger")
    assert "deploy infra/firestore.indexes.json" in said


async def test_topics_that_may_not_be_looked_at_are_unchecked_with_the_reason(
    tmp_path: Path, project: Project
) -> None:
    async with refusing(StatusCode.PERMISSION_DENIED, "User not authorized.") as (there, _):
        code, found, said = await doctor(project, tmp_path, PUBSUB_EMULATOR_HOST=there)
    assert (code, found["topics"]) == (0, "unchecked")
    assert "topic-no-permission" in said


async def test_an_emulator_that_is_gone_is_named(tmp_path: Path, project: Project) -> None:
    gone = Project(project.name, "127.0.0.1:9", "127.0.0.1:9")
    code, found, said = await doctor(gone, tmp_path)
    assert (code, found["topics"], found["store"]) == (1, "unchecked", "danger")
    assert "store-unavailable" in said
