"""The delivery side: messages that come twice, late, out of order, to workers that die or can't write."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.crash import ACCOUNT, Fate, How, theatre
from tests.support.deliveries import delivery
from tests.support.ib import OPEN
from tests.support.play import CLOSE_ALL, MANY, QUICK, SIGNAL, Play, placed, playing, signal, with_a_history
from trader.domain.errors import TopicUnavailable
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.ports import OutgoingMessage
from trader.runner.sweeper import Sweeper
from trader.runs.decoding import Delivery

BOTH = pytest.mark.parametrize("body", [SIGNAL, CLOSE_ALL], ids=lambda body: body["intent"])


async def with_a_position(play: Play, body: JsonObject) -> int:
    """Let the account hold something that ``body`` changes; return how many orders it will have placed."""
    await play.holds("MSFT")
    return len(play.placed()) + 1


@BOTH
async def test_of_one_message_delivered_twice_at_once_one_run_is_made(
    tmp_path: Path, body: JsonObject
) -> None:
    async with playing(tmp_path) as play:
        orders = await with_a_position(play, body)
        answers = await asyncio.gather(*(play.push(body, "twice") for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [204, 503]
        assert {answer.text for answer in answers if answer.status_code == 503} == {"run-in-progress"}
        again = await play.result(body, "twice")
        assert again.status is Status.SUCCEEDED
        assert len(play.placed()) == orders


@BOTH
async def test_a_second_delivery_while_the_first_runs_is_sent_back(tmp_path: Path, body: JsonObject) -> None:
    slow = QUICK.model_copy(update={"order_wait_s": 30})
    async with playing(tmp_path, durations=slow) as play:
        orders = await with_a_position(play, body)
        play.misbehaves("partly-filled")
        first = asyncio.create_task(play.push(body, "slow"))
        await play.until(lambda: len(play.placed()) == orders)
        second = await play.push(body, "slow")
        assert (second.status_code, second.text) == (503, "run-in-progress")
        play.gateway.exchange.fill_at_market(play.placed()[-1])
        assert (await first).status_code == 204
        assert (await play.push(body, "slow")).status_code == 204
        result = await play.world.the_result_of("message/slow")
        assert [order.state for order in result.orders] == [OrderState.FILLED]
        assert len(play.placed()) == orders


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_lease_that_died_is_taken_over_once_it_is_surely_dead(tmp_path: Path, how: How) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        message = world.message(signal("MSFT"), "under-test")
        async with world.worker(Fate(1, how, "orders.place")) as doomed:
            assert not await world.deliver(doomed, message(1))
        async with world.worker() as runner:
            await Sweeper(runner).sweep()
            assert not await world.deliver(runner, message(2)), "its lease may still be alive"
            world.pass_time(30)
            assert not await world.deliver(runner, message(3))
            world.pass_time(31)
            assert await world.deliver(runner, message(4))
        result = await world.the_result_of("message/under-test")
        assert [order.state for order in result.orders] == [OrderState.FILLED]
        await world.all_is_well()


@pytest.mark.parametrize("how", ["refused", "error"])
@pytest.mark.parametrize("body", [signal("MSFT"), CLOSE_ALL], ids=lambda body: body["intent"])
async def test_store_topic_and_gateway_may_fail_at_any_call_and_the_same_worker_goes_on(
    tmp_path: Path, body: JsonObject, how: How
) -> None:
    at, met = 0, True
    while met:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        async with theatre(folder) as world:
            await with_a_history(world)
            message = world.message(body, "under-test")
            fate = Fate(at, how)
            async with world.worker(fate) as runner:
                acknowledged = await world.deliver(runner, message(1))
                if not acknowledged:
                    world.pass_time(61)
                    acknowledged = await world.deliver(runner, message(2))
            met = fate.is_met
            if not acknowledged:
                await world.until_acknowledged(message, first_attempt=3)
            await world.until_swept()
            result = await world.the_result_of("message/under-test")
            assert result.status is Status.SUCCEEDED, (fate.calls[at - 1], result)
            assert [order.state for order in result.orders] == [OrderState.FILLED]
            await world.all_is_well()
    assert at > 10


@pytest.mark.parametrize("how", ["before", "after", "error", "refused"])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_a_burst_of_orders_may_end_at_any_of_them(tmp_path: Path, at: int, how: How) -> None:
    symbols = ("SPY", "MSFT", "NVDA")
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        async with world.worker() as runner:
            for symbol in symbols:
                assert await world.deliver(runner, world.message(signal(symbol), symbol)(1))
        message = world.message(CLOSE_ALL, "close")
        fate = Fate(at, how, "orders.place")
        async with world.worker(fate) as runner:
            acknowledged = await world.deliver(runner, message(1))
            if not acknowledged and not fate.dead:
                acknowledged = await world.deliver(runner, message(2))
        assert fate.is_met
        if not acknowledged:
            await world.until_acknowledged(message)
        assert (await world.the_result_of("message/close")).status is Status.SUCCEEDED
        assert world.gateway.book.positions_of(ACCOUNT) == []
        assert all(len(placed(world.gateway, symbol)) == 2 for symbol in symbols)
        await world.all_is_well()


@BOTH
async def test_while_the_results_topic_is_down_nothing_is_done_twice(
    tmp_path: Path, body: JsonObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with playing(tmp_path) as play:
        orders = await with_a_position(play, body)

        async def down(message: OutgoingMessage) -> str:
            raise TopicUnavailable("topic-unavailable", "the topic is down")

        with monkeypatch.context() as patched:
            patched.setattr(play.worker.worker.topics, "publish", down)
            for _ in range(3):
                answer = await play.push(body, "first")
                assert (answer.status_code, answer.text) == (503, "topic-unavailable")
        result = await play.result(body, "first")
        assert [order.state for order in result.orders] == [OrderState.FILLED]
        assert len(play.placed()) == orders


def tick(at_s: float, message_id: str) -> Delivery:
    """Return a delivery of a schedule's message, published ``at_s`` after its tick."""
    attributes = {"schedule": "morning", "cron": "* * * * *", "timeZone": "America/New_York"}
    published_at = OPEN + timedelta(seconds=at_s)
    return delivery(SIGNAL, attributes=attributes, published_at=published_at, message_id=message_id)


