"""What Google's services refuse: told as what it is, in one line, at once or within the time given."""

import asyncio
from pathlib import Path

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError
from grpc import StatusCode

from tests.support.refusing import refusing
from trader.adapters.clock import SystemClock
from trader.adapters.google.firestore import CONTENDED_TRIES, FirestoreStore
from trader.adapters.google.pubsub import PubsubTopics
from trader.domain.errors import Failed, StoreUnavailable, TopicUnavailable
from trader.ports import Conflict, Create, OutgoingMessage, Topic, Update

AT = "2026-11-23T17:00:00.000001Z"
NAMES = {Topic.INTENTS: "intents", Topic.RESULTS: "results"}
NO_DATABASE = "The database (default) does not exist for project demo-1. Please visit the console to add one"
NO_DOCUMENT = "No document to update: projects/demo-1/databases/(default)/documents/accounts/DU1/runs/b"
IN_THE_WAY = "Document already exists: projects/demo-1/databases/(default)/documents/accounts/DU1/runs/b"
STALE = "the stored version (2) does not match the required base version (1)"
DATASTORE = "The Cloud Firestore API is not available for Firestore in Datastore Mode database demo-1"
TOO_BIG = (
    "Document 'accounts/DU1/runs/b' cannot be written because its size (1,048,600 bytes) exceeds the maximum"
)

WHY = [
    (StatusCode.PERMISSION_DENIED, "Missing or insufficient permissions.", "no-permission"),
    (StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials.", "no-credentials"),
    (StatusCode.NOT_FOUND, NO_DATABASE, "missing"),
    (StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded.", "quota"),
    (StatusCode.FAILED_PRECONDITION, DATASTORE, "refused"),
    (StatusCode.INVALID_ARGUMENT, "Invalid resource field value in the request.", "refused"),
    (StatusCode.UNAVAILABLE, "The service is unavailable.", "unavailable"),
    (StatusCode.INTERNAL, "Internal error.", "unavailable"),
]
IDS = [f"{code.name}-{suffix}" for code, _, suffix in WHY]


def store_at(address: str) -> FirestoreStore:
    return FirestoreStore("demo-1", SystemClock(), emulator=address, call_s=3, query_s=3)


@pytest.mark.parametrize(("code", "details", "suffix"), WHY, ids=IDS)
async def test_a_store_says_why_it_can_not_answer(code: StatusCode, details: str, suffix: str) -> None:
    async with refusing(code, details) as (address, _):
        store = store_at(address)
        for work in (
            store.get("accounts/DU1"),
            store.query("accounts"),
            store.commit([Create("accounts/DU1", {"secret": "body"})]),
        ):
            with pytest.raises(StoreUnavailable) as told:
                await work
            assert told.value.code == f"store-{suffix}"
            assert "expected" in told.value.message
            assert "\n" not in told.value.message
            assert "secret" not in told.value.message
        await store.close()


async def test_a_commit_is_sent_once_whatever_came_of_it() -> None:
    async with refusing(StatusCode.UNAVAILABLE, "gone") as (address, handler):
        store = store_at(address)
        with pytest.raises(StoreUnavailable):
            await store.commit([Create("accounts/DU1", {})])
        assert handler.asked == ["Commit"]
        await store.close()


async def test_contention_alone_is_tried_again_and_a_read_is() -> None:
    async with refusing(StatusCode.ABORTED, "Too much contention on these documents.") as (address, handler):
        store = FirestoreStore("demo-1", SystemClock(), emulator=address, call_s=5, query_s=1)
        with pytest.raises(StoreUnavailable) as told:
            await store.commit([Create("accounts/DU1", {})])
        assert told.value.code == "store-contended"
        assert handler.asked == ["Commit"] * CONTENDED_TRIES
        await store.close()
    async with refusing(StatusCode.UNAVAILABLE, "gone") as (address, handler):
        store = store_at(address)
        with pytest.raises(StoreUnavailable):
            await store.get("accounts/DU1")
        assert len(handler.asked) > 1
        await store.close()


@pytest.mark.parametrize(
    ("code", "details", "path"),
    [
        (StatusCode.NOT_FOUND, NO_DOCUMENT, "accounts/DU1/runs/b"),
        (StatusCode.ALREADY_EXISTS, IN_THE_WAY, "accounts/DU1/runs/b"),
        (StatusCode.FAILED_PRECONDITION, STALE, "accounts/DU1/runs/a"),
    ],
)
async def test_a_precondition_that_does_not_hold_is_a_conflict(
    code: StatusCode, details: str, path: str
) -> None:
    async with refusing(code, details) as (address, _):
        store = store_at(address)
        with pytest.raises(Conflict) as refused:
            await store.commit([Create("accounts/DU1/runs/a", {}), Update("accounts/DU1/runs/b", {}, AT)])
        assert refused.value.path == path
        await store.close()


async def test_a_size_that_only_firestore_finds_too_large_ends_the_run() -> None:
    async with refusing(StatusCode.INVALID_ARGUMENT, TOO_BIG) as (address, _):
        store = store_at(address)
        with pytest.raises(Failed) as refused:
            await store.commit([Create("accounts/DU1/runs/b", {})])
        assert refused.value.code == "document-too-large"
        await store.close()


@pytest.mark.parametrize(("code", "details", "suffix"), WHY, ids=IDS)
async def test_a_topic_says_why_it_takes_nothing(code: StatusCode, details: str, suffix: str) -> None:
    async with refusing(code, details) as (address, _):
        topics = PubsubTopics("demo-1", NAMES, SystemClock(), emulator=address, publish_s=1)
        for work in (
            topics.publish(OutgoingMessage(Topic.RESULTS, b"secret body")),
            topics.results(past=True),
        ):
            with pytest.raises(TopicUnavailable) as told:
                await work
            assert told.value.code == f"topic-{suffix}"
            assert "projects/demo-1/" in told.value.message
            assert "secret" not in told.value.message
        await topics.close()


async def test_without_credentials_each_call_says_so_and_the_loop_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(**_: object) -> None:
        raise DefaultCredentialsError("Your default credentials were not found.")

    monkeypatch.setattr(google.auth, "default", none)
    store = FirestoreStore("demo-1", SystemClock())
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as told:
            await store.get("accounts/DU1")
        assert told.value.code == "store-no-credentials"
    await store.close()


@pytest.mark.parametrize("content", [None, "[]", "no JSON", '{"type": "service_account"}'])
async def test_a_file_that_holds_no_credentials_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path  # a folder is no file either
    if content is not None:
        file = tmp_path / "credentials.json"
        file.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    store = FirestoreStore("demo-1", SystemClock())
    with pytest.raises(StoreUnavailable, match="run `gcloud auth application-default login`") as told:
        await store.get("accounts/DU1")
    assert told.value.code == "store-no-credentials"
    await store.close()


async def test_a_client_is_made_at_the_first_call_and_once() -> None:
    async with refusing(StatusCode.NOT_FOUND, NO_DOCUMENT) as (address, _):
        store = store_at(address)
        assert store._connection._opened is None
        assert await asyncio.gather(*(store.get("accounts/DU1") for _ in range(5))) == [None] * 5
        await store.close()
        await store.close()
