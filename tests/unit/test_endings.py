"""Ends that the store does not take as they are: each run still has one, under its own key."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.world import ACCOUNT, Deliver, World
from trader.adapters.documents import MAX_DOCUMENT_BYTES, size_of, too_large
from trader.adapters.sqlite import SqliteStore
from trader.domain.errors import Failed, Retryable
from trader.domain.messages import Outcome, Reason, Result
from trader.domain.orders import OrderReport, OrderState, OrderType, TimeInForce
from trader.domain.status import Severity, Status
from trader.domain.wire import JsonObject, write_time
from trader.plans import StoredPlan
from trader.ports import Create, Document, Store, Update, Write
from trader.runs import runs

NOTE = f"accounts/{ACCOUNT}/fills/note"
ALWAYS = [{"intent": "trading"}, {"intent": "control", "when": "always"}]


class Said(Outcome):
    """An outcome of any length."""

    text: str


LARGE = Said(text="x" * 1_100_000)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    yield World(store)
    await store.close()


def order(state: OrderState, text: str = "") -> OrderReport:
    return OrderReport(
        instrument="SPY",
        quantity=Decimal(1),
        order_type=OrderType.MKT,
        tif=TimeInForce.DAY,
        state=state,
        filled=Decimal(0),
        currency="USD",
        reference="i1",
        text=text,
    )


async def ended(world: World) -> tuple[Result, Reason]:
    """Return the one result that was told and why, after a sweep that has had all the time it could want."""
    world.clock.advance(7200)
    sweeper = world.worker()
    for _ in range(2):
        await world.sweep(sweeper)
        world.clock.advance(61)
    await sweeper.stop()
    (result,) = {str(result): result for result in world.results()}.values()
    assert result.reason is not None
    return result, result.reason


async def run_document(world: World, key: str = "id/x") -> Document:
    document = await world.store.get(runs.path_of(ACCOUNT, key))
    assert document is not None
    return document


@pytest.mark.parametrize("at_once", [False, True])
async def test_an_outcome_too_large_to_be_stored_fails_the_run_once_under_its_own_key(
    world: World, at_once: bool
) -> None:
    world.reads_at_once = at_once
    world.handler().outcome = LARGE
    await world.worker().receive(world.message(id="x", then=ALWAYS)())
    result, reason = await ended(world)
    assert (result.id, result.status, reason.code) == ("id/x", Status.FAILED, "document-too-large")
    assert result.outcome is None
    assert runs.read(await run_document(world)).result == result
    assert world.handler().calls == 1
    assert [key for key, _ in world.follow_ups()] == ["id/x/then/2"], "what always runs"


async def test_what_was_done_stays_written_though_it_is_too_large_to_be_told(world: World) -> None:
    handler = world.handler("trading")
    handler.outcome, handler.orders = LARGE, (order(OrderState.FILLED),)
    handler.writes, handler.severity = (Create(NOTE, {"booked": True}),), Severity.CRITICAL
    await world.worker().receive(world.message("trading", id="x")())
    result, _ = await ended(world)
    assert await world.store.get(NOTE) is not None
    assert (result.status, result.severity) == (Status.FAILED, Severity.CRITICAL)
    assert [line.state for line in result.orders] == [OrderState.FILLED]


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (OrderState.FILLED, Status.FAILED, "document-too-large"),
        (OrderState.CANCELLED, Status.FAILED, "orders-rejected"),
        (OrderState.UNRESOLVED, Status.UNRESOLVED, "order-unresolved"),
    ],
)
async def test_orders_too_large_to_be_told_are_left_to_their_own_documents_and_their_doubt_is_not(
    world: World, state: OrderState, status: Status, code: str
) -> None:
    handler = world.handler("trading")
    handler.orders = tuple(order(state, "y" * 20_000) for _ in range(60))
    await world.worker().receive(world.message("trading", id="x")())
    result, reason = await ended(world)
    assert (result.status, reason.code, result.orders) == (status, code, ())
    assert "its 60 orders are told in their own documents only" in reason.message


async def test_a_write_too_large_to_be_made_is_left_out_with_what_tells_of_it(world: World) -> None:
    handler = world.handler()
    handler.outcome, handler.writes = Said(text="made"), (Create(NOTE, {"text": LARGE.text}),)
    await world.worker().receive(world.message(id="x", then=ALWAYS)())
    result, reason = await ended(world)
    assert (result.id, result.status, reason.code) == ("id/x", Status.FAILED, "document-too-large")
    assert (result.outcome, await world.store.get(NOTE)) == (None, None)
    assert "nothing of what it found is written down" in reason.message
    assert [key for key, _ in world.follow_ups()] == ["id/x/then/2"]


@pytest.mark.parametrize("intent", ["reading", "trading", "control"])
async def test_an_end_whose_writes_conflict_for_ever_comes_with_the_last_delivery(
    world: World, intent: str
) -> None:
    await world.store.commit([Create(NOTE, {"by": "somebody"})])
    handler = world.handler(intent)
    handler.outcome, handler.writes = Said(text="made"), (Create(NOTE, {"by": "the run"}),)
    deliver = world.message(intent, id="x", then=ALWAYS)
    worker = world.worker()
    for attempt in range(1, 5):
        with pytest.raises(Retryable, match="store-contended"):
            await worker.receive(deliver(attempt))
        assert world.results() == []
    with pytest.raises(Retryable, match="dead letters"):
        await worker.receive(deliver(5))
    calls = handler.calls
    result, reason = await ended(world)
    assert (result.id, result.status, reason.code) == ("id/x", Status.FAILED, "retries-exhausted")
    assert "store-contended" in reason.message
    assert result.outcome is None, "which tells of what was never written"
    assert handler.calls == calls, "and nobody carries it out again"
    assert [key for key, _ in world.follow_ups()] == ["id/x/then/2"]


async def test_what_is_left_out_for_a_write_too_large_is_not_what_its_orders_came_to(world: World) -> None:
    handler = world.handler("trading")
    handler.orders, handler.writes = (order(OrderState.FILLED),), (Create(NOTE, {"text": LARGE.text}),)
    await world.worker().receive(world.message("trading", id="x")())
    result, reason = await ended(world)
    assert (result.status, reason.code) == (Status.FAILED, "document-too-large")
    assert [line.state for line in result.orders] == [OrderState.FILLED]


async def half_way(world: World, *, room: int) -> Deliver:
    """Let a run be put off whose plan has left ``room`` bytes of its document; return its message."""
    handler, deliver = world.handler("control"), world.message("control", id="x", then=ALWAYS)
    handler.error = Retryable("not-now", "later")
    with pytest.raises(Retryable, match="later"):
        await world.worker().receive(deliver())
    handler.error = None
    document = await run_document(world)
    stage: JsonObject = {"name": "order", "orders": ["i1"], "decidedAt": write_time(world.clock.now())}

    def planned(text: str) -> JsonObject:
        record: JsonObject = {"text": text}
        return {**document.data, "plan": {"stages": [{**stage, "record": record}]}}

    lease: JsonObject = {"nonce": "nonce-10", "worker": "nonce-10", "renewals": 0}  # as while it was stored
    left = MAX_DOCUMENT_BYTES - size_of(document.path, {**planned(""), "lease": lease})
    await world.store.commit([Update(document.path, planned("x" * (left - room)), document.version)])
    return deliver


@pytest.mark.parametrize("room", [0, 30, 200])
async def test_a_plan_that_all_but_fills_its_document_keeps_no_run_from_its_end(
    world: World, room: int
) -> None:
    deliver = await half_way(world, room=room)
    await world.worker().receive(deliver(2))
    result, reason = await ended(world)
    assert (result.id, reason.code) == ("id/x", "document-too-large")
    record = runs.read(await run_document(world))
    assert record.result == result, "what is told is what is stored"
    assert record.plan is not None
    assert StoredPlan.model_validate(record.plan).references == {"i1"}, "which orders there are is kept"
    assert [key for key, _ in world.follow_ups()] == ["id/x/then/2"], "what always runs"


async def test_a_run_with_no_room_for_another_attempt_still_says_when_it_was_begun(world: World) -> None:
    begun_at = world.clock.now()
    deliver = await half_way(world, room=0)
    world.clock.advance(30)
    await world.worker().receive(deliver(2))
    result, _ = await ended(world)
    assert (result.started_at, result.attempt) == (begun_at, 2)


async def test_a_run_that_cant_be_taken_over_is_not_told_as_refused_before_its_claim(
    world: World,
) -> None:
    deliver = await half_way(world, room=0)
    with pytest.raises(Retryable, match="document-too-large"):
        await world.worker(store=cast("Store", Stricter(world.store))).receive(deliver(2))
    assert world.results() == []


class Stricter:
    """A store that counts a document's size otherwise than whoever wrote the document."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        if isinstance(writes[0], Update):
            raise too_large(writes[0].path, "more")
        return await self._store.commit(writes)


