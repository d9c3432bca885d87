"""Books and broker are held against each other, and each way into a contract's lock has its ways out."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway_simulator import effects
from gateway_simulator.actions import ManualOrder
from gateway_simulator.book import LONG_AGO, Order
from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from tests.support.gateway import ACCOUNT, RunningWorker, running_worker
from tests.support.ib import simulated, until
from trader.domain.events import ALERT_TYPE, RESULT_TYPE
from trader.domain.ledger import EXTERNAL, holdings
from trader.domain.messages import Result
from trader.domain.orders import OrderState
from trader.domain.trading_state import TradingState
from trader.ports import Delete, Document, Store, Update
from trader.runs import locks
from trader.runs.lease import Lease
from trader.settings import DELIVERY_ATTEMPTS, Durations
from trader.stored import orderbook, records

SIGNAL = {"intent": "testsignalgenerator"}
LOOK = {"intent": "reconcile"}
TRADES = {"intent": "trade-reconciliation"}
WHY = "looked it up at the broker"
REPAIR = {"intent": "reconcile", "repair": True, "reason": WHY}
QUICK = Durations(connect_s=5, broker_call_s=5, settle_s=0.02, order_wait_s=0.2)
STRATEGY = "testsignalgenerator"

DROPS_AFTER_PLACING = ("placeOrder", {"drop": {"when": "after"}})
FORGETS_WHAT_IT_PLACED = ("placeOrder", [{"drop": {"when": "after"}}, "forget"])
FILLS_FIVE = ("placeOrder", {"partly_fill": {"quantity": 5}})


@dataclass
class Stage:
    """A worker over a gateway, and the store that they leave behind."""

    gateway: Gateway
    worker: RunningWorker
    ids: Any

    @property
    def store(self) -> Store:
        return self.worker.worker.ports.store

    async def result(
        self, body: Mapping[str, Any], message_id: str = "", *, first_attempt: int = 1
    ) -> Result:
        """Deliver ``body`` until it is acknowledged, or for the last time, and return what it ended in."""
        message_id = message_id or f"m{next(self.ids)}"
        published_at = self.worker.clock.now()
        for attempt in range(first_attempt, DELIVERY_ATTEMPTS + 1):
            await self.worker.until_ready()
            answer = await self.worker.push(
                body, message_id=message_id, published_at=published_at, attempt=attempt
            )
            if answer.status_code == 204 or attempt == DELIVERY_ATTEMPTS:
                (found,) = {
                    result.model_dump_json(): result
                    for result in map(Result.model_validate, await self.told(RESULT_TYPE))
                    if result.id == f"message/{message_id}"
                }.values()
                return found
        raise AssertionError(f"never acknowledged: {body}")

    async def succeeds(self, body: Mapping[str, Any], message_id: str = "") -> dict[str, Any]:
        """Return the outcome of ``body``."""
        result = await self.result(body, message_id)
        assert result.status == "succeeded", result.reason
        assert result.outcome is not None
        return result.outcome

    async def alerts(self) -> list[str]:
        return [event["event"] for event in await self.told(ALERT_TYPE)]

    async def told(self, kind: str) -> list[Any]:
        follow = (await self.worker.worker.topics.results(past=True)).follow(wait=False)
        return [json.loads(m.data) async for m in follow if m.attributes["ce-type"] == kind]

    async def held(self) -> dict[str, Decimal]:
        """Return what our books hold of the one contract, by owner."""
        sums = holdings(await orderbook.all_fills(self.store, ACCOUNT))
        return {owner: quantity for (owner, _), quantity in sums.items()}

    async def locked(self) -> list[str]:
        return [lock.value.instrument for lock in (await self._locks()).values()]

    async def _locks(self) -> Mapping[int, orderbook.Kept[orderbook.ContractLock]]:
        return await orderbook.contract_locks(self.store, ACCOUNT)

    async def standings(self) -> list[str]:
        """Return where each order of ours stands, as far as the store knows."""
        return [kept.value.standing for kept in await orderbook.all_orders(self.store, ACCOUNT)]

    async def everything(self) -> list[Document]:
        """Return what a live decision may read."""
        folders = ("orders", "fills", "locks", "control", "snapshots")
        return [
            document
            for folder in folders
            for document in await self.store.query(f"accounts/{ACCOUNT}/{folder}")
        ]

    def position(self) -> Decimal:
        return sum((held.quantity for held in self.gateway.book.positions_of(ACCOUNT)), Decimal(0))

    def placed(self) -> list[Order]:
        return [order for order in self.gateway.book.orders.values() if order.terms.order_ref]

    def by_hand(self, side: str = "BUY", quantity: int = 10, limit_price: int | None = None) -> None:
        """Somebody places an order of SPY at the gateway."""
        order = {"symbol": "SPY", "side": side, "quantity": quantity, "limit_price": limit_price}
        effects.perform(self.gateway, [ManualOrder.model_validate(order)])

    def fills(self, order: Order) -> None:
        """All that is left of an order trades."""
        self.gateway.exchange.fill_at_market(self.gateway.book.orders[order.perm_id])

    def hides(self, order: Order) -> None:
        """The gateway loses sight of an order that stands."""
        self.gateway.book._open.pop(order.perm_id)

    def forgets(self) -> None:
        """The gateway no longer knows what was executed, nor what has ended."""
        self.gateway.book.forget(self.gateway.clock.now())

    def remembers(self) -> None:
        """The gateway reports all of it after all."""
        self.gateway.book.forgotten_before = LONG_AGO

    def later(self, seconds: float = 60) -> None:
        self.gateway.clock.set(self.gateway.clock.now() + timedelta(seconds=seconds))


@asynccontextmanager
async def stage(folder: Path, *rules: tuple[Any, Any], **durations: float) -> AsyncIterator[Stage]:
    """A worker that may trade, over a gateway with those rules."""
    gateway = simulated(*rules)
    quick = QUICK.model_copy(update=durations)
    async with (
        serve(gateway) as server,
        running_worker(gateway, server.port, folder, account=ACCOUNT, durations=quick) as worker,
    ):
        await worker.until_ready()
        await worker.configured()
        store, now = worker.worker.ports.store, worker.clock.now()
        await records.set_trading_state(
            store, ACCOUNT, TradingState.ACTIVE, reason="test", published_at=now, at=now
        )
        yield Stage(gateway, worker, count(1))


# -- looking ----------------------------------------------------------------------------------------------


async def test_books_that_agree_show_no_break_and_leave_a_snapshot(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.succeeds(SIGNAL)
        on.by_hand("SELL", 7, limit_price=10_000)
        outcome = await on.succeeds(LOOK)
        (kept,) = await on.store.query(f"accounts/{ACCOUNT}/snapshots")
    assert (outcome["breaks"], outcome["locked"], outcome["unlocked"]) == ([], [], [])
    snapshot = outcome["snapshot"]
    assert [Decimal(p["quantity"]) for p in snapshot["positions"]] == [on.position()]
    assert [(o["quantity"], o["reference"]) for o in snapshot["openOrders"]] == [("-7", "")]
    assert {value["name"] for value in snapshot["account"]["values"]} >= {"NetLiquidation"}
    assert kept.data == snapshot


async def test_what_nobody_of_ours_bought_is_a_break_and_looking_changes_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.succeeds(SIGNAL)
        ours = on.position()
        on.by_hand("BUY", 10)
        (found,) = (await on.succeeds(LOOK))["breaks"]
        assert await on.held() == {STRATEGY: ours}
    assert [Decimal(found[name]) for name in ("ours", "theirs", "difference")] == [ours, ours + 10, 10]
    assert found["instrument"] == "SPY"
    assert not found["underWay"]


async def test_a_break_with_an_order_open_says_that_it_may_pass(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        on.by_hand("BUY", 10)
        on.by_hand("SELL", 10, limit_price=10_000)
        (found,) = (await on.succeeds(LOOK))["breaks"]
    assert found["underWay"]


async def test_looking_needs_neither_a_lock_nor_a_configuration_and_dry_it_leaves_nothing(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as on:
        own = await on.store.get(records.configuration_path(ACCOUNT))
        assert own is not None
        await on.store.commit([Delete(own.path, own.version)])
        before = await on.everything()
        await on.succeeds({**LOOK, "dryRun": True})
        assert await on.everything() == before
        await on.succeeds(LOOK)
        assert len(await on.everything()) == len(before) + 1


# -- bringing our books up to date ------------------------------------------------------------------------


async def test_an_order_by_hand_is_adopted_once_with_its_commission(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.succeeds(SIGNAL)
        ours = on.position()
        on.by_hand("BUY", 10)
        first = await on.succeeds(TRADES)
        second = await on.succeeds(TRADES)
        assert await on.held() == {STRATEGY: ours, EXTERNAL: Decimal(10)}
        assert await on.locked() == []
        adopted = [fill for fill in await orderbook.all_fills(on.store, ACCOUNT) if not fill.order]
    assert [line["shares"] for line in first["external"]] == [{EXTERNAL: "10"}]
    assert (second["external"], second["fills"], second["breaks"]) == ([], [], [])
    assert [fill.commission for fill in adopted] == [Decimal(1)]


async def test_what_was_executed_before_since_is_not_adopted(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        on.by_hand("BUY", 10)
        on.later()
        since = on.worker.clock.now().isoformat()
        on.later()
        on.by_hand("BUY", 3)
        outcome = await on.succeeds({**TRADES, "since": since})
        assert await on.held() == {EXTERNAL: Decimal(3)}
    (found,) = outcome["breaks"]
    assert Decimal(found["difference"]) == 10


@pytest.mark.parametrize("by_hand", [False, True])
async def test_a_correction_of_what_is_booked_books_the_difference(tmp_path: Path, by_hand: bool) -> None:
    corrects = ("fill", {"correct": {"seconds": 30, "shares": 6}})
    async with stage(tmp_path, corrects) as on:
        if by_hand:
            on.by_hand("BUY", 10)
            await on.succeeds(TRADES)
        else:
            await on.succeeds(SIGNAL)
        on.later(60)
        await until(lambda: abs(on.position()) == 6)
        outcome = await on.succeeds(TRADES)
        assert await on.held() == {EXTERNAL if by_hand else STRATEGY: on.position()}
        assert (outcome["breaks"], await on.locked()) == ([], [])
        again = await on.succeeds(TRADES)
    (line,) = outcome["external" if by_hand else "fills"]
    assert line["execId"].endswith(".02")
    assert abs(Decimal(line["quantity"])) == 6
    assert again["fills"] == again["external"] == []


async def test_a_correction_that_lacks_our_reference_is_known_by_the_brokers_number(tmp_path: Path) -> None:
    async with stage(tmp_path, ("fill", {"correct": {"seconds": 30, "shares": 6}})) as on:
        await on.succeeds(SIGNAL)
        on.gateway.disconnect()
        on.later(60)
        await until(lambda: on.position() == -6)
        ((exec_id, revised),) = on.gateway.book.executions.items()
        on.gateway.book.executions[exec_id] = replace(revised, order_ref="")
        await on.succeeds(TRADES)
        assert await on.held() == {STRATEGY: Decimal(-6)}
        assert await on.locked() == []


async def test_a_difference_that_passes_by_itself_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as on:
        await on.succeeds(SIGNAL)
        broker = on.worker.worker.ports.broker
        told = [broker.positions(), ()]
        monkeypatch.setattr(broker, "positions", lambda: told.pop() if len(told) > 1 else told[0])
        outcome = await on.succeeds(TRADES)
        assert (outcome["breaks"], await on.locked(), await on.alerts()) == ([], [], [])
        assert len(told) == 1


async def test_a_difference_that_moves_is_told_and_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as on:
        await on.succeeds(SIGNAL)
        broker = on.worker.worker.ports.broker
        (held,) = broker.positions()
        told = [(held.model_copy(update={"quantity": Decimal(1)}),), ()]
        monkeypatch.setattr(broker, "positions", lambda: told.pop() if len(told) > 1 else told[0])
        (found,) = (await on.succeeds(TRADES))["breaks"]
        assert Decimal(found["theirs"]) == 1
        assert await on.locked() == []


async def test_a_commission_that_came_late_is_filled_in(tmp_path: Path) -> None:
    async with stage(tmp_path, ("fill", {"late_commission": {"seconds": 3600}})) as on:
        await on.succeeds(SIGNAL)
        assert [fill.commission for fill in await orderbook.all_fills(on.store, ACCOUNT)] == [None]
        await on.succeeds(TRADES)
        (fill,) = await orderbook.all_fills(on.store, ACCOUNT)
    assert fill.commission


async def test_an_order_partly_filled_and_then_cancelled_is_closed_with_what_it_filled(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, FILLS_FIVE) as on:
        await on.succeeds(SIGNAL)
        assert await on.standings() == ["working"]
        (order,) = on.placed()
        on.gateway.exchange.cancel(order)
        outcome = await on.succeeds(TRADES)
        assert await on.standings() == ["cancelled"]
        assert await on.held() == {STRATEGY: on.position()} == {STRATEGY: Decimal(-5)}
    (told,) = outcome["orders"]
    assert (told["state"], told["filled"]) == ("cancelled", "-5")


async def test_an_order_that_filled_later_is_told_as_booked_and_closed(tmp_path: Path) -> None:
    async with stage(tmp_path, FILLS_FIVE) as on:
        await on.succeeds(SIGNAL)
        (order,) = on.placed()
        on.fills(order)
        outcome = await on.succeeds(TRADES)
        assert await on.held() == {STRATEGY: on.position()}
    (told,) = outcome["orders"]
    assert (told["state"], Decimal(told["filled"])) == ("filled", on.position())
    assert len(outcome["fills"]) == 1


async def test_a_dry_run_tells_what_would_be_booked_and_writes_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, FILLS_FIVE) as on:
        await on.succeeds(SIGNAL)
        (order,) = on.placed()
        on.fills(order)
        on.by_hand("BUY", 10)
        before = await on.everything()
        outcome = await on.succeeds({**TRADES, "dryRun": True})
        assert await on.everything() == before
    assert [told["state"] for told in outcome["orders"]] == ["filled"]
    assert len(outcome["fills"]) == len(outcome["external"]) == 1
    assert outcome["breaks"] == []


# -- each way into a lock ---------------------------------------------------------------------------------


async def in_doubt(on: Stage) -> None:
    """An order filled, and the gateway came back knowing nothing of it."""
    assert (await on.result(SIGNAL)).status == "unresolved"
    assert await on.standings() == ["unresolved"]


async def vanished(on: Stage) -> None:
    """An order worked, and filled and was forgotten while nobody was connected."""
    await on.succeeds(SIGNAL)
    assert await on.standings() == ["working"]
    (order,) = on.placed()
    on.gateway.disconnect()
    on.fills(order)
    on.forgets()
    await on.succeeds(TRADES)
    assert await on.standings() == ["unresolved"]


async def differing(on: Stage) -> None:
    """Somebody traded by hand, and the gateway no longer reports the execution."""
    on.by_hand("BUY", 10)
    on.forgets()
    await on.succeeds(TRADES)


async def given_up(on: Stage) -> None:
    """An order went out with the last delivery of its message, and the connection with it."""
    result = await on.result(SIGNAL, first_attempt=DELIVERY_ATTEMPTS)
    assert (result.status, result.reason and result.reason.code) == ("unresolved", "retries-exhausted")
    assert await on.standings() == ["unresolved"]
    on.forgets()


WAYS_IN: list[Any] = [
    pytest.param(in_doubt, [FORGETS_WHAT_IT_PLACED], id="an order in doubt"),
    pytest.param(vanished, [FILLS_FIVE], id="an order that vanished"),
    pytest.param(differing, [], id="books that differ"),
    pytest.param(given_up, [DROPS_AFTER_PLACING], id="given up after retries"),
]


async def assert_well(on: Stage, owners: set[str]) -> None:
    """Our books agree with the broker's, nothing is locked, and trading goes on."""
    held = await on.held()
    assert sum(held.values()) == on.position()
    assert set(held) == owners
    assert await on.locked() == []
    assert "unresolved" not in await on.standings()
    assert (await on.alerts()).count("contract-unlocked") == 1
    on.gateway.faults = None
    on.later()
    signal = await on.result(SIGNAL)
    assert signal.status == "succeeded", signal.reason
    assert sum((await on.held()).values()) == on.position()
    assert (await on.succeeds(LOOK))["breaks"] == []


