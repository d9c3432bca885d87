"""The life of one intent: claimed once, carried out under a lease, ended in one result, whatever dies."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.deliveries import delivery
from tests.support.world import ACCOUNT, Deliver, Note, World
from trader.adapters.sqlite import SqliteStore
from trader.domain.errors import (
    Failed,
    OutcomeUnknown,
    Rejected,
    Retryable,
    Skipped,
    StoreUnavailable,
    TopicUnavailable,
    TraderError,
)
from trader.domain.messages import Reason, Result
from trader.domain.status import Severity, Status
from trader.domain.wire import JsonObject, digest, write_time
from trader.ports import Document, ReceivedMessage, Store, Update, Write
from trader.runner.runner import Runner
from trader.runs import runs
from trader.runs.decoding import Delivery
from trader.runs.replays import Replays
from trader.settings import Durations


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await SqliteStore.open(tmp_path / "state.sqlite3")
    yield World(store)
    await store.close()


@pytest.fixture
def at_once(world: World) -> World:
    """A world in which the reading intent claims its run with the result."""
    world.reads_at_once = True
    return world


async def die(task: asyncio.Task[None]) -> None:
    """Kill a worker in the middle: none of its code runs on, nothing is released."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def started_and_killed(world: World, message: Delivery, kind: str = "reading") -> None:
    handler = world.handler(kind)
    handler.go.clear()
    task = asyncio.create_task(world.worker().receive(message))
    await handler.started.wait()
    await die(task)
    handler.go.set()
    handler.started.clear()


# -- one message, one run ---------------------------------------------------------------------------------


async def test_a_message_is_carried_out_and_ends_in_one_result(world: World) -> None:
    await world.worker().receive(world.message(id="x")())
    (result,) = world.results()
    assert world.handler().calls == 1
    assert (result.id, result.status, result.attempt) == ("id/x", "succeeded", 1)
    assert world.event_ids() == ["id/x#1"]


async def test_a_result_carries_what_a_subscriber_filters_on(world: World) -> None:
    await world.worker().receive(world.message(id="x", dryRun=True)())
    attributes = world.publisher.messages[0].attributes
    wanted = {
        "intent": "reading",
        "status": "succeeded",
        "mode": "paper",
        "account": ACCOUNT,
        "dryRun": "true",
    }
    assert wanted.items() <= attributes.items()
    assert attributes["ce-type"] == "ib-intents.result.v1"
    assert attributes["ce-source"] == f"//ib-intents/{ACCOUNT}"


async def test_a_second_delivery_after_the_end_publishes_the_stored_result_again(world: World) -> None:
    deliver = world.message(id="x")
    for _ in range(3):
        await world.worker().receive(deliver())
    assert world.handler().calls == 1
    assert world.event_ids() == ["id/x#1", "id/x#2", "id/x#3"]
    assert len({str(result) for result in world.results()}) == 1


async def test_a_second_delivery_while_the_first_runs_is_sent_back(world: World) -> None:
    deliver, worker, handler = world.message(), world.worker(), world.handler()
    handler.go.clear()
    first = asyncio.create_task(worker.receive(deliver()))
    await handler.started.wait()
    for other in (worker, world.worker()):
        with pytest.raises(Retryable) as sent_back:
            await other.receive(deliver(2))
        assert sent_back.value.code == "run-in-progress"
    handler.go.set()
    await first
    assert handler.calls == 1


async def test_twenty_deliveries_at_once_are_one_run(world: World) -> None:
    deliver, workers = world.message(id="x"), [world.worker() for _ in range(4)]
    await asyncio.gather(*(workers[n % 4].receive(deliver()) for n in range(20)), return_exceptions=True)
    assert world.handler().calls == 1
    assert {result.id for result in world.results()} == {"id/x"}


async def test_one_id_with_other_contents_is_refused_under_the_messages_own_id(world: World) -> None:
    await world.worker().receive(world.message("control", id="x", text="red")())
    for other in (
        world.message("control", id="x", text="blue"),
        world.message("control", id="x", text="red", dryRun=True),
        world.message("reading", id="x", text="red"),
    ):
        message = other()
        await world.worker().receive(message)
        refused = world.results()[-1]
        assert refused.status == "rejected"
        assert reason_of(refused).code == "id-reused"
        assert refused.id == f"message/{message.message.message_id}"
    assert world.handler("control").calls == 1