async def test_an_end_whose_writes_conflict_comes_at_once_where_its_message_is_too_old_to_come_again(
    world: World,
) -> None:
    await world.store.commit([Create(NOTE, {"by": "somebody"})])
    handler, worker = world.handler("trading"), world.worker()
    handler.writes = (Create(NOTE, {"by": "the run"}),)
    handler.go.clear()
    limit = write_time(world.clock.now().replace(second=10))
    running = asyncio.create_task(worker.receive(world.message("trading", id="x", expiresAt=limit)()))
    await handler.started.wait()
    world.clock.advance(11)
    handler.go.set()
    await running
    result, reason = await ended(world)
    assert (result.status, reason.code, handler.calls) == (Status.FAILED, "retries-exhausted", 1)


async def test_a_run_that_finds_its_own_document_damaged_is_never_told_as_refused_before_its_claim(
    world: World,
) -> None:
    handler = world.handler()
    handler.go.clear()
    running = asyncio.create_task(world.worker().receive(world.message(id="x")()))
    await handler.started.wait()
    document = await run_document(world)
    await world.store.commit([Update(document.path, {**document.data, "lease": 7}, document.version)])
    handler.go.set()
    with pytest.raises(Retryable) as sent_back:
        await running
    assert sent_back.value.code == "document-damaged"
    assert world.results() == []