@pytest.mark.parametrize(("way_in", "rules"), WAYS_IN)
async def test_a_lock_stays_while_nothing_settles_it(tmp_path: Path, way_in: Any, rules: Any) -> None:
    async with stage(tmp_path, *rules) as on:
        await way_in(on)
        for intent in (LOOK, TRADES):
            outcome = await on.succeeds(intent)
            assert [line["instrument"] for line in outcome["locked"]] == ["SPY"]
            assert outcome["locked"][0]["why"]
        assert await on.locked() == ["SPY"]
        assert set(await on.alerts()) & {"order-unresolved", "contract-locked"}


@pytest.mark.parametrize(("way_in", "rules"), WAYS_IN)
async def test_evidence_unlocks_and_gives_each_owner_what_is_theirs(
    tmp_path: Path, way_in: Any, rules: Any
) -> None:
    async with stage(tmp_path, *rules) as on:
        await way_in(on)
        on.remembers()
        outcome = await on.succeeds(TRADES)
        assert outcome["unlocked"] == ["SPY"]
        await assert_well(on, {EXTERNAL if way_in is differing else STRATEGY})


@pytest.mark.parametrize(("way_in", "rules"), [way for way in WAYS_IN if way.id != "books that differ"])
async def test_looking_unlocks_by_the_same_evidence_while_nobody_trades(
    tmp_path: Path, way_in: Any, rules: Any
) -> None:
    async with stage(tmp_path, *rules) as on:
        await way_in(on)
        on.remembers()
        outcome = await on.succeeds(LOOK)
        assert (outcome["unlocked"], outcome["locked"], outcome["breaks"]) == (["SPY"], [], [])
        await assert_well(on, {STRATEGY})