@pytest.mark.parametrize("stored", ["by this release", "by one that wrote defaults into the fingerprint"])
async def test_a_message_that_was_put_off_is_carried_out_by_a_release_whose_command_knows_more(
    world: World, stored: str
) -> None:
    deliver = world.message()
    world.handler().error = Retryable("not-now", "later")
    with pytest.raises(Retryable):
        await world.worker().receive(deliver())
    world.handler().error = None
    released = world.worker()
    if stored == "by this release":
        released.intents = {
            "reading": replace(world.intents["reading"], command=LargerNote),
        }
    else:
        document = await run_document(world)
        older = digest({"intent": "reading", "command": {"text": ""}, "dryRun": False})
        data: JsonObject = {**document.data, "fingerprint": older}
        await world.store.commit([Update(document.path, data, document.version)])
    await released.receive(deliver(2))
    assert [result.status for result in world.results()] == ["succeeded"]


class LargerNote(Note):
    """The command of the next release."""

    more: str | None = None


async def test_a_refusal_before_the_claim_uses_the_id_up_for_nobody(world: World) -> None:
    await world.worker().receive(world.message("control", id="x", txt="red")())
    await world.worker().receive(world.message("control", id="x", text="red")())
    assert [result.status for result in world.results()] == ["rejected", "succeeded"]


# -- claimed with its result ------------------------------------------------------------------------------


async def test_what_answers_at_once_is_stored_in_one_write_before_it_is_told(at_once: World) -> None:
    store = FailingStore(at_once.store, at=1, applied=False)
    with pytest.raises(Retryable):
        await at_once.worker(store=store).receive(at_once.message(id="x")())
    assert (at_once.handler().calls, at_once.results()) == (1, [])
    store.commits = 1
    worker = at_once.worker(store=store)
    await worker.receive(at_once.message(id="x")())
    assert at_once.event_ids() == ["id/x#1"]
    await worker.stop()
    assert store.commits == 3  # the run with its result, and that it is told


async def test_twenty_deliveries_at_once_of_what_answers_at_once_have_one_result(at_once: World) -> None:
    deliver, workers = at_once.message(id="x"), [at_once.worker() for _ in range(4)]
    await asyncio.gather(*(workers[n % 4].receive(deliver()) for n in range(20)), return_exceptions=True)
    assert len({str(result) for result in at_once.results()}) == 1
    document = await run_document(at_once)
    assert runs.read(document).result == at_once.results()[0]


async def test_what_answers_at_once_is_told_again_and_not_anew(at_once: World) -> None:
    deliver = at_once.message(id="x")
    for attempt in (1, 1, 2):
        at_once.clock.advance(1)
        await at_once.worker().receive(deliver(attempt))
    assert at_once.event_ids() == ["id/x#1", "id/x#2", "id/x#3"]
    assert len({str(result) for result in at_once.results()}) == 1


async def test_one_id_with_other_contents_is_refused_where_it_answers_at_once_too(at_once: World) -> None:
    await at_once.worker().receive(at_once.message(id="x", text="red")())
    message = at_once.message(id="x", text="blue")()
    await at_once.worker().receive(message)
    refused = at_once.results()[-1]
    assert (refused.id, reason_of(refused).code) == (f"message/{message.message.message_id}", "id-reused")


@pytest.mark.parametrize("attempt", [1, None])
async def test_what_should_answer_at_once_and_is_put_off_counts_its_deliveries(
    at_once: World, attempt: int | None
) -> None:
    at_once.handler().error = Retryable("busy", "not now")
    deliver = at_once.message(id="x")
    for n in range(4):
        with pytest.raises(Retryable, match="not now"):
            await at_once.worker().receive(deliver(attempt and attempt + n))
    at_once.handler().error = None
    await at_once.worker().receive(deliver(attempt and attempt + 4))
    (result,) = at_once.results()
    assert (result.status, result.attempt) == ("succeeded", 5)


async def test_what_was_killed_before_it_answered_at_once_is_claimed_first_when_it_comes_again(
    at_once: World,
) -> None:
    deliver = at_once.message(id="x")
    for attempt in (1, 2):
        at_once.handler().go.clear()
        task = asyncio.create_task(at_once.worker().receive(deliver(attempt)))
        await at_once.handler().started.wait()
        found = await at_once.store.query(f"accounts/{ACCOUNT}/runs")
        assert len(found) == attempt - 1
        await die(task)
        at_once.handler().started.clear()
    at_once.handler().go.set()
    at_once.clock.advance(3601)
    worker = at_once.worker()
    await at_once.sweep(worker)
    at_once.clock.advance(60)
    await at_once.sweep(worker)
    assert [(r.id, r.status) for r in at_once.results()] == [("id/x", "expired")]


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("at", [1, 2])
async def test_a_store_that_fails_where_a_run_answers_at_once_costs_a_delivery_and_no_result(
    at_once: World, at: int, applied: bool
) -> None:
    deliver = at_once.message(id="x")
    first = at_once.worker(store=FailingStore(at_once.store, at=at, applied=applied))
    await asyncio.gather(first.receive(deliver()), return_exceptions=True)
    await first.stop()
    await delivered_until_acknowledged(at_once, at_once.worker(), deliver)
    assert len({str(result) for result in at_once.results()}) == 1
    assert (await run_document(at_once)).data["state"] != "running"


