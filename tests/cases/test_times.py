"""Hard histories of time: midnights, ticks, late orders about trading, clocks that changed or disagree."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from gateway_simulator.server import serve
from tests.support.crash import ACCOUNT, Fate, JumpClock, theatre
from tests.support.deliveries import delivery
from tests.support.eventually import eventually
from tests.support.ib import OPEN, simulated
from tests.support.market import local
from tests.support.play import MANY, SIGNAL, misbehaves, placed, playing, signal, with_a_history
from tests.support.stores import Freezing, as_the_plan_is_stored
from trader.adapters.sqlite import SqliteStore
from trader.domain.messages import Result
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.runner.sweeper import Sweeper
from trader.runs.decoding import Delivery
from trader.stored import orderbook

MSFT = signal("MSFT")
UNTIL_CANCELLED = {**MANY, "order": {"type": "LMT", "tif": "GTC"}}
MONDAY_EVENING = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
A_DAY_S = timedelta(days=1).total_seconds()


def code_of(result: Result) -> tuple[Status, str | None]:
    return result.status, result.reason.code if result.reason else None


def tick(cron: str, at: datetime, message_id: str, body: JsonObject = SIGNAL) -> Delivery:
    """Return a delivery of a schedule's message, published ``at``."""
    attributes = {"schedule": "job", "cron": cron, "timeZone": "America/New_York"}
    return delivery(body, attributes=attributes, published_at=at, message_id=message_id)


async def test_what_fills_after_the_last_run_and_is_forgotten_at_midnight_locks_its_contract(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path, simulated(at=MONDAY_EVENING)) as world:
        await world.configured(**UNTIL_CANCELLED)
        async with world.worker() as evening:
            assert await world.deliver(evening, world.message(MSFT, "monday")(1))
        (order,) = (await world.the_result_of("message/monday")).orders
        assert order.state is OrderState.WORKING
        world.pass_time(14 * 3600)
        (standing,) = placed(world.gateway)
        world.gateway.exchange.fill_at_market(standing)
        world.pass_time(A_DAY_S)
        async with world.worker() as morning:
            assert await world.deliver(morning, world.message(MSFT, "wednesday")(1))
        ((_, lock),) = (await orderbook.contract_locks(world.store, ACCOUNT)).items()
        assert lock.value.instrument == "MSFT"
        assert [event for event, _ in await world.alerts()] == ["order-unresolved"]
        assert len(placed(world.gateway)) == 1, "it is never taken for not filled"
        await world.all_is_well()


async def test_a_part_that_fills_after_the_last_run_and_is_forgotten_at_midnight_locks_its_contract(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path, simulated(at=MONDAY_EVENING)) as world:
        await world.configured(**UNTIL_CANCELLED)
        misbehaves(world.gateway, "partly-filled")
        async with world.worker() as evening:
            assert await world.deliver(evening, world.message(MSFT, "monday")(1))
        world.pass_time(14 * 3600)
        await eventually(lambda: placed(world.gateway)[0].filled != 0)
        world.pass_time(A_DAY_S)
        async with world.worker() as morning:
            assert await world.deliver(morning, world.message(MSFT, "wednesday")(1))
        ((_, lock),) = (await orderbook.contract_locks(world.store, ACCOUNT)).items()
        assert "filled, but executions of 0 only" in lock.value.reason
        assert len(placed(world.gateway)) == 1
        await world.all_is_well()


async def test_what_fills_after_the_last_run_is_booked_by_the_next_of_the_same_day(tmp_path: Path) -> None:
    async with theatre(tmp_path, simulated(at=MONDAY_EVENING)) as world:
        await world.configured(**UNTIL_CANCELLED)
        async with world.worker() as evening:
            assert await world.deliver(evening, world.message(MSFT, "monday")(1))
        world.pass_time(14 * 3600)
        (standing,) = placed(world.gateway)
        world.gateway.exchange.fill_at_market(standing)
        async with world.worker() as morning:
            assert await world.deliver(morning, world.message(MSFT, "tuesday")(1))
        (order,) = (await world.the_result_of("message/monday")).orders
        ended = await orderbook.read_order(world.store, ACCOUNT, str(order.reference))
        assert (ended.value.standing, ended.value.filled) == (OrderState.FILLED, order.quantity)
        assert (await world.the_result_of("message/tuesday")).status is Status.SUCCEEDED
        assert not await orderbook.contract_locks(world.store, ACCOUNT)
        await world.all_is_well()