@pytest.mark.parametrize(("way_in", "rules"), WAYS_IN)
async def test_a_repair_gives_the_difference_to_external_and_unlocks(
    tmp_path: Path, way_in: Any, rules: Any
) -> None:
    async with stage(tmp_path, *rules) as on:
        await way_in(on)
        before = await on.held()
        outcome = await on.succeeds(REPAIR)
        (repaired,) = outcome["repairs"]
        assert Decimal(repaired["booked"]) == on.position() - sum(before.values())
        assert (outcome["unlocked"], outcome["locked"], outcome["breaks"]) == (["SPY"], [], [])
        orders = [kept.value for kept in await orderbook.all_orders(on.store, ACCOUNT)]
        assert len(repaired["orders"]) == len(orders)
        for order in orders:
            assert order.standing is OrderState.CANCELLED
            assert WHY in order.text
        await assert_well(on, {*before, EXTERNAL})


@pytest.mark.parametrize(("way_in", "rules"), WAYS_IN)
async def test_what_a_repair_has_counted_is_not_booked_when_it_is_reported_after_all(
    tmp_path: Path, way_in: Any, rules: Any
) -> None:
    async with stage(tmp_path, *rules) as on:
        await way_in(on)
        on.later()
        await on.succeeds(REPAIR)
        held = await on.held()
        on.later()
        on.remembers()
        outcome = await on.succeeds(TRADES)
        assert (outcome["fills"], outcome["external"], outcome["breaks"]) == ([], [], [])
        assert await on.held() == held
        await assert_well(on, set(held))