async def test_a_claim_with_its_result_whose_reply_was_lost_is_known_by_its_nonce(at_once: World) -> None:
    worker = at_once.worker(store=RepeatingStore(at_once.store))
    await worker.receive(at_once.message(id="x")())
    await worker.stop()
    assert at_once.handler().calls == 1
    assert at_once.event_ids() == ["id/x#1"]


# -- for whom ---------------------------------------------------------------------------------------------


async def test_a_message_for_another_worker_is_acknowledged_without_a_result(world: World) -> None:
    await world.worker().receive(world.message(attributes={"account": "DU2"})())
    await world.worker(default=False).receive(world.message()())
    assert world.results() == []


async def test_an_addressed_message_reaches_a_worker_that_takes_no_others(world: World) -> None:
    await world.worker(default=False).receive(world.message(attributes={"account": ACCOUNT})())
    assert [result.status for result in world.results()] == ["succeeded"]


# -- how it ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "severity"),
    [
        (Rejected("no", "not this one"), "rejected", "warning"),
        (Skipped("holiday", "the market is closed"), "skipped", "info"),
        (Failed("broke", "it broke"), "failed", "warning"),
        (OutcomeUnknown("doubt", "who knows"), "unresolved", "critical"),
    ],
)
async def test_an_end_that_is_not_success_says_why_and_is_final(
    world: World, error: TraderError, status: str, severity: str
) -> None:
    world.handler().error = error
    deliver = world.message()
    for _ in range(2):
        await world.worker().receive(deliver())
    result = world.results()[0]
    assert (result.status, result.severity) == (status, severity)
    assert reason_of(result).message == error.message
    assert world.handler().calls == 1


async def test_what_may_pass_is_tried_again_with_the_next_delivery(world: World) -> None:
    handler, worker, deliver = world.handler(), world.worker(), world.message()
    for error in (Retryable("not-now", "later"), RuntimeError("a defect")):
        handler.error = error
        with pytest.raises(Retryable):
            await worker.receive(deliver())
    handler.error = None
    await world.worker().receive(deliver(3))
    assert handler.calls == 3
    assert [(r.status, r.attempt) for r in world.results()] == [("succeeded", 3)]


async def test_without_a_gateway_nothing_is_asked_and_the_message_comes_again(world: World) -> None:
    world.broker.ready = False
    deliver = world.message()
    with pytest.raises(Retryable) as sent_back:
        await world.worker().receive(deliver())
    assert sent_back.value.code == "gateway-disconnected"
    assert world.handler().calls == 0
    world.broker.ready = True
    await world.worker().receive(deliver(2))
    assert [r.status for r in world.results()] == ["succeeded"]


async def test_a_control_intent_needs_no_gateway(world: World) -> None:
    world.broker.ready = False
    await world.worker().receive(world.message("control")())
    assert [r.status for r in world.results()] == ["succeeded"]


@pytest.mark.parametrize("counted", ["by the topic", "by the run document"])
async def test_the_last_delivery_ends_the_run_and_lets_the_message_go(world: World, counted: str) -> None:
    handler, deliver = world.handler(), world.message()
    handler.error = Retryable("not-now", "the moon is wrong")
    for n in range(1, 6):
        with pytest.raises(Retryable):
            await world.worker().receive(deliver(n if counted == "by the topic" else None))
    (result,) = world.results()
    assert (result.status, result.attempt) == ("failed", 5)
    assert reason_of(result).code == "retries-exhausted"
    assert "the moon is wrong" in reason_of(result).message


async def test_a_result_says_when_its_run_was_begun_however_often_that_was_put_off(world: World) -> None:
    handler, worker, deliver = world.handler(), world.worker(), world.message()
    handler.error = Retryable("not-now", "later")
    begun_at = world.clock.now()
    for _ in range(30):
        with pytest.raises(Retryable):
            await worker.receive(deliver())
        world.clock.advance(1)
    handler.error = None
    await worker.receive(deliver())
    (result,) = world.results()
    assert (result.started_at, result.finished_at) == (begun_at, begun_at + timedelta(seconds=30))


