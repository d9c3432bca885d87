"""A plan of orders, attacked: each placed at most once, none taken for what it isn't, none lost."""

import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.support.clock import HurriedClock
from tests.support.desk import LINK, Desk, WrittenBroker, claimed, position
from tests.support.orders import EARLIER, PERM_ID, SPY, execution, lookup, record, told
from tests.support.stores import Passing
from tests.support.world import ACCOUNT
from trader.adapters.sqlite import SqliteStore
from trader.domain.configuration_sample import sample
from trader.domain.errors import GatewayNotReady, OutcomeUnknown, Retryable, StoreUnavailable
from trader.domain.ledger import book, holdings
from trader.domain.order_record import OrderRecord
from trader.domain.orders import Complaint, OrderReport, OrderState, reference_of
from trader.domain.portfolio import Position
from trader.domain.status import Mode
from trader.domain.trading_state import TradingState
from trader.execution.execution import Execution
from trader.execution.guard import STATE_IS_FRESH_S
from trader.intent import Run
from trader.intents import close_all
from trader.plans import Decided, OrderWish, Stage
from trader.ports import Create, Document, Store
from trader.runs import locks, runs
from trader.runs.lease import Lease, LeaseWatch
from trader.runs.runs import OwnedRun
from trader.settings import Settings
from trader.stored import orderbook, records

RUN = "id/x"
FIRST, SECOND = reference_of(RUN, 0), reference_of(RUN, 1)
VIXY = SPY.model_copy(update={"con_id": 2, "symbol": "VIXY"})
EMPTY = lookup(next_order_id=6, remembers=True)
AGAIN = replace(LINK, id="link-3")
"""The connection, made again."""


def wish(quantity: int = 10, **changes: Any) -> OrderWish:
    return OrderWish(
        **{"contract": SPY, "quantity": Decimal(quantity), "wanted": {"alpha": Decimal(quantity)}, **changes}
    )


class Damaging(Passing):
    """Shows documents as somebody's hand has damaged them."""

    def __init__(self, store: Store, damaged: set[str]) -> None:
        super().__init__(store)
        self._damaged = damaged

    async def get(self, path: str) -> Document | None:
        found = await self.real.get(path)
        return replace(found, content={"state": 5}) if found and path in self._damaged else found


class Account:
    """One account with a run under way, and the workers that attempt it one after another."""

    def __init__(self, store: Store) -> None:
        self.clock = HurriedClock()
        self.damaged: set[str] = set()
        self.desk = Desk(Damaging(store, self.damaged), self.clock)
        self.orders = self.desk.orders
        self.attempts = 0

    async def opened(self) -> None:
        """Configure the account and let it trade."""
        await records.write_configuration(
            self.desk.store, records.configuration_path(ACCOUNT), sample(ACCOUNT)
        )
        await self.state(TradingState.ACTIVE)

    async def state(self, wanted: TradingState) -> None:
        now = self.clock.now()
        await records.set_trading_state(
            self.desk.store, ACCOUNT, wanted, reason="test", published_at=now, at=now
        )

    async def attempt(self, *, may_send: bool = True) -> tuple[Execution, OwnedRun]:
        """Take run and account, as the next delivery does, and settle first."""
        self.attempts += 1
        lease = Lease(nonce=f"n{self.attempts}", worker=f"w{self.attempts}")
        watch = LeaseWatch(self.clock, 60, lease.worker)
        ports = self.desk.ports
        until = self.clock.monotonic() + 100
        lock = await locks.acquire(
            ports.store, self.clock, watch, ACCOUNT, RUN, lease, urgent=False, until=until
        )
        document = await ports.store.get(runs.path_of(ACCOUNT, RUN))
        if document is None:
            owned = await claimed(ports.store, self.clock, RUN, lease, lock)
        else:
            owned = await runs.take_over(ports.store, self.clock, document, None, lease)
            owned.account_lock = lock
        deadline = self.clock.monotonic() + 480
        run = Execution(
            ports, Settings(account=ACCOUNT), ACCOUNT, owned, may_send=may_send, deadline=deadline
        )
        await run.open()
        return run, owned

    async def order(self, reference: str = FIRST) -> OrderRecord:
        return (await orderbook.read_order(self.desk.store, ACCOUNT, reference)).value

    async def held(self) -> dict[str, Decimal]:
        found = holdings(await orderbook.all_fills(self.desk.store, ACCOUNT))
        return {owner: quantity for (owner, _), quantity in found.items()}

    def sent(self) -> list[str]:
        """Return the references of all that went to the broker, in order."""
        return [reference for reference, _ in self.orders.placed]

    def fills_at_once(self) -> None:
        """Let the broker tell of each order that it is filled as soon as it is placed."""

        def fill(reference: str, order_id: int) -> None:
            n = len(self.orders.placed)
            known = {"reference": reference, "order_id": order_id, "perm_id": PERM_ID + n}
            self.orders.has_told[reference] = told(OrderState.FILLED, 10, **known)
            self.desk.broker.executed.append(execution(f"e{n}.01", 10, **known))

        self.orders.on_place = fill


