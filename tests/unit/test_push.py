"""Whatever is posted to the worker: one shape behind, 204 or 400, and never a 5xx for a person's mistake."""

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from functions_framework.aio import create_asgi_app
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.deliveries import push_body
from tests.support.world import ACCOUNT, World
from trader.adapters.sqlite import SqliteStore
from trader.domain.errors import Retryable
from trader.domain.messages import Result
from trader.entrypoints import function
from trader.entrypoints.push import PUBLISHED, PushEnvelope
from trader.entrypoints.serving import RUNNER
from trader.runner.runner import Runner


def client(runner: Runner) -> httpx.AsyncClient:
    """Return a client of the application, without the server and the lifespan around it."""
    target = create_asgi_app(target="handle", source=function.__file__, signature_type="cloudevent")
    RUNNER.set(runner)
    return httpx.AsyncClient(transport=httpx.ASGITransport(PushEnvelope(target)), base_url="http://worker")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    yield World(store)
    await store.close()


async def post(world: World, **request: Any) -> httpx.Response:
    runner = world.worker()
    async with client(runner) as http:
        answer = await http.post("/", **request)
    await runner.stop()
    return answer


async def the_result_of(world: World, **request: Any) -> Result:
    answer = await post(world, **request)
    assert (answer.status_code, answer.content) == (204, b"")
    (result,) = world.results()
    return result


SUMMARY = {"intent": "reading"}


def wrapped(world: World, body: Any = SUMMARY, **given: Any) -> dict[str, Any]:
    return push_body(body, published_at=world.clock.now(), **given)


async def test_a_wrapped_push_body_is_carried_out(world: World) -> None:
    result = await the_result_of(world, json=wrapped(world, message_id="7"))
    assert (result.id, result.status) == ("message/7", "succeeded")


async def test_an_eventarc_event_is_carried_out(world: World) -> None:
    headers = {"ce-type": PUBLISHED, "ce-id": "7", "ce-source": "//x", "ce-specversion": "1.0"}
    result = await the_result_of(world, json=wrapped(world, message_id="7"), headers=headers)
    assert (result.id, result.status) == ("message/7", "succeeded")


async def test_a_structured_cloudevent_is_carried_out(world: World) -> None:
    event = {
        "type": PUBLISHED,
        "id": "7",
        "source": "//x",
        "specversion": "1.0",
        "data": wrapped(world, message_id="7"),
    }
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
    result = await the_result_of(world, content=json.dumps(event), headers=headers)
    assert (result.id, result.status) == ("message/7", "succeeded")


async def test_an_unwrapped_event_is_carried_out_with_its_attributes_from_the_headers(world: World) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-type": "ib-intents.intent.v1",
        "ce-source": "//mine",
        "ce-id": "a",
        "ce-time": "2026-11-23T17:00:00Z",
        "x-goog-pubsub-message-id": "7",
        "x-goog-pubsub-publish-time": "2026-11-23T17:00:00Z",
        "x-goog-pubsub-subscription-name": "projects/p/subscriptions/s",
        "account": ACCOUNT,
    }
    result = await the_result_of(world, json=SUMMARY, headers=headers)
    assert (result.id, result.status) == ("message///mine/a", "succeeded")


async def test_an_attempt_that_is_no_count_is_counted_anew(world: World) -> None:
    headers = {
        "x-goog-pubsub-message-id": "7",
        "x-goog-pubsub-publish-time": "2026-11-23T17:00:00Z",
        "x-goog-pubsub-delivery-attempt": "9" * 5000,
    }
    assert (await the_result_of(world, json=SUMMARY, headers=headers)).attempt == 1


async def test_an_unwrapped_schedule_keeps_its_tick_although_headers_have_no_capitals(world: World) -> None:
    headers = {
        "x-goog-pubsub-message-id": "7",
        "x-goog-pubsub-publish-time": "2026-11-23T17:00:01Z",
        "schedule": "noon",
        "cron": "0 12 * * *",
        "timezone": "America/New_York",
    }
    result = await the_result_of(world, json=SUMMARY, headers=headers)
    assert result.id == "schedule/noon/2026-11-23T17:00:00.000000Z"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"[]",
        b"null",
        b"{}",
        b'{"message": null}',
        b'{"message": {}, "subscription": "s"}',
        b'{"message": {"messageId": 7, "publishTime": "2026-11-23T17:00:00Z"}}',
        b'{"message": {"messageId": "", "publishTime": "2026-11-23T17:00:00Z"}}',
        b'{"message": {"messageId": "7", "publishTime": "x", "attributes": {"a": 1}}}',
        b'{"intent": "summary"}',
        b"[" * 100_000,
        b'{"message": {"messageId": "\\ud800", "publishTime": "x"}}',
        b'{"message": {"messageId": "\xed\xa0\x80", "publishTime": "x"}}',
        '{"message": {"messageId": "7", "publishTime": "2026-11-23T17:00:00Z"}}'.encode("utf-16"),
    ],
)
async def test_a_body_that_is_no_push_envelope_is_400_with_a_problem_description(
    world: World, content: bytes
) -> None:
    answer = await post(world, content=content)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("expected a Pub/Sub push envelope")
    assert world.results() == []