async def test_a_handler_that_takes_too_long_is_stopped_and_sent_back(world: World) -> None:
    world.handler().go.clear()
    quick = world.worker(durations=Durations(handler_s=0.001))
    with pytest.raises(Retryable) as sent_back:
        await quick.receive(world.message()())
    assert sent_back.value.code == "handler-deadline"


# -- age --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intent", "age", "status"),
    [
        ("reading", timedelta(minutes=59), "succeeded"),
        ("reading", timedelta(minutes=61), "expired"),
        ("trading", timedelta(minutes=9), "succeeded"),
        ("trading", timedelta(minutes=11), "expired"),
        ("control", timedelta(days=300), "succeeded"),
    ],
)
async def test_a_message_is_good_for_as_long_as_its_class_says(
    world: World, intent: str, age: timedelta, status: str
) -> None:
    await world.worker().receive(world.message(intent, published_at=world.clock.now() - age)())
    assert [result.status for result in world.results()] == [status]
    assert world.handler(intent).calls == (status == "succeeded")


@pytest.mark.parametrize(("in_minutes", "status"), [(-1, "expired"), (1, "succeeded")])
async def test_expires_at_overrides_the_class(world: World, in_minutes: int, status: str) -> None:
    limit = world.clock.now() + timedelta(minutes=in_minutes)
    await world.worker().receive(
        world.message("trading", expiresAt=write_time(limit), published_at=limit - timedelta(hours=1))()
    )
    assert [result.status for result in world.results()] == [status]


async def test_age_counts_from_the_tick_of_a_schedule(world: World) -> None:
    tick = world.clock.now()
    schedule = {"schedule": "job", "cron": "0 12 * * *", "timeZone": "America/New_York"}
    deliver = world.message("trading", attributes=schedule, published_at=tick + timedelta(seconds=60))
    world.clock.advance(10 * 60 + 1)
    await world.worker().receive(deliver())
    assert [r.status for r in world.results()] == ["expired"]
    assert world.results()[0].requested_at == tick


# -- deaths -----------------------------------------------------------------------------------------------


async def test_a_killed_run_is_taken_over_once_its_lease_has_not_moved_for_its_length(world: World) -> None:
    deliver = world.message(id="x")
    await started_and_killed(world, deliver())
    worker = world.worker()
    for wait_s in (0, 30, 29):
        world.clock.advance(wait_s)
        with pytest.raises(Retryable) as sent_back:
            await worker.receive(deliver(2))
        assert sent_back.value.code == "run-in-progress"
    world.clock.advance(1)
    await worker.receive(deliver(3))
    assert [(r.id, r.status, r.attempt) for r in world.results()] == [("id/x", "succeeded", 3)]


async def test_two_workers_that_see_the_same_dead_lease_do_not_both_take_it(world: World) -> None:
    deliver = world.message()
    await started_and_killed(world, deliver())
    calls_before = world.handler().calls
    workers = [world.worker() for _ in range(5)]
    for worker in workers:
        with pytest.raises(Retryable):
            await worker.receive(deliver(2))
    world.clock.advance(60)
    await asyncio.gather(*(worker.receive(deliver(3)) for worker in workers), return_exceptions=True)
    assert world.handler().calls == calls_before + 1


async def test_a_run_whose_lease_is_renewed_is_never_taken_over(world: World) -> None:
    deliver, handler, other = world.message(), world.handler(), world.worker()
    handler.go.clear()
    first = asyncio.create_task(world.worker().receive(deliver()))
    await handler.started.wait()
    for _ in range(20):
        before = await run_document(world)
        world.clock.advance(15)
        await changed(world, before)
        with pytest.raises(Retryable):
            await other.receive(deliver(2))
    handler.go.set()
    await first
    assert handler.calls == 1


async def test_a_worker_that_was_frozen_past_its_lease_stops_and_ends_nothing(world: World) -> None:
    deliver, handler = world.message(id="x"), world.handler()
    handler.go.clear()
    frozen = asyncio.create_task(world.worker().receive(deliver()))
    await handler.started.wait()
    handler.started.clear()
    other = world.worker()
    with pytest.raises(Retryable):
        await other.receive(deliver(2))
    world.clock._monotonic += 60  # the frozen worker's own timers don't run
    second = asyncio.create_task(other.receive(deliver(3)))
    await handler.started.wait()
    world.clock.advance(15)  # it wakes
    with pytest.raises(Retryable) as stopped:
        await frozen
    assert stopped.value.code == "lease-lost"
    handler.go.set()
    await second
    assert world.event_ids() == ["id/x#1"]