async def test_what_is_executed_after_a_repair_is_booked(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await differing(on)
        await on.succeeds(REPAIR)
        on.later()
        on.by_hand("BUY", 3)
        outcome = await on.succeeds(TRADES)
        assert await on.held() == {EXTERNAL: Decimal(13)}
    assert [Decimal(line["quantity"]) for line in outcome["external"]] == [3]
    assert outcome["breaks"] == []


async def test_an_order_that_a_repair_has_ended_and_that_lives_on_is_told_and_booked(tmp_path: Path) -> None:
    async with stage(tmp_path, FILLS_FIVE) as on:
        await on.succeeds(SIGNAL)
        (order,) = on.placed()
        on.gateway.disconnect()
        order = on.gateway.exchange.fill(order, Decimal(6), order.last_price)
        on.hides(order)
        on.forgets()
        await on.succeeds(TRADES)
        assert (await on.standings(), await on.locked()) == (["unresolved"], ["SPY"])
        on.later()
        await on.succeeds(REPAIR)
        assert (await on.standings(), await on.locked()) == (["cancelled"], [])
        assert await on.held() == {STRATEGY: Decimal(-5), EXTERNAL: Decimal(-6)}
        on.later()
        on.remembers()
        on.gateway.book.put(order)
        told = len(await on.alerts())
        outcome = await on.succeeds(TRADES)
        assert [found["state"] for found in outcome["orders"]] == ["working"]
        assert (await on.alerts())[told:] == ["order-resolved"]
        on.fills(order)
        await on.succeeds(TRADES)
        assert await on.standings() == ["filled"]
        assert await on.held() == {STRATEGY: 6 - order.quantity, EXTERNAL: Decimal(-6)}
        assert sum((await on.held()).values()) == on.position()


# -- what stands in a repair's way ------------------------------------------------------------------------


async def test_a_repair_waits_for_orders_of_anybody_and_says_which(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await differing(on)
        on.by_hand("SELL", 7, limit_price=10_000)
        before = await on.held()
        refused = await on.result(REPAIR)
        assert (refused.status, refused.reason and refused.reason.code) == ("failed", "not-repaired")
        assert refused.reason is not None
        assert "-7 SPY" in refused.reason.message
        assert (await on.held(), await on.locked()) == (before, ["SPY"])


async def test_a_repair_needs_a_position_that_rests(tmp_path: Path) -> None:
    async with stage(tmp_path, settle_s=0.3) as on:
        await differing(on)
        asked = on.gateway.requests["reqExecutions"]
        repairing = asyncio.create_task(on.result(REPAIR))
        await until(lambda: on.gateway.requests["reqExecutions"] > asked)
        on.by_hand("BUY", 1)
        refused = await repairing
        assert (refused.status, refused.reason and refused.reason.code) == ("failed", "not-repaired")
        assert await on.locked() == ["SPY"]


async def test_a_repair_is_done_once_however_often_it_comes(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await differing(on)
        first = await on.result(REPAIR, "repair")
        assert await on.result(REPAIR, "repair") == first
        again = await on.succeeds(REPAIR)
        assert await on.held() == {EXTERNAL: Decimal(10)}
    assert (again["repairs"], again["unlocked"]) == ([], [])


async def test_a_dry_repair_tells_what_it_would_do_and_writes_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, FORGETS_WHAT_IT_PLACED) as on:
        await in_doubt(on)
        before = await on.everything()
        outcome = await on.succeeds({**REPAIR, "dryRun": True})
        assert await on.everything() == before
        assert "contract-unlocked" not in await on.alerts()
    (repaired,) = outcome["repairs"]
    assert Decimal(repaired["booked"]) == on.position()
    assert outcome["unlocked"] == ["SPY"]


async def test_a_repair_without_a_reason_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        refused = await on.worker.push({"intent": "reconcile", "repair": True}, message_id="7")
        assert refused.status_code == 204
        (event,) = await on.told(RESULT_TYPE)
    assert (event["status"], event["reason"]["code"], event["reason"]["field"]) == (
        "rejected",
        "missing-field",
        "reason",
    )


async def test_a_repair_waits_for_the_account_and_looking_does_not(tmp_path: Path) -> None:
    async with stage(tmp_path, FORGETS_WHAT_IT_PLACED, handler_s=0.5) as on:
        await in_doubt(on)
        on.remembers()
        await someone_holds(on)
        outcome = await on.succeeds(LOOK)
        assert (outcome["unlocked"], await on.locked()) == ([], ["SPY"])
        assert [line["why"] for line in outcome["locked"]] == [
            "settled, but a run has the account; reconcile again when it has ended"
        ]
        assert await on.standings() == ["unresolved"]
        sent_back = await on.worker.push(REPAIR, message_id="7")
        assert (sent_back.status_code, sent_back.text) == (503, "account-locked")


async def someone_holds(on: Stage) -> None:
    """A run of another worker has the account."""
    path = locks.path_of(ACCOUNT)
    document = await on.store.get(path)
    assert document is not None
    held = locks.read(document).model_copy(
        update={"holder": Lease(nonce="theirs", worker="another"), "run": "id/theirs"}
    )
    await on.store.commit([Update(path, held.to_json(), document.version)])


async def test_looking_unlocks_nothing_when_a_run_takes_the_account_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path, FORGETS_WHAT_IT_PLACED) as on:
        await in_doubt(on)
        on.remembers()
        orders = on.worker.worker.ports.orders
        look_up = orders.look_up

        async def looked_up_too_late() -> Any:
            found = await look_up()
            await someone_holds(on)
            return found

        monkeypatch.setattr(orders, "look_up", looked_up_too_late)
        sent_back = await on.worker.push(LOOK, message_id="7")
        assert (sent_back.status_code, sent_back.text) == (503, "store-contended")
        assert (await on.locked(), await on.standings()) == (["SPY"], ["unresolved"])
