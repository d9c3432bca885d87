"""Hard histories of orders that may or may not stand: never sent twice, never lost, never kept secret."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from tests.support.crash import ACCOUNT, Fate, How, Theatre, theatre
from tests.support.eventually import eventually
from tests.support.ib import simulated
from tests.support.play import (
    CLOSE_ALL,
    MANY,
    RECONCILE,
    REPAIR,
    misbehaves,
    placed,
    playing,
    signal,
    with_a_history,
)
from tests.support.stores import Freezing, as_the_plan_is_stored
from trader.adapters.sqlite import SqliteStore
from trader.domain.messages import Result
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.execution.guard import STATE_IS_FRESH_S
from trader.runner.sweeper import Sweeper
from trader.runs.decoding import Delivery
from trader.stored import orderbook

MSFT = signal("MSFT")
FIRST, SECOND = "message/first", "message/second"


def code_of(result: Result) -> tuple[Status, str | None]:
    return result.status, result.reason.code if result.reason else None


async def one_dies(world: Theatre, how: How, body: JsonObject = MSFT) -> Callable[[int], Delivery]:
    """Let a worker die before or after it hands an order over; return its message, to be delivered again."""
    await with_a_history(world)
    message = world.message(body, "first")
    async with world.worker(Fate(1, how, "orders.place")) as doomed:
        assert not await world.deliver(doomed, message(1))
    return message


@pytest.mark.parametrize("days", [0, 1], ids=["the same day", "the next day"])
async def test_an_order_that_filled_is_not_sent_again_when_a_fresh_gateway_has_forgotten_it(
    tmp_path: Path, days: int
) -> None:
    async with theatre(tmp_path) as world:
        good_until = world.clock.now() + timedelta(days=3)
        message = await one_dies(world, "after", {**MSFT, "expiresAt": good_until.isoformat()})
        world.gateway.restart(fresh=True)
        world.pass_time(1 + timedelta(days=days).total_seconds())
        await world.until_acknowledged(message)
        assert code_of(await world.the_result_of(FIRST)) == (Status.UNRESOLVED, "order-unresolved")
        assert len(placed(world.gateway, "MSFT")) == 1
        await world.all_is_well()


async def test_an_order_that_was_rejected_is_not_sent_again_by_who_forgot_it_and_counts_on_from_before(
    tmp_path: Path,
) -> None:
    # A random history: the counter alone is that of a gateway which has lost the order in a restart.
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        misbehaves(world.gateway, "rejected-then-inactive")
        message = world.message(MSFT, "first")
        async with world.worker(Fate(1, "after", "orders.place")) as doomed:
            assert not await world.deliver(doomed, message(1))
        await eventually(lambda: placed(world.gateway, "MSFT"))
        (rejected,) = placed(world.gateway, "MSFT")
        world.gateway.restart(fresh=True)
        world.gateway.book.count_from(rejected.order_id)
        await world.until_acknowledged(message)
        assert code_of(await world.the_result_of(FIRST)) == (Status.UNRESOLVED, "order-unresolved")
        assert placed(world.gateway, "MSFT") == [rejected]
        await world.all_is_well()


async def test_while_one_order_is_in_doubt_a_second_run_with_the_same_aim_sends_none(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        message = await one_dies(world, "after")
        world.gateway.restart(fresh=True)
        await world.until_acknowledged(message)
        async with world.worker() as runner:
            assert await world.deliver(runner, world.message(MSFT, "second")(1))
        assert (await world.the_result_of(SECOND)).orders == (), "what it wants may be under way"
        twice_as_much = {"overall": 0.9, "strategies": {"testsignalgenerator": 0.1}}
        await world.configured(**{**MANY, "exposure": twice_as_much})
        async with world.worker() as runner:
            assert await world.deliver(runner, world.message(MSFT, "third")(1))
        assert code_of(await world.the_result_of("message/third")) == (Status.REJECTED, "contract-locked")
        assert len(placed(world.gateway, "MSFT")) == 1
        await world.all_is_well()


async def test_a_second_run_settles_what_the_first_has_sent_before_it_decides(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        message = await one_dies(world, "after")
        async with world.worker() as runner:
            await Sweeper(runner).sweep()
            world.pass_time(61)
            assert await world.deliver(runner, world.message(MSFT, "second")(1))
            assert await world.deliver(runner, message(2))
        assert (await world.the_result_of(SECOND)).orders == (), "what it wants is held"
        (order,) = (await world.the_result_of(FIRST)).orders
        assert order.state is OrderState.FILLED
        await world.all_is_well()


async def test_a_second_run_leaves_what_the_first_has_not_sent_to_the_first(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        message = await one_dies(world, "before")
        async with world.worker() as runner:
            await Sweeper(runner).sweep()
            world.pass_time(61)
            assert await world.deliver(runner, world.message(MSFT, "second")(1))
            assert (await world.the_result_of(SECOND)).orders == (), "what it wants is planned"
            assert await world.deliver(runner, message(2))
        (order,) = (await world.the_result_of(FIRST)).orders
        assert order.state is OrderState.FILLED
        await world.all_is_well()


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_run_that_is_killed_and_never_delivered_again_has_its_end(tmp_path: Path, how: How) -> None:
    async with theatre(tmp_path) as world:
        await one_dies(world, how)
        await world.until_swept()
        (order,) = (await world.the_result_of(FIRST)).orders
        assert order.state is OrderState.FILLED
        await world.all_is_well()


@pytest.mark.parametrize(("how", "state"), [("before", OrderState.UNSENT), ("after", OrderState.FILLED)])
async def test_a_run_that_is_delivered_again_only_after_its_age_sends_nothing_more(
    tmp_path: Path, how: How, state: OrderState
) -> None:
    async with theatre(tmp_path) as world:
        message = await one_dies(world, how)
        sent = len(placed(world.gateway))
        world.pass_time(601)
        await world.until_acknowledged(message)
        (order,) = (await world.the_result_of(FIRST)).orders
        assert order.state is state
        assert len(placed(world.gateway)) == sent
        await world.all_is_well()


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_last_delivery_that_can_still_act_ends_the_run_as_any_other(tmp_path: Path, how: How) -> None:
    async with theatre(tmp_path) as world:
        message = await one_dies(world, how)
        await world.until_acknowledged(message, first_attempt=93)
        (order,) = (await world.the_result_of(FIRST)).orders
        assert order.state is OrderState.FILLED
        await world.all_is_well()


async def test_a_last_delivery_without_a_gateway_leaves_a_lock_an_alert_and_a_way_out(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        message = await one_dies(world, "after")
        async with world.worker() as runner:
            await Sweeper(runner).sweep()
            log_out(world.gateway)
            world.pass_time(61)
            assert not await world.deliver(runner, message(100)), "to the dead letters"
            assert code_of(await world.the_result_of(FIRST)) == (Status.UNRESOLVED, "retries-exhausted")
            assert len(await orderbook.contract_locks(world.store, ACCOUNT)) == 1
            await world.all_is_well()
            log_in(world.gateway)
            await eventually(lambda: runner.ports.broker.status().ready)
            assert await world.deliver(runner, world.message(RECONCILE, "evening")(1))
        assert (await world.the_result_of("message/evening")).status is Status.SUCCEEDED
        assert not await orderbook.contract_locks(world.store, ACCOUNT)
        assert [event for event, _ in await world.alerts()][:2] == ["order-unresolved", "order-resolved"]
        assert len(placed(world.gateway, "MSFT")) == 1


def log_out(gateway: Gateway) -> None:
    gateway.disconnect()
    gateway.is_logged_in = False


def log_in(gateway: Gateway) -> None:
    gateway.disconnect()
    gateway.is_logged_in = True


class AtTheLastLook:
    """Whether the lock was read once more after the plan was stored: the last await before an order.

    It is read again once the last look is half a second old, as it becomes while the plan is stored here.
    """

    def __init__(self, world: Theatre) -> None:
        self._world = world
        self._planned = False

    def __call__(self, call: str, paths: Sequence[str]) -> bool:
        if not self._planned and as_the_plan_is_stored(call, paths):
            self._planned = True
            self._world.pass_time(STATE_IS_FRESH_S)
        return self._planned and call == "get" and paths[0].endswith("control/lock")


FREEZES = pytest.mark.parametrize(
    "stops_at",
    [lambda _: as_the_plan_is_stored, AtTheLastLook],
    ids=["as its plan was stored", "after its last look at the lock"],
)


@FREEZES
async def test_a_worker_that_wakes_after_its_lease_died_sends_nothing_on_the_same_gateway(
    tmp_path: Path, stops_at: Callable[[Theatre], Callable[..., bool]]
) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        message = world.message(MSFT, "first")
        real, frozen = world.store, Freezing(world.store, stops_at(world))
        world.store = cast(SqliteStore, frozen)
        async with world.worker() as sleeper:
            world.store = real
            sleeping = asyncio.create_task(world.deliver(sleeper, message(1)))
            await frozen.is_frozen.wait()
            world.gateway.disconnect()
            async with (
                world.worker() as runner
            ):  # quicker to reconnect than the sleeper, which is then refused
                await Sweeper(runner).sweep()
                world.pass_time(61)
                assert await world.deliver(runner, message(2))
                frozen.thaw()
                assert not await sleeping
        (order,) = (await world.the_result_of(FIRST)).orders
        assert order.state is OrderState.FILLED
        assert len(placed(world.gateway, "MSFT")) == 1
        await world.all_is_well()


@FREEZES
async def test_a_worker_that_wakes_after_its_lease_died_sends_nothing_on_another_gateway(
    tmp_path: Path, stops_at: Callable[[Theatre], Callable[..., bool]]
) -> None:
    async with theatre(tmp_path) as world, serve(other := simulated()) as server:
        await with_a_history(world)
        theirs = replace(world, gateway=other, port=server.port)
        message = world.message(MSFT, "first")
        real, frozen = world.store, Freezing(world.store, stops_at(world))
        world.store = cast(SqliteStore, frozen)
        async with world.worker() as sleeper:
            world.store = real
            sleeping = asyncio.create_task(world.deliver(sleeper, message(1)))
            await frozen.is_frozen.wait()
            world.pass_time(0.01)
            async with theirs.worker() as runner:
                await Sweeper(runner).sweep()
                world.clock.jump(61)
                assert await theirs.deliver(runner, message(2))
            frozen.thaw()
            assert not await sleeping
        assert code_of(await world.the_result_of(FIRST)) == (Status.UNRESOLVED, "order-unresolved")
        assert [*placed(world.gateway, "MSFT"), *placed(theirs.gateway)] == []
        await world.all_is_well()


async def test_a_market_that_moved_since_the_plan_changes_nothing_of_it(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        message = await one_dies(world, "before")
        (planned,) = await orderbook.open_orders(world.store, ACCOUNT)
        asked = world.gateway.requests["reqHistoricalData"]
        world.gateway.market.set_price("MSFT", Decimal(100))
        await world.until_acknowledged(message)
        (order,) = (await world.the_result_of(FIRST)).orders
        assert (order.quantity, order.average_price) == (planned.value.order.quantity, Decimal(100))
        assert world.gateway.requests["reqHistoricalData"] == asked, "it decided once"
        await world.all_is_well()


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"allowedAccounts": ["DU9"]}, "allowed"), ({"account": "DU9"}, "account"), ({"limits": {}}, "limits")],
)
async def test_a_configuration_that_forbids_it_by_now_keeps_a_planned_order_back(
    tmp_path: Path, changes: dict[str, object], why: str
) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        message = world.message(MSFT, "first")
        async with world.worker(Fate(1, "refused", "orders.place")) as runner:
            assert not await world.deliver(runner, message(1))
            await world.configured(**{**MANY, **changes})
            assert await world.deliver(runner, message(2))
        (order,) = (await world.the_result_of(FIRST)).orders
        assert order.state is OrderState.UNSENT
        assert why in order.text
        assert placed(world.gateway, "MSFT") == []
        await world.all_is_well()


async def test_a_part_that_filled_and_is_forgotten_while_the_rest_stands_locks_its_contract(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        misbehaves(world.gateway, "partly-filled")
        message = world.message(MSFT, "first")
        async with world.worker(Fate(1, "after", "orders.place")) as doomed:
            assert not await world.deliver(doomed, message(1))
        world.gateway.restart(fresh=True)
        await world.until_acknowledged(message)
        assert code_of(await world.the_result_of(FIRST)) == (Status.UNRESOLVED, "order-unresolved")
        assert [lock.value.instrument for lock in await locks_of(world)] == ["MSFT"]
        await world.all_is_well()
        async with world.worker() as runner:
            assert await world.deliver(runner, world.message(CLOSE_ALL, "close")(1))
            assert list(world.gateway.book.open_orders()) == []
            assert await world.deliver(runner, world.message(REPAIR, "repair")(1))
            assert await locks_of(world) == []
            assert await world.deliver(runner, world.message(CLOSE_ALL, "again")(1))
        assert world.gateway.book.positions_of(ACCOUNT) == []
        await world.all_is_well()


async def locks_of(world: Theatre) -> list[orderbook.Kept[orderbook.ContractLock]]:
    return list((await orderbook.contract_locks(world.store, ACCOUNT)).values())


async def test_an_id_that_was_reserved_and_then_taken_by_a_data_request_is_not_used(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        await play.holds("SPY")
        play.misbehaves("drops-while-orders-wait")
        for symbol in ("TSLA", "AAPL"):
            await play.result(signal(symbol))
        assert (await play.push(MSFT, "first")).status_code == 503
        (order,) = await orderbook.open_orders(play.world.store, ACCOUNT)
        assert order.value.sending is not None
        reserved = order.value.sending.order_id
        play.misbehaves("no-data-permission-by-code")
        for symbol in ("NVDA", "IWM"):  # each takes some ids, and is told of errors under them
            refused = await play.result(signal(symbol, dryRun=True))
            assert code_of(refused) == (Status.REJECTED, "no-market-data")
        (sent,) = (await play.result(MSFT, "first")).orders
        assert (sent.state, sent.filled) == (OrderState.FILLED, sent.quantity)
        assert play.placed("MSFT")[0].order_id > reserved
        assert (await play.result(MSFT, "second")).orders == ()


@pytest.mark.parametrize("every", [4, 5])
async def test_a_store_that_applies_writes_and_then_reports_errors_does_no_harm(
    tmp_path: Path, every: int
) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        message = world.message(MSFT, "first")
        fate = LosesReplies(every=every)
        async with world.worker(fate) as runner:
            for attempt in range(1, 20):
                if await world.deliver(runner, message(attempt)):
                    break
        assert fate.lost > 0
        (order,) = (await world.the_result_of(FIRST)).orders
        assert order.state is OrderState.FILLED
        assert len(placed(world.gateway, "MSFT")) == 1
        await world.all_is_well()


class LosesReplies(Fate):
    """Of every so many commits, the reply to one is lost."""

    def __init__(self, every: int) -> None:
        super().__init__(how="error")
        self.every = every
        self.commits = self.lost = 0

    def after(self, name: str, *, meant: bool) -> None:
        self.commits += name == "store.commit"
        loses = name == "store.commit" and self.commits % self.every == 0
        self.lost += loses
        super().after(name, meant=loses)