async def test_a_run_that_was_put_off_is_free_at_once(world: World) -> None:
    deliver = world.message()
    world.handler().error = Retryable("not-now", "later")
    with pytest.raises(Retryable):
        await world.worker().receive(deliver())
    world.handler().error = None
    await world.worker().receive(deliver(2))
    assert [r.status for r in world.results()] == ["succeeded"]


async def test_a_run_killed_and_never_delivered_again_is_ended_by_the_sweeper(world: World) -> None:
    await started_and_killed(world, world.message(id="x")())
    worker = world.worker()
    await world.sweep(worker)
    world.clock.advance(61)
    await world.sweep(worker)
    assert world.results() == [], "it is still young: whoever sent it may send it again"
    world.clock.advance(3600)
    await world.sweep(worker)
    assert [(r.id, r.status) for r in world.results()] == [("id/x", "expired")]
    await worker.stop()
    await world.sweep(worker)
    assert len(world.results()) == 1


async def test_a_control_run_killed_and_not_delivered_again_is_carried_out_by_the_sweeper(
    world: World,
) -> None:
    await started_and_killed(world, world.message("control", id="x")(), "control")
    worker = world.worker()
    await world.sweep(worker)
    world.clock.advance(60)
    await world.sweep(worker)
    assert [(r.id, r.status) for r in world.results()] == [("id/x", "succeeded")]


async def test_the_sweeper_leaves_a_live_run_alone(world: World) -> None:
    handler, worker = world.handler("control"), world.worker()
    handler.go.clear()
    first = asyncio.create_task(worker.receive(world.message("control")()))
    await handler.started.wait()
    for _ in range(3):
        await world.sweep(worker)
    handler.go.set()
    await first
    assert handler.calls == 1


@pytest.mark.parametrize("damaged", ["id/x", "id/y"])
async def test_a_run_whose_message_is_damaged_keeps_the_sweeper_from_no_other(
    world: World, damaged: str
) -> None:
    for name in ("x", "y"):
        await started_and_killed(world, world.message("control", id=name)(), "control")
    document = await world.store.get(runs.path_of(ACCOUNT, damaged))
    assert document is not None
    await world.store.commit([Update(document.path, {**document.data, "delivery": {}}, document.version)])
    worker = world.worker()
    await world.sweep(worker)
    world.clock.advance(60)
    await world.sweep(worker)
    assert [r.id for r in world.results()] == list({"id/x", "id/y"} - {damaged})


# -- the topic and the store fail -------------------------------------------------------------------------


async def test_a_result_that_could_not_be_published_is_published_from_the_document(world: World) -> None:
    deliver = world.message(id="x")
    world.publisher.down = True
    with pytest.raises(TopicUnavailable):
        await world.worker().receive(deliver())
    world.publisher.down = False
    await world.worker().receive(deliver(2))
    assert world.handler().calls == 1
    assert world.event_ids() == ["id/x#2"]


async def test_a_result_that_nobody_asks_for_again_is_published_by_the_sweeper(world: World) -> None:
    world.publisher.down = True
    with pytest.raises(TopicUnavailable):
        await world.worker().receive(world.message(id="x")())
    world.publisher.down = False
    worker = world.worker()
    await world.sweep(worker)
    world.clock.advance(60)
    await world.sweep(worker)
    await worker.stop()
    assert [(r.id, r.status) for r in world.results()] == [("id/x", "succeeded")]
    world.clock.advance(60)
    await world.sweep(worker)
    assert len(world.results()) == 1


class FailingStore:
    """The Store port over a real one: fails at the n-th commit, before or after it is applied."""

    def __init__(self, store: Store, *, at: int, applied: bool) -> None:
        self._store = store
        self._at = at
        self._applied = applied
        self.commits = 0

    async def get(self, path: str) -> Document | None:
        return await self._store.get(path)

    async def query(self, collection: str, **given: object) -> Sequence[Document]:
        return await self._store.query(collection, **given)  # type: ignore[arg-type]

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        self.commits += 1
        if self.commits == self._at and not self._applied:
            raise StoreUnavailable("store-unavailable", "refused")
        versions = await self._store.commit(writes)
        if self.commits == self._at:
            raise StoreUnavailable("store-unavailable", "applied, but the reply was lost")
        return versions


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("again", ["the same worker", "a new worker"])
async def test_a_store_that_fails_at_any_write_costs_a_delivery_and_no_result(
    world: World, at: int, applied: bool, again: str
) -> None:
    deliver = world.message(id="x")
    first = world.worker(store=FailingStore(world.store, at=at, applied=applied))
    await asyncio.gather(first.receive(deliver()), return_exceptions=True)
    await first.stop()
    runner = first if again == "the same worker" else world.worker()
    first._stopping = False
    await delivered_until_acknowledged(world, runner, deliver)
    assert {r.id for r in world.results()} == {"id/x"}
    assert {r.status for r in world.results()} == {"succeeded"}
    document = await run_document(world)
    assert runs.read(document).result is not None