async def test_a_run_that_fails_by_itself_keeps_its_reason_and_says_what_is_missing(world: World) -> None:
    handler = world.handler()
    handler.outcome, handler.failure = LARGE, Failed("broke", "it broke")
    await world.worker().receive(world.message(id="x")())
    _, reason = await ended(world)
    assert reason.code == "broke"
    assert reason.message.startswith("it broke; ")
    assert "its outcome isn't kept" in reason.message


@pytest.mark.parametrize("kind", ["reading", "control", "trading"])
@pytest.mark.parametrize("what", ["half a character", "a document twice"])
async def test_an_end_that_cant_be_written_at_all_is_one_when_the_deliveries_have_run_out(
    world: World, kind: str, what: str
) -> None:
    handler = world.handler(kind)
    if what == "half a character":
        handler.outcome = Said(text="\udc80")
    else:
        handler.writes = (Create(NOTE, {"n": 1}), Create(NOTE, {"n": 2}))
    deliver, worker = world.message(kind, id="x"), world.worker()
    for attempt in range(1, 6):
        with suppress(Retryable):
            await worker.receive(deliver(attempt))
    await worker.stop()
    assert handler.calls == 5
    result, reason = await ended(world)
    assert (result.id, result.status, reason.code) == ("id/x", Status.FAILED, "retries-exhausted")
    assert handler.calls == 5