async def test_an_order_that_stands_overnight_is_under_way_and_is_not_sent_again(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world, **UNTIL_CANCELLED)
        misbehaves(world.gateway, "partly-filled")
        async with world.worker() as monday:
            assert await world.deliver(monday, world.message(MSFT, "monday")(1))
        world.pass_time(A_DAY_S)
        async with world.worker() as tuesday:
            assert await world.deliver(tuesday, world.message(MSFT, "tuesday")(1))
        (order,) = (await world.the_result_of("message/monday")).orders
        assert order.state is OrderState.WORKING
        assert (await world.the_result_of("message/tuesday")).orders == ()
        assert len(placed(world.gateway, "MSFT")) == 1
        await world.all_is_well()


@pytest.mark.parametrize(
    ("at", "terms"), [("15:58", {"type": "MKT", "tif": "DAY"}), ("15:48", {"type": "MOC", "tif": "DAY"})]
)
async def test_an_order_whose_market_closes_before_it_could_be_sent_isnt_sent_into_the_next_session(
    tmp_path: Path, at: str, terms: JsonObject
) -> None:
    async with theatre(tmp_path, simulated(at=local(f"2026-11-23 {at}"))) as world:
        await with_a_history(world)
        await world.configured(**{**MANY, "order": terms})
        message = world.message(MSFT, "late")
        async with world.worker(Fate(1, "before", "orders.place")) as runner:
            assert not await world.deliver(runner, message(1))
        world.pass_time(180)
        await world.until_acknowledged(message)
        result = await world.the_result_of("message/late")
        (order,) = result.orders
        assert (order.state, code_of(result)) == (OrderState.UNSENT, (Status.FAILED, "orders-rejected"))
        assert "closed" in order.text
        assert placed(world.gateway, "MSFT") == []
        await world.all_is_well()