async def test_only_posts_are_deliveries(world: World) -> None:
    async with client(world.worker()) as http:
        assert (await http.get("/")).status_code == 405


async def test_a_body_that_no_topic_would_send_is_not_read_to_its_end(world: World) -> None:
    assert (await post(world, content=b"x" * (17 * 1024 * 1024))).status_code == 413


async def test_a_body_over_256_kib_is_rejected_by_one_result(world: World) -> None:
    result = await the_result_of(world, json=wrapped(world, {"intent": "reading", "text": "x" * 257 * 1024}))
    assert (result.status, result.reason and result.reason.code) == ("rejected", "too-large")


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"schedule": "s", "cron": "often", "timeZone": "UTC"}, "bad-cron"),
        ({"schedule": "s", "cron": "0 * * * *", "timeZone": "Mars"}, "bad-time-zone"),
        ({"schedule": "s"}, "missing-attribute"),
    ],
)
async def test_a_schedule_that_cannot_be_read_is_rejected(
    world: World, attributes: dict[str, str], code: str
) -> None:
    result = await the_result_of(world, json=wrapped(world, attributes=attributes))
    assert (result.status, result.reason and result.reason.code) == ("rejected", code)


async def test_what_must_come_again_is_503_with_a_time_to_wait(world: World) -> None:
    world.handler().error = Retryable("not-now", "later", retry_after_s=7)
    answer = await post(world, json=wrapped(world))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


async def test_a_defect_is_503_and_tells_nothing_of_the_message(world: World) -> None:
    world.handler().error = RuntimeError("secret")
    answer = await post(world, json=wrapped(world))
    assert answer.status_code == 503
    assert "secret" not in answer.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["intent", "id", "dryRun", "expiresAt", "account", "reason", "then", "text", "when", "x"]
)
BODIES = st.dictionaries(
    FIELDS, JSON | st.sampled_from(["reading", "trading", "control", ACCOUNT]), max_size=5
)
DATA = (
    BODIES.map(lambda body: base64.b64encode(json.dumps(body).encode()).decode())
    | st.binary(max_size=30).map(lambda raw: base64.b64encode(raw).decode())
    | st.text(max_size=30)
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["account", "schedule", "cron", "timeZone", "ce-id", "ce-source", "other"]),
    st.text(max_size=20)
    | st.sampled_from([ACCOUNT, "0 12 * * *", "UTC", f"//ib-intents/{ACCOUNT}", "id/x/then/1"]),
    max_size=5,
)
ENVELOPES = st.fixed_dictionaries(
    {
        "message": st.fixed_dictionaries(
            {
                "messageId": st.text(min_size=1, max_size=20),
                "publishTime": st.sampled_from(["2026-11-23T17:00:00Z", "x"]),
            },
            optional={"data": DATA, "attributes": ATTRIBUTES | st.none()},
        ),
        "subscription": st.text(max_size=20),
    },
    optional={"deliveryAttempt": st.integers(-1, 10)},
)


def test_no_envelope_is_answered_with_a_server_error() -> None:
    # One loop, one store and one worker for all of them, as in life; Hypothesis itself is synchronous.
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as loop:
        store = loop.run(SqliteStore.open(Path(folder) / "state.sqlite3"))
        world = World(store)
        runner = world.worker()
        http = loop.run(opened(runner))

        @settings(max_examples=2000, deadline=None)
        @given(ENVELOPES)
        def check(envelope: dict[str, Any]) -> None:
            world.publisher.messages.clear()
            answer = loop.run(http.post("/", content=json.dumps(envelope)))
            assert answer.status_code in (204, 400)
            if answer.status_code == 204 and "account" not in (envelope["message"].get("attributes") or {}):
                assert len(world.results()) == 1

        check()
        loop.run(http.aclose())
        loop.run(runner.stop())
        loop.run(store.close())


async def opened(runner: Runner) -> httpx.AsyncClient:
    return client(runner)