@pytest.fixture
async def account(store: SqliteStore) -> Account:
    opened = Account(store)
    await opened.opened()
    return opened


def planning(*wishes: OrderWish) -> Callable[[], Awaitable[Decided]]:
    async def decide() -> Decided:
        return Decided({}, wishes)

    return decide


async def planned(run: Execution, *wishes: OrderWish) -> Stage:
    return await run.planned("trade", planning(*(wishes or (wish(),))))


def standings(orders: Sequence[OrderReport]) -> list[OrderState]:
    return [order.state for order in orders]


# -- sent once --------------------------------------------------------------------------------------------


async def test_a_plan_is_sent_and_its_fills_are_booked_on_whoever_wanted_them(account: Account) -> None:
    account.fills_at_once()
    run, owned = await account.attempt()
    stage = await planned(run, wish(wanted={"alpha": Decimal(7), "beta": Decimal(3)}))
    assert standings(await run.carry_out(stage)) == [OrderState.FILLED]
    assert account.sent() == [FIRST]
    await owned.write(run.writes)
    assert (await account.order()).state == "ended"
    assert await account.held() == {"alpha": 7, "beta": 3}


async def test_carrying_a_stage_out_twice_sends_it_once(account: Account) -> None:
    account.fills_at_once()
    run, _ = await account.attempt()
    stage = await planned(run)
    for _ in range(2):
        assert standings(await run.carry_out(stage)) == [OrderState.FILLED]
    assert account.sent() == [FIRST]


async def test_an_order_is_in_the_store_before_it_is_sent(account: Account) -> None:
    run, _ = await account.attempt()
    stage = await planned(run)
    seen: list[str] = []
    account.orders.on_place = lambda reference, _: seen.append(reference)
    account.orders.will_say(lookup(open=[told(reference=FIRST)]))
    await run.carry_out(stage)
    assert seen == [FIRST] == list(stage.orders)
    assert (await account.order()).sending is not None


async def test_an_order_in_doubt_after_it_was_sent_is_unresolved_and_its_contract_locked(
    account: Account,
) -> None:
    run, _ = await account.attempt()
    stage = await planned(run)
    account.orders.will_say(EMPTY)
    assert standings(await run.carry_out(stage)) == [OrderState.UNRESOLVED]
    assert SPY.con_id in await orderbook.contract_locks(account.desk.store, ACCOUNT)


async def test_an_order_of_which_the_broker_has_told_is_not_sent_again_when_it_is_forgotten(
    account: Account,
) -> None:
    """Told as filled without its executions; then the gateway restarts, counts back, and knows nothing."""
    run, _ = await account.attempt()
    stage = await planned(run)

    def fill(reference: str, order_id: int) -> None:
        known = {"reference": reference, "order_id": order_id}
        account.orders.has_told[reference] = told(OrderState.FILLED, 10, **known)

    account.orders.on_place = fill
    older = told(reference="i000000000000000", perm_id=3, order_id=4)
    counted_back = lookup(open=[older], next_order_id=6, remembers=True)
    account.orders.will_say((counted_back, AGAIN))
    with suppress(Retryable):
        await run.carry_out(stage)
    assert (await account.order()).standing is OrderState.UNRESOLVED