async def test_active_delivered_after_a_later_halt_allows_no_order(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        active: JsonObject = {"intent": "set-trading-state", "state": "active", "reason": "morning"}
        halt: JsonObject = {"intent": "set-trading-state", "state": "halted", "reason": "news"}
        early = play.worker.clock.now()
        play.world.pass_time(60)
        assert (await play.result(halt)).status is Status.SUCCEEDED
        assert (await play.push(active, "late", published_at=early)).status_code == 204
        assert code_of(await play.world.the_result_of("message/late")) == (
            Status.REJECTED,
            "state-not-newer",
        )
        assert code_of(await play.result(MSFT)) == (Status.REJECTED, "halted")
        assert play.gateway.requests["placeOrder"] == 0


async def test_a_tick_published_a_second_early_is_the_same_tick(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured()
        async with world.worker() as runner:
            for message_id, seconds in (("early", -1), ("again", 1)):
                at = OPEN + timedelta(seconds=seconds)
                assert await world.deliver(runner, tick("0 10 * * 1-5", at, message_id))
        assert {result.id for result in await world.results()} == {"schedule/job/2026-11-23T15:00:00.000000Z"}
        assert len(placed(world.gateway)) == 1
        await world.all_is_well()


@pytest.mark.parametrize(
    ("friday", "monday"),
    [
        (datetime(2026, 10, 30, 13, 31, tzinfo=UTC), datetime(2026, 11, 2, 14, 31, tzinfo=UTC)),
        (datetime(2027, 3, 12, 14, 31, tzinfo=UTC), datetime(2027, 3, 15, 13, 31, tzinfo=UTC)),
    ],
    ids=["set back", "set forward"],
)
async def test_a_daily_run_keeps_its_local_time_over_a_change_of_the_clock(
    tmp_path: Path, friday: datetime, monday: datetime
) -> None:
    async with theatre(tmp_path, simulated(at=friday)) as world:
        await world.configured()
        async with world.worker() as runner:
            assert await world.deliver(runner, tick("31 9 * * 1-5", friday, "friday"))
        world.pass_time((monday - friday).total_seconds())
        async with world.worker() as runner:
            assert await world.deliver(runner, tick("31 9 * * 1-5", monday, "monday"))
        told = {result.id: result.status for result in await world.results()}
        assert told == {
            f"schedule/job/{at:%Y-%m-%dT%H:%M:00.000000Z}": Status.SUCCEEDED for at in (friday, monday)
        }
        await world.all_is_well()


async def test_an_hour_that_comes_twice_has_two_ticks_and_one_that_is_skipped_has_none(
    tmp_path: Path,
) -> None:
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    async with theatre(tmp_path, simulated(at=first)) as world:
        await world.configured()
        async with world.worker() as runner:
            for hours in (0, 1):
                at = first + timedelta(hours=hours)
                assert await world.deliver(runner, tick("30 1 * * *", at, f"hour-{hours}"))
                world.pass_time(3600)
        skipped = datetime(2027, 3, 14, 7, 30, tzinfo=UTC)
        world.pass_time((skipped - world.clock.now()).total_seconds())
        async with world.worker() as runner:
            assert await world.deliver(runner, tick("30 2 * * *", skipped, "skipped"))
        told = {result.id: code_of(result) for result in await world.results()}
        assert told == dict.fromkeys(
            (
                "schedule/job/2026-11-01T05:30:00.000000Z",
                "schedule/job/2026-11-01T06:30:00.000000Z",
                "message/skipped",
            ),
            (Status.SKIPPED, "market-closed"),
        )
        assert placed(world.gateway) == []


async def test_one_id_with_two_contents_is_answered_for_the_first_and_refused_for_the_second(
    tmp_path: Path,
) -> None:
    async with playing(tmp_path) as play:
        await play.push({**MSFT, "id": "x"}, "1")
        bought = await play.world.the_result_of("id/x")
        await play.push({"intent": "close-all", "id": "x"}, "2")
        await play.push({**MSFT, "id": "x", "dryRun": True}, "3")
        for message_id in ("2", "3"):
            refused = await play.world.the_result_of(f"message/{message_id}")
            assert code_of(refused) == (Status.REJECTED, "id-reused")
        assert await play.world.the_result_of("id/x") == bought
        assert len(play.placed()) == 1


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_worker_whose_clock_is_an_hour_off_trades_nothing(tmp_path: Path, hours: int) -> None:
    async with playing(tmp_path) as play:
        play.worker.clock.ahead(hours * 3600)
        play.gateway.disconnect()
        refused = await play.worker.until_gateway_is("refused")
        assert "clock" in refused["reason"]
        answer = await play.push(MSFT, "first")
        assert (answer.status_code, answer.text) == (503, "clock-skew")
        assert play.gateway.requests["placeOrder"] == 0
        play.worker.clock.ahead(0)
        play.gateway.disconnect()
        await play.worker.until_ready()
        assert (await play.result(MSFT, "second")).status is Status.SUCCEEDED


async def test_a_lease_is_not_dead_because_another_workers_clock_is_an_hour_ahead(tmp_path: Path) -> None:
    ahead = simulated(at=OPEN + timedelta(hours=1))
    async with theatre(tmp_path) as world, serve(ahead) as server:
        await with_a_history(world)
        theirs = replace(world, gateway=ahead, port=server.port, clock=JumpClock(ahead))
        message = world.message({**MSFT, "expiresAt": (OPEN + timedelta(hours=3)).isoformat()}, "first")
        real, frozen = world.store, Freezing(world.store, as_the_plan_is_stored)
        world.store = cast(SqliteStore, frozen)
        async with world.worker() as slow:
            world.store = real
            working = asyncio.create_task(world.deliver(slow, message(1)))
            await frozen.is_frozen.wait()
            async with theirs.worker() as other:
                await Sweeper(other).sweep()
                theirs.clock.jump(59)
                assert not await theirs.deliver(other, message(2)), "it is being worked on"
            frozen.thaw()
            assert await working
        (order,) = (await world.the_result_of("message/first")).orders
        assert order.state is OrderState.FILLED
        assert placed(ahead) == []
        await world.all_is_well()