async def test_a_tick_published_twice_is_one_run_and_two_ticks_are_two(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured()
        async with world.worker() as runner:
            for message in (tick(0.1, "1"), tick(0.4, "2"), tick(60.1, "3"), tick(60.4, "4")):
                assert await world.deliver(runner, message)
        told = {result.id for result in await world.results()}
        first, second = sorted(told)
        assert (first, second) == (
            "schedule/morning/2026-11-23T15:00:00.000000Z",
            "schedule/morning/2026-11-23T15:01:00.000000Z",
        )
        assert len((await world.the_result_of(first)).orders) == 1
        assert (await world.the_result_of(second)).orders == (), "what it wants is held"
        await world.all_is_well()


@BOTH
async def test_a_message_older_than_its_age_does_nothing(tmp_path: Path, body: JsonObject) -> None:
    async with playing(tmp_path) as play:
        orders = await with_a_position(play, body)
        published_at = play.worker.clock.now()
        play.world.pass_time(601)
        assert (await play.push(body, "old", published_at=published_at)).status_code == 204
        result = await play.world.the_result_of("message/old")
        assert (result.status, result.reason and result.reason.code) == (Status.EXPIRED, "too-old")
        assert len(play.placed()) == orders - 1


async def test_messages_out_of_order_each_do_what_is_right_when_they_come(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        early = play.worker.clock.now()
        play.world.pass_time(60)
        for message_id, published_at in (("late", play.worker.clock.now()), ("early", early)):
            answer = await play.push(signal("MSFT"), message_id, published_at=published_at)
            assert answer.status_code == 204
        (order,) = (await play.world.the_result_of("message/late")).orders
        assert order.state is OrderState.FILLED
        assert (await play.world.the_result_of("message/early")).orders == ()
        assert play.position("MSFT") == order.quantity