async def test_a_worker_that_knows_it_sent_nothing_sends_it_the_next_time(account: Account) -> None:
    """The store failed between plan and order; nothing was ever handed to the connection, which lives on."""
    run, owned = await account.attempt()
    stage = await planned(run)
    account.orders.slots = [StoreUnavailable("store-unavailable", "down")]
    with pytest.raises(StoreUnavailable):
        await run.carry_out(stage)
    await owned.release()
    account.orders.will_say(EMPTY)
    again, _ = await account.attempt()
    account.fills_at_once()
    assert standings(await again.carry_out(await planned(again))) == [OrderState.FILLED]
    assert account.sent() == [FIRST]


async def test_what_is_proven_unsent_is_sent_once_under_a_fresh_id(account: Account) -> None:
    account.desk.broker.executed.append(EARLIER)
    run, _ = await account.attempt()
    await planned(run)
    older = told(reference="i000000000000000", perm_id=3, order_id=4)
    absent = lookup(open=[older], next_order_id=6, remembers=True)
    account.orders.will_say((absent, AGAIN))
    again, _ = await account.attempt()
    account.fills_at_once()
    assert standings(await again.carry_out(await planned(again))) == [OrderState.FILLED]
    assert account.sent() == [FIRST]
    assert (await account.order()).sending is not None
    assert account.orders.placed[0][1] != 10


async def test_nothing_is_opened_in_a_contract_where_another_order_is_in_doubt(account: Account) -> None:
    """Two orders of one plan in one contract: the first is in doubt, the second is proven unsent."""
    run, _ = await account.attempt()
    await planned(run, wish(), wish(5))
    older = told(reference="i000000000000000", perm_id=3, order_id=4)
    taken_first = lookup(open=[older], next_order_id=11, remembers=True)
    account.orders.will_say((taken_first, AGAIN))
    again, _ = await account.attempt()
    stage = await planned(again)
    account.orders.will_say(EMPTY)
    orders = await again.carry_out(stage)
    assert orders[0].state is OrderState.UNRESOLVED
    assert account.sent() == []


async def test_an_order_that_was_planned_before_a_halt_is_not_sent_after_it(account: Account) -> None:
    run, owned = await account.attempt()
    stage = await planned(run)
    await account.state(TradingState.HALTED)
    account.clock.advance(STATE_IS_FRESH_S / 2)
    assert standings(await run.carry_out(stage)) == [OrderState.UNSENT]
    await owned.write(run.writes)
    assert account.sent() == []
    assert (await account.order()).state == "ended"


async def test_what_was_sent_is_reported_even_if_the_rest_can_not_go(account: Account) -> None:
    """The state's document is damaged between the first order and the second."""
    run, owned = await account.attempt()
    stage = await planned(run, wish(), wish(contract=VIXY))
    account.fills_at_once()
    filled = account.orders.on_place

    def damaging(reference: str, order_id: int) -> None:
        filled(reference, order_id)
        account.clock.advance(1)
        account.damaged.add(records.trading_state_path(ACCOUNT))

    account.orders.on_place = damaging
    orders = await run.carry_out(stage)
    assert standings(orders) == [OrderState.FILLED, OrderState.UNSENT]
    await owned.write(run.writes)
    assert await account.held() == {"alpha": 10}


async def test_a_run_that_gives_up_leaves_nothing_open_that_was_surely_not_sent(account: Account) -> None:
    run, _ = await account.attempt()
    stage = await planned(run)
    account.orders.slots = [StoreUnavailable("store-unavailable", "down")]
    with pytest.raises(StoreUnavailable):
        await run.carry_out(stage)
    end = await run.gave_up("the store was down")
    order = await account.order()
    assert order.state == "ended" or isinstance(end, OutcomeUnknown)


async def test_a_run_that_gives_up_in_doubt_says_so(account: Account) -> None:
    run, _ = await account.attempt()
    stage = await planned(run)
    account.orders.will_say(GatewayNotReady("gateway-disconnected", "gone"))
    with pytest.raises(GatewayNotReady):
        await run.carry_out(stage)
    assert isinstance(await run.gave_up("the gateway was down"), OutcomeUnknown)
    assert (await account.order()).standing is OrderState.UNRESOLVED
    assert SPY.con_id in await orderbook.contract_locks(account.desk.store, ACCOUNT)