async def test_a_claim_whose_reply_was_lost_is_known_by_its_nonce(world: World) -> None:
    deliver, worker = world.message(id="x"), world.worker(store=RepeatingStore(world.store))
    await worker.receive(deliver())
    await worker.stop()
    assert world.handler().calls == 1
    assert world.event_ids() == ["id/x#1"]


class RepeatingStore(FailingStore):
    """Does what a client library does after a lost reply: sends the same write again."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, at=0, applied=True)

    async def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        await self._store.commit(writes)
        return await self._store.commit(writes)


# -- documents damaged by hand ----------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [{"state": 5}, {"version": 9}, {"key": None}, {"lease": "me"}])
async def test_a_damaged_run_document_fails_its_run_by_name_and_no_other(
    world: World, damage: JsonObject
) -> None:
    deliver, worker = world.message(id="x"), world.worker()
    await worker.receive(deliver())
    await worker.stop()
    document = await run_document(world)
    await world.store.commit([Update(document.path, {**document.data, **damage}, document.version)])
    await world.worker().receive(deliver(2))
    await world.sweep(world.worker())
    await world.worker().receive(world.message(id="y")())
    statuses = [(r.id, r.status) for r in world.results()]
    assert statuses[0] == ("id/x", "succeeded")
    assert statuses[1][1] == "failed"
    assert document.path in reason_of(world.results()[1]).message
    assert statuses[2] == ("id/y", "succeeded")


# -- then -------------------------------------------------------------------------------------------------


async def test_then_starts_the_next_intent_with_the_rest_of_the_list(world: World) -> None:
    chain = [{"intent": "trading"}, {"intent": "control", "text": "end"}]
    await world.worker().receive(world.message(id="x", then=chain, dryRun=True)())
    ((key, body),) = world.follow_ups()
    assert key == "id/x/then/1"
    assert body == {"intent": "trading", "dryRun": True, "then": [{"intent": "control", "text": "end"}]}


async def test_the_chain_is_carried_out_to_its_end_under_its_own_keys(world: World) -> None:
    chain = [{"intent": "trading"}, {"intent": "control"}]
    await world.worker().receive(world.message(id="x", then=chain)())
    await pass_follow_ups_on(world)
    assert [r.id for r in world.results()] == ["id/x", "id/x/then/1", "id/x/then/2"]
    assert [r.status for r in world.results()] == ["succeeded"] * 3


async def test_each_step_of_a_chain_may_name_the_account_that_the_first_names(world: World) -> None:
    chain = [{"intent": "reading"}, {"intent": "control", "account": ACCOUNT, "when": "always"}]
    await world.worker().receive(world.message(id="x", account=ACCOUNT, then=chain)())
    await pass_follow_ups_on(world)
    assert [(r.id, r.status) for r in world.results()] == [
        ("id/x", "succeeded"),
        ("id/x/then/1", "succeeded"),
        ("id/x/then/2", "succeeded"),
    ]


async def test_after_a_failure_only_what_always_runs_is_started(world: World) -> None:
    world.handler().error = Failed("broke", "it broke")
    chain = [{"intent": "trading"}, {"intent": "control", "when": "always"}]
    await world.worker().receive(world.message(id="x", then=chain)())
    ((key, body),) = world.follow_ups()
    assert (key, body["intent"]) == ("id/x/then/2", "control")


async def test_after_a_failure_without_a_safety_step_the_chain_ends(world: World) -> None:
    world.handler().error = Failed("broke", "it broke")
    await world.worker().receive(world.message(then=[{"intent": "trading"}])())
    assert world.follow_ups() == []


async def test_a_follow_up_that_was_told_twice_runs_once(world: World) -> None:
    deliver = world.message(id="x", then=[{"intent": "trading"}])
    world.publisher.down = True
    with pytest.raises(TopicUnavailable):
        await world.worker().receive(deliver())
    world.publisher.down = False
    for attempt in (2, 3):
        await world.worker().receive(deliver(attempt))
    await pass_follow_ups_on(world)
    assert world.handler("trading").calls == 1


async def test_a_follow_up_is_as_old_as_the_end_of_its_parent_however_late_that_is_told(world: World) -> None:
    world.publisher.down = True
    with pytest.raises(TopicUnavailable):
        await world.worker().receive(world.message(id="x", then=[{"intent": "trading"}])())
    ended_at = world.clock.now()
    world.clock.advance(3 * 86_400)
    world.publisher.down = False
    sweeper = world.worker()
    await world.sweep(sweeper)
    world.clock.advance(61)
    await world.sweep(sweeper)
    await pass_follow_ups_on(world)
    told = {result.id: result for result in world.results()}["id/x/then/1"]
    assert (told.status, told.requested_at) == ("expired", ended_at)
    assert world.handler("trading").calls == 0


async def test_each_intent_of_a_chain_is_as_dry_as_its_parent_and_for_the_same_account(world: World) -> None:
    chain = [{"intent": "reading", "dryRun": True}, {"intent": "control"}]
    await world.worker().receive(world.message(id="x", dryRun=True, then=chain)())
    await pass_follow_ups_on(world)
    assert [(key, body["dryRun"]) for key, body in world.follow_ups()] == [
        ("id/x/then/1", True),
        ("id/x/then/2", True),
    ]
    sent = [m.attributes for m in world.publisher.messages if m.topic.value == "intents"]
    assert [attributes["account"] for attributes in sent] == [ACCOUNT, ACCOUNT]
    assert [r.dry_run for r in world.results()] == [True] * 3


@pytest.mark.parametrize(
    ("parent", "child", "field"),
    [
        ({}, {"dryRun": True}, "then.0.dryRun"),
        ({"dryRun": True}, {"dryRun": False}, "then.0.dryRun"),
        ({}, {"account": "DU2"}, "then.0.account"),
        ({"account": ACCOUNT}, {"account": "DU2"}, "then.0.account"),
        ({}, {"id": "y"}, "then.0.id"),
        ({}, {"text": 5}, "then.0.text"),
    ],
)
async def test_a_chain_with_a_child_that_says_otherwise_is_refused_whole(
    world: World, parent: dict[str, Any], child: dict[str, Any], field: str
) -> None:
    await world.worker().receive(world.message(then=[{"intent": "control", **child}], **parent)())
    (result,) = world.results()
    assert (result.status, reason_of(result).field) == (Status.REJECTED, field)
    assert (world.handler().calls, world.follow_ups()) == (0, [])


@pytest.mark.parametrize("end", [Rejected("no", "no"), Skipped("shut", "shut"), OutcomeUnknown("lost", "?")])
async def test_a_safety_step_runs_after_every_end(world: World, end: Exception) -> None:
    world.handler().error = end
    chain = [{"intent": "trading"}, {"intent": "control", "when": "always"}, {"intent": "trading"}]
    await world.worker().receive(world.message(id="x", then=chain)())
    await pass_follow_ups_on(world)
    assert [r.id for r in world.results()] == ["id/x", "id/x/then/2", "id/x/then/3"]


async def test_a_safety_step_runs_after_a_message_that_was_too_old_and_after_the_last_attempt(
    world: World,
) -> None:
    step = [{"intent": "control", "when": "always"}]
    long_ago = world.clock.now() - timedelta(days=1)
    await world.worker().receive(world.message(id="old", then=step, published_at=long_ago)())
    world.broker.ready = False
    with pytest.raises(Retryable):
        await world.worker().receive(world.message(id="last", then=step)(5))
    assert [key for key, _ in world.follow_ups()] == ["id/old/then/1", "id/last/then/1"]


# -- continuations ----------------------------------------------------------------------------------------


async def test_what_a_run_had_no_time_for_is_another_run_and_then_comes_after_the_last(world: World) -> None:
    world.handler().rest = ["two", "three"]
    expires = {"expiresAt": "2026-11-23T20:00:00.000000Z"}
    chain = [{"intent": "control"}, {"intent": "control"}]
    message = world.message(id="x", text="one", dryRun=True, then=chain, **expires)
    await world.worker().receive(message())
    ((key, body),) = world.follow_ups()
    assert (key, body) == (
        "id/x/more/1",
        {"intent": "reading", "dryRun": True, "text": "two", "then": chain, **expires},
    )
    await pass_follow_ups_on(world)
    assert world.handler().heard == ["one", "two", "three"]
    expected = ["id/x", "id/x/more/1", "id/x/more/2", "id/x/then/1", "id/x/then/2"]
    assert [r.id for r in world.results()] == expected
    assert {r.dry_run for r in world.results()} == {True}


async def test_a_follow_up_may_be_continued_too(world: World) -> None:
    world.handler("trading").rest = ["rest"]
    chain = [{"intent": "trading"}, {"intent": "control"}]
    await world.worker().receive(world.message(id="x", then=chain)())
    await pass_follow_ups_on(world)
    expected = ["id/x", "id/x/then/1", "id/x/then/1/more/1", "id/x/then/2"]
    assert [r.id for r in world.results()] == expected


async def test_after_a_run_that_failed_its_continuation_goes_on_with_what_runs_always(world: World) -> None:
    world.handler().rest = ["rest"]
    world.handler().failure = Failed("partly", "one of two")
    chain = [{"intent": "trading"}, {"intent": "control", "when": "always"}]
    await world.worker().receive(world.message(id="x", then=chain)())
    ((key, body),) = world.follow_ups()
    assert (key, body["then"]) == ("id/x/more/1", [{"intent": "control", "when": "always"}])


async def test_a_continuation_that_is_told_twice_runs_once(world: World) -> None:
    world.handler().rest = ["rest"]
    deliver = world.message(id="x", text="all")
    world.publisher.down = True
    with pytest.raises(TopicUnavailable):
        await world.worker().receive(deliver())
    world.publisher.down = False
    for attempt in (2, 3):
        await world.worker().receive(deliver(attempt))
    await pass_follow_ups_on(world)
    assert world.handler().heard == ["all", "rest"]


async def test_after_a_replay_a_continuation_is_carried_out_and_then_comes_after_it(world: World) -> None:
    world.handler().rest = ["rest"]
    world.handler().failure = Failed("partly", "one of two")
    message = world.message(id="x", text="all", then=[{"intent": "control", "when": "always"}])
    await world.worker().receive(message())
    await pass_follow_ups_on(world)
    world.publisher.messages.clear()
    world.handler().rest = ["rest of the replay"]
    first = message().message
    letter = ReceivedMessage("9001", base64.b64decode(first.data), {}, world.clock.now())
    replays = Replays(world.store, world.clock, world.intents, ACCOUNT, takes_unnamed=True)
    (found,) = await replays.read([letter])
    await world.publisher.publish(await replays.replay(found, letter))
    await pass_follow_ups_on(world)
    assert world.handler().heard == ["all", "rest", "all", "rest of the replay"]
    assert [r.id for r in world.results()] == ["id/x", "id/x/again/1/more/1", "id/x/again/1/then/1"]


async def test_a_continuation_is_good_for_as_long_as_its_class_says_from_its_parents_end(
    world: World,
) -> None:
    world.handler("trading").rest = ["rest"]
    begun_at = world.clock.now() - timedelta(minutes=9)
    await world.worker().receive(world.message("trading", id="x", published_at=begun_at)())
    world.clock.advance(120)  # a message of ten minutes is too old by now; this one is new
    await pass_follow_ups_on(world)
    assert [r.status for r in world.results()] == [Status.SUCCEEDED] * 2


async def test_a_handler_may_raise_a_result_above_what_its_status_says(world: World) -> None:
    world.handler().severity = Severity.CRITICAL
    await world.worker().receive(world.message()())
    (result,) = world.results()
    assert (result.status, result.severity) == (Status.SUCCEEDED, Severity.CRITICAL)


# -- shutting down ----------------------------------------------------------------------------------------


async def test_a_worker_that_is_shutting_down_sends_messages_back(world: World) -> None:
    worker = world.worker()
    await worker.stop()
    with pytest.raises(Retryable) as sent_back:
        await worker.receive(world.message()())
    assert sent_back.value.code == "stopping"


async def test_a_result_is_marked_as_told_so_that_the_sweeper_need_not_look(world: World) -> None:
    worker = world.worker()
    await worker.receive(world.message(id="x")())
    await worker.stop()
    record = runs.read(await run_document(world))
    assert record.state == "reported"
    assert isinstance(record.result, Result)


# -- builders ---------------------------------------------------------------------------------------------


def reason_of(result: Result) -> Reason:
    assert result.reason is not None
    return result.reason


async def run_document(world: World) -> Document:
    (document,) = await world.store.query(f"accounts/{ACCOUNT}/runs")
    return document


async def changed(world: World, before: Document) -> None:
    while (await run_document(world)).version == before.version:  # noqa: ASYNC110 - a store has no events
        await asyncio.sleep(0)


async def delivered_until_acknowledged(world: World, runner: Runner, deliver: Deliver) -> None:
    for attempt in range(2, 5):
        try:
            await runner.receive(deliver(attempt))
        except Retryable:
            world.clock.advance(60)
        else:
            await runner.stop()
            return
    raise AssertionError("never acknowledged")


async def pass_follow_ups_on(world: World) -> None:
    """Deliver each intent that a run published, as the topic would, until there are no more."""
    for n in range(10):
        sent = [m for m in world.publisher.messages if m.topic.value == "intents"]
        if n >= len(sent):
            return
        await world.worker().receive(
            delivery(sent[n].data, attributes=sent[n].attributes, published_at=world.clock.now())
        )
