"""The last look before an order goes: each thing that may have changed stops it, by its own name."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.clock import FakeClock
from tests.support.desk import LINK, Desk, claimed, open_order, position
from tests.support.orders import OURS, SENDING, record, told
from tests.support.stores import Counting, Slow
from tests.support.world import ACCOUNT
from trader.domain.errors import Failed, GatewayNotReady, LeaseLost, Retryable
from trader.domain.order_record import OrderRecord
from trader.domain.portfolio import OpenOrder
from trader.domain.trading_state import TradingState
from trader.execution.guard import STATE_IS_FRESH_S, Guard, Stop
from trader.ports import Update
from trader.runs import locks
from trader.runs.lease import Lease, LeaseWatch
from trader.runs.runs import OwnedRun
from trader.settings import Durations
from trader.stored import records

HANDLER_S = 480
SENT_HERE = SENDING.model_copy(update={"link": LINK.id})


@dataclass
class Watch:
    """A guard on duty, and all that it looks at."""

    guard: Guard
    owned: OwnedRun
    desk: Desk
    clock: FakeClock

    async def state(self, wanted: TradingState) -> None:
        now = self.clock.now()
        await records.set_trading_state(
            self.desk.store, ACCOUNT, wanted, reason="test", published_at=now, at=now
        )

    async def asked_to_yield(self) -> None:
        document = await self.desk.store.get(locks.path_of(ACCOUNT))
        assert document is not None
        asked = {**document.data, "urgent": "id/close-all"}
        await self.desk.store.commit([Update(document.path, asked, document.version)])

    async def taken_over(self) -> None:
        document = await self.desk.store.get(locks.path_of(ACCOUNT))
        assert document is not None
        other = Lease(nonce="another", worker="two").to_json()
        await self.desk.store.commit(
            [Update(document.path, {**document.data, "holder": other}, document.version)]
        )


@pytest.fixture
async def watch(desk: Desk, clock: FakeClock) -> Watch:
    lease = Lease(nonce="mine", worker="one")
    leases = LeaseWatch(clock, 60, "one")
    until = clock.monotonic()
    lock = await locks.acquire(desk.store, clock, leases, ACCOUNT, "id/x", lease, urgent=False, until=until)
    owned = await claimed(desk.store, clock, "id/x", lease, lock)
    deadline = clock.monotonic() + HANDLER_S
    on_duty = Watch(Guard(desk.ports, ACCOUNT, owned, Durations(), deadline=deadline), owned, desk, clock)
    await on_duty.state(TradingState.ACTIVE)
    return on_duty


def opening(quantity: int = 10) -> OrderRecord:
    return record(quantity, sending=SENT_HERE)


def closing(quantity: int = -10) -> OrderRecord:
    return record(quantity, sending=SENT_HERE, reduces=True)


async def test_an_order_goes_while_all_is_as_it_was(watch: Watch) -> None:
    await watch.guard.refresh()
    assert watch.guard.check(opening()) is None


async def test_nothing_goes_before_the_state_was_ever_read(watch: Watch) -> None:
    with pytest.raises(LeaseLost) as lost:
        watch.guard.check(opening())
    assert lost.value.code == "state-stale"


async def test_a_state_that_was_read_a_second_ago_is_too_old(watch: Watch) -> None:
    await watch.guard.refresh()
    watch.clock.advance(STATE_IS_FRESH_S - 0.001)
    assert watch.guard.check(opening()) is None
    watch.clock.advance(0.001)
    with pytest.raises(LeaseLost) as lost:
        watch.guard.check(opening())
    assert lost.value.code == "state-stale"


async def test_a_state_is_as_old_as_the_question_for_it_not_as_its_answer(
    watch: Watch, clock: FakeClock
) -> None:
    slow = replace(watch.desk.ports, store=Slow(watch.desk.store, clock, 1))
    guard = Guard(slow, ACCOUNT, watch.owned, Durations(), deadline=clock.monotonic() + HANDLER_S)
    await guard.refresh()
    with pytest.raises(LeaseLost):
        guard.check(opening())


async def test_a_halt_stops_everything_within_a_second(watch: Watch) -> None:
    await watch.guard.refresh()
    await watch.state(TradingState.HALTED)
    watch.clock.advance(STATE_IS_FRESH_S / 2)
    await watch.guard.refresh()
    for order in (opening(), closing()):
        with pytest.raises(Stop) as stop:
            watch.guard.check(order)
        assert stop.value.code == "halted"


async def test_without_a_state_nothing_goes(watch: Watch) -> None:
    document = await watch.desk.store.get(records.trading_state_path(ACCOUNT))
    assert document is not None
    await watch.desk.store.commit([Update(document.path, {"state": "?"}, document.version)])
    await watch.guard.refresh()
    for order in (opening(), closing()):
        with pytest.raises(Failed) as failed:
            watch.guard.check(order)
        assert document.path in failed.value.message


async def test_in_reduce_only_nothing_is_opened_and_everything_may_be_closed(watch: Watch) -> None:
    watch.desk.broker.held = [position(10)]
    await watch.state(TradingState.REDUCE_ONLY)
    await watch.guard.refresh()
    assert watch.guard.check(opening()) is not None
    assert watch.guard.check(closing()) is None


async def test_an_order_waits_for_no_one_who_is_urgent(watch: Watch) -> None:
    await watch.guard.refresh()
    await watch.asked_to_yield()
    watch.clock.advance(STATE_IS_FRESH_S / 2)
    await watch.guard.refresh()
    with pytest.raises(Stop) as stop:
        watch.guard.check(opening())
    assert (stop.value.code, "id/close-all" in stop.value.message) == ("yielded", True)


async def test_the_deadline_stops_what_is_left(watch: Watch) -> None:
    for seconds in (HANDLER_S - 0.4, 0.4):
        watch.clock.advance(seconds)
        await watch.owned.renew()
        await watch.guard.refresh()
        if seconds > 1:
            assert watch.guard.check(opening()) is None
    with pytest.raises(Stop) as stop:
        watch.guard.check(opening())
    assert stop.value.code == "deadline"


@pytest.mark.parametrize(("passed", "may_go"), [(45, True), (45.001, False), (60, False), (3600, False)])
async def test_an_order_goes_only_while_enough_of_the_lease_is_left(
    watch: Watch, passed: float, may_go: bool
) -> None:
    await watch.owned.renew()
    watch.clock.advance(passed)
    await watch.guard.refresh()
    if may_go:
        assert watch.guard.check(opening()) is None
        return
    with pytest.raises(LeaseLost) as lost:
        watch.guard.check(opening())
    assert lost.value.code == "lease-margin"


async def test_who_has_lost_the_account_learns_it_before_the_next_order(watch: Watch) -> None:
    await watch.guard.refresh()
    await watch.taken_over()
    watch.clock.advance(STATE_IS_FRESH_S / 2)
    with pytest.raises(LeaseLost):
        await watch.guard.refresh()
    watch.clock.advance(STATE_IS_FRESH_S / 2)
    with pytest.raises(LeaseLost):
        watch.guard.check(opening())


async def test_without_the_account_nothing_goes(watch: Watch) -> None:
    await watch.guard.refresh()
    watch.owned.account_lock = None
    with pytest.raises(LeaseLost):
        watch.guard.check(opening())


async def test_an_order_of_another_connection_does_not_go_on_this_one(watch: Watch) -> None:
    await watch.guard.refresh()
    for order in (record(sending=SENDING), record(sending=None)):
        with pytest.raises(GatewayNotReady):
            watch.guard.check(order)
    watch.desk.orders.current = replace(LINK, id="link-3")
    with pytest.raises(GatewayNotReady):
        watch.guard.check(opening())


async def test_an_order_that_the_broker_tells_of_is_not_sent(watch: Watch) -> None:
    """Whatever was proven before: it stands."""
    await watch.guard.refresh()
    watch.desk.broker.standing = [open_order(10, reference=OURS)]
    watch.desk.orders.has_told[OURS] = told()
    with pytest.raises(Retryable):
        watch.guard.check(opening())


async def test_an_order_that_was_handed_to_this_very_connection_is_not_handed_to_it_again(
    watch: Watch,
) -> None:
    await watch.guard.refresh()
    watch.desk.orders.handed_over.add(OURS)
    with pytest.raises(Retryable):
        watch.guard.check(opening())


# -- never beyond the position ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "quantity", "may_go"),
    [
        (10, -10, True),
        (10, -9, True),
        (10, -11, False),
        (-10, 10, True),
        (-10, 11, False),
        (10, 10, False),
        (-10, -10, False),
        (0, -10, False),
        (None, -10, False),
    ],
)
async def test_an_order_that_is_to_reduce_never_does_more(
    watch: Watch, held: int | None, quantity: int, may_go: bool
) -> None:
    watch.desk.broker.held = [] if held is None else [position(held)]
    await watch.guard.refresh()
    assert (watch.guard.check(closing(quantity)) is None) == may_go


@pytest.mark.parametrize(
    ("standing", "left"),
    [
        ([open_order(-4)], 6),  # a manual stop order, say
        ([open_order(-4), open_order(-6)], 0),
        ([open_order(-40)], 0),
        ([open_order(-4, filled=-3)], 9),
        ([open_order(4)], 10),  # on the other side it takes nothing
        ([open_order(-4, con_id=1)], 10),
        ([open_order(-4, reference="i111111111111111")], 6),
    ],
)
async def test_what_is_open_on_the_same_side_already_counts_manual_orders_too(
    watch: Watch, standing: list[OpenOrder], left: int
) -> None:
    watch.desk.broker.held = [position(10)]
    watch.desk.broker.standing = standing
    await watch.guard.refresh()
    assert watch.guard.check(closing(-left - 1)) is not None
    if left:
        assert watch.guard.check(closing(-left)) is None


async def test_a_refusal_of_one_order_tells_what_was_left_to_close(watch: Watch) -> None:
    watch.desk.broker.held = [position(10)]
    watch.desk.broker.standing = [open_order(-4)]
    await watch.guard.refresh()
    why = watch.guard.check(closing(-10)) or ""
    assert "6" in why
    assert "10" in why


async def test_an_order_that_opens_is_not_measured_by_the_position(watch: Watch) -> None:
    watch.desk.broker.held = [position(-10)]
    await watch.guard.refresh()
    assert watch.guard.check(opening(20)) is None


async def test_a_position_in_another_contract_does_not_count(watch: Watch) -> None:
    watch.desk.broker.held = [position(10, con_id=1)]
    await watch.guard.refresh()
    assert watch.guard.check(closing(-10)) is not None


async def test_nothing_is_read_again_that_was_read_just_now(watch: Watch) -> None:
    counting = Counting(watch.desk.store)
    guard = Guard(
        replace(watch.desk.ports, store=counting),
        ACCOUNT,
        watch.owned,
        Durations(),
        deadline=watch.clock.monotonic() + HANDLER_S,
    )
    for _ in range(100):
        await guard.refresh()
    assert counting.reads == 1


@pytest.mark.parametrize("quantity", [Decimal("0.5"), Decimal("10.5")])
async def test_fractions_of_a_share_are_measured_as_exactly(watch: Watch, quantity: Decimal) -> None:
    watch.desk.broker.held = [position(10)]
    await watch.guard.refresh()
    order = closing()
    order = order.model_copy(update={"order": order.order.model_copy(update={"quantity": -quantity})})
    assert (watch.guard.check(order) is None) == (quantity <= 10)


async def test_a_worker_that_is_shutting_down_sends_no_order(watch: Watch) -> None:
    """It is put off, not given up: the worker that comes next goes on with the stored plan."""
    await watch.guard.refresh()
    watch.guard._stopping = lambda: True
    with pytest.raises(Retryable) as put_off:
        watch.guard.check(opening())
    assert put_off.value.code == "stopping"


async def test_an_order_does_not_go_once_its_message_is_too_old(watch: Watch) -> None:
    clock = watch.clock
    limit = clock.now() + timedelta(seconds=10)
    guard = Guard(
        watch.desk.ports,
        ACCOUNT,
        watch.owned,
        Durations(),
        deadline=clock.monotonic() + HANDLER_S,
        good_until=limit,
    )
    await guard.refresh()
    assert guard.check(opening()) is None
    clock.advance(10.5)
    await guard.refresh()
    with pytest.raises(Stop) as stopped:
        guard.check(opening())
    assert stopped.value.code == "too-old"