async def test_what_one_stage_has_booked_is_there_when_the_next_is_decided(account: Account) -> None:
    account.fills_at_once()
    run, owned = await account.attempt()
    await run.carry_out(await planned(run))
    account.desk.broker.held = [position(10)]

    async def decide() -> Decided:
        assert await account.held() == {"alpha": 10}
        return Decided({})

    await run.planned("then", decide)
    await owned.write(run.writes)


async def test_settling_between_two_stages_leaves_a_run_that_can_end(account: Account) -> None:
    account.fills_at_once()
    run, owned = await account.attempt()
    await run.carry_out(await planned(run))
    filled = lookup(fills=account.desk.broker.executed, next_order_id=11)
    account.orders.will_say(filled)
    await run.cancel(None)
    await owned.write(run.writes)
    assert await account.held() == {"alpha": 10}


async def test_a_worker_whose_lease_has_died_cancels_nothing(account: Account) -> None:
    """It froze before its cancels; meanwhile another may have placed what it would cancel."""
    run, _ = await account.attempt()
    standing = lookup(open=[told(reference="i000000000000000", perm_id=3, order_id=4)], next_order_id=6)
    account.orders.will_say(standing)
    account.clock.advance(3600)
    with pytest.raises(Retryable):
        await run.cancel(None)
    assert account.orders.cancelled == []


async def test_a_duplicate_id_is_no_word_about_the_order(account: Account) -> None:
    run, _ = await account.attempt()
    stage = await planned(run)
    account.orders.complaints[FIRST] = Complaint(code=103, text="Duplicate order id")
    account.orders.will_say(lookup(open=[told(reference=FIRST)], next_order_id=11))
    assert standings(await run.carry_out(stage)) == [OrderState.WORKING]


async def test_an_order_of_another_run_that_is_proven_unsent_is_not_sent_by_this_one(
    account: Account,
) -> None:
    theirs = record(run="id/theirs", wanted={"beta": 10})
    theirs = theirs.model_copy(
        update={"order": theirs.order.model_copy(update={"reference": "i000000000000000"})}
    )
    path = orderbook.order_path(ACCOUNT, theirs.order.reference)
    await account.desk.store.commit([Create(path, theirs.to_json())])
    account.orders.will_say(EMPTY)
    run, _ = await account.attempt()
    account.fills_at_once()
    await run.carry_out(await planned(run, wish(contract=VIXY)))
    assert account.sent() == [FIRST]


@pytest.mark.parametrize(
    "lag_s",
    [
        0,
        pytest.param(2),
    ],
)
async def test_closing_everything_does_not_close_again_what_a_cancel_came_too_late_for(
    account: Account, lag_s: float
) -> None:
    """The closing order of before fills as it is cancelled; its position is told a moment after its fill."""
    broker = LaggingBroker(account.clock)
    account.desk.broker = broker
    account.desk.ports = replace(account.desk.ports, broker=broker)
    bought = book(record(), (), [execution("a.01", 10)])
    closing = record(-10, index=7, wanted={"alpha": -10}, reduces=True, perm_id=PERM_ID).at(
        OrderState.WORKING
    )
    known: dict[str, Any] = {"reference": closing.order.reference, "quantity": Decimal(-10)}
    await account.desk.store.commit(
        [
            Create(orderbook.order_path(ACCOUNT, closing.order.reference), closing.to_json()),
            *(Create(orderbook.fill_path(ACCOUNT, fill.stem), fill.to_json()) for fill in bought),
        ]
    )
    broker.held = [position(10)]
    account.orders.will_say(lookup(open=[told(**known)], next_order_id=11))

    def too_late() -> None:
        sold = execution("b.01", -10, reference=closing.order.reference)
        account.orders.will_say(lookup(fills=[sold], next_order_id=11))
        broker.flat_from = account.clock.monotonic() + lag_s

    account.orders.on_cancel = too_late
    run, _ = await account.attempt()
    told_of = Run(RUN, ACCOUNT, Mode.PAPER, False, account.clock.now(), account.clock.now(), 5, run)
    await close_all.handle(close_all.CloseAll(), told_of, account.desk.ports)
    assert account.sent() == [], "that would sell what is sold already"


class LaggingBroker(WrittenBroker):
    """Tells that the position is closed some time after it was."""

    flat_from = math.inf

    def positions(self, con_id: int | None = None) -> Sequence[Position]:
        return self.held if self._clock.monotonic() < self.flat_from else []
