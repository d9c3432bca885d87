"""Dead letters replayed: the same run once more, only where it failed, and never an order a second time."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway_simulator import effects
from gateway_simulator.actions import ManualOrder
from tests.support.allocating import allocation, configuration
from tests.support.crash import ACCOUNT, Fate, How, Theatre, theatre
from tests.support.deliveries import delivery
from tests.support.play import MANY, REPAIR, misbehaves, placed, signal, with_a_history
from tests.support.strategies import long
from trader.adapters.documents import MAX_DOCUMENT_BYTES, size_of
from trader.discovery import find_intents
from trader.domain.errors import Rejected, TopicUnavailable
from trader.domain.ledger import EXTERNAL, holdings
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject, write_time
from trader.ports import OutgoingMessage, ReceivedMessage, Topic, Update
from trader.runner.runner import Runner
from trader.runs import runs
from trader.runs.decoding import Delivery
from trader.runs.replays import Letter, Replays
from trader.settings import DELIVERY_ATTEMPTS
from trader.stored import orderbook, records

SPY = signal("SPY")


def letter_of(delivery: Delivery, at: datetime, name: str = "9001") -> ReceivedMessage:
    """Return a message as it comes to lie among the dead letters: with a new id, and Pub/Sub's attributes."""
    message = delivery.message
    added = {
        "CloudPubSubDeadLetterSourceDeliveryCount": str(DELIVERY_ATTEMPTS),
        "CloudPubSubDeadLetterSourceSubscription": "worker",
        "CloudPubSubDeadLetterSourceTopicPublishTime": message.publish_time,
    }
    return ReceivedMessage(name, base64.b64decode(message.data), {**delivery.attributes, **added}, at)


def replays(world: Theatre) -> Replays:
    return Replays(world.store, world.clock, find_intents(), ACCOUNT, takes_unnamed=True)


async def read(world: Theatre, message: ReceivedMessage) -> Letter:
    (letter,) = await replays(world).read([message])
    return letter


async def replayed(world: Theatre, message: ReceivedMessage) -> Any:
    """Replay a letter, and return how to deliver what is published for it."""
    outgoing = await replays(world).replay(await read(world, message), message)
    attributes: Mapping[str, str] = outgoing.attributes
    delivery = Delivery.model_validate(
        {
            "message": {
                "data": base64.b64encode(outgoing.data).decode(),
                "attributes": dict(attributes),
                "messageId": "replayed-1",
                "publishTime": write_time(world.clock.now()),
            }
        }
    )
    return lambda attempt: delivery.model_copy(update={"delivery_attempt": attempt})


async def buried(world: Theatre, body: JsonObject, message_id: str = "first") -> ReceivedMessage:
    """Let a run fail for good without an order, as by a gateway that is away, and return its dead letter."""
    message = world.message(body, message_id)
    async with world.worker(Fate(1, "refused", "market_data.bars")) as runner:
        assert not await world.deliver(runner, message(DELIVERY_ATTEMPTS))
    return letter_of(message(1), world.clock.now())


async def rejected(world: Theatre) -> ReceivedMessage:
    """Let a run fail with its order rejected."""
    misbehaves(world.gateway, "rejected-then-inactive")
    message = world.message(signal("MSFT"), "first")
    async with world.worker() as runner:
        assert await world.deliver(runner, message(1))
    world.gateway.faults = None
    return letter_of(message(1), world.clock.now())


async def last_result(world: Theatre, run: str) -> Any:
    return [result for result in await world.results() if result.id == run][-1]


async def test_a_run_that_failed_is_done_once_more_under_its_own_key(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        message = await buried(world, SPY)
        letter = await read(world, message)
        assert (letter.key and letter.key.text, letter.refusal) == ("message/first", None)
        assert letter.result is not None
        assert (letter.result.status, letter.result.reason and letter.result.reason.code) == (
            Status.FAILED,
            "retries-exhausted",
        )
        again = await replayed(world, message)
        async with world.worker() as runner:
            assert await world.deliver(runner, again(1))
            assert await world.deliver(runner, again(2)), "delivered twice it is told twice"
        result = await last_result(world, "message/first")
        assert (result.status, len(result.orders), result.attempt) == (Status.SUCCEEDED, 1, 1)
        assert len(placed(world.gateway)) == 1
        document = await world.store.get(runs.path_of(ACCOUNT, "message/first"))
        assert document is not None
        (kept,) = runs.read(document).replays
        assert (kept.letter, kept.result.status) == ("9001", Status.FAILED)


async def test_an_order_that_was_rejected_stays_so_and_what_is_wanted_now_is_decided_anew(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        message = await rejected(world)
        (first,) = placed(world.gateway)
        again = await replayed(world, message)
        async with world.worker() as runner:
            assert await world.deliver(runner, again(1))
        result = await last_result(world, "message/first")
        (order,) = result.orders
        assert (result.status, order.state) == (Status.SUCCEEDED, OrderState.FILLED)
        assert order.reference != first.terms.order_ref, "no order has had another's reference"
        await world.all_is_well()


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_worker_may_die_at_any_call_of_a_replayed_run(tmp_path: Path, how: How) -> None:
    at, met = 0, True
    while met:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        async with theatre(folder) as world:
            await with_a_history(world, **MANY)
            again = await replayed(world, await rejected(world))
            fate = Fate(at, how)
            async with world.worker(fate) as runner:
                taken = await world.deliver(runner, again(1))
            met = fate.is_met
            if not taken:
                await world.until_acknowledged(again)
            await world.until_swept()
            result = await last_result(world, "message/first")
            assert result.status is Status.SUCCEEDED, (at, result)
            filled = [order for order in placed(world.gateway, "MSFT") if order.filled]
            assert len(filled) == 1, at
            await world.all_is_well()
    assert at > 20


async def test_a_replay_that_is_never_published_has_its_end_all_the_same(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        await replayed(world, await rejected(world))
        await world.until_swept()
        assert await world.all_is_reported()
        await world.all_is_well()


async def test_a_letter_that_was_not_removed_after_its_replay_begins_no_second_run(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        message = await buried(world, SPY)
        again = await replayed(world, message)
        under_way = await read(world, message)
        assert (under_way.refusal and under_way.refusal.code) == "run-in-progress"
        async with world.worker() as runner:
            assert await world.deliver(runner, again(1))
        done = await read(world, message)
        assert (done.refusal and done.refusal.code) == "run-not-failed"
        with pytest.raises(Rejected, match="run-not-failed"):
            await replays(world).replay(done, message)
        assert len(placed(world.gateway)) == 1


async def test_a_run_with_an_order_in_doubt_or_one_that_stands_is_not_done_again(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        message = world.message(SPY, "doubt")
        async with world.worker(Fate(1, "after", "orders.place")) as runner:
            assert not await world.deliver(runner, message(1))
        world.gateway.restart(fresh=True)
        await world.until_acknowledged(message)
        assert (await world.the_result_of("message/doubt")).status is Status.UNRESOLVED
        letter = await read(world, letter_of(message(1), world.clock.now()))
        assert (letter.refusal and letter.refusal.code) == "run-not-failed"


async def test_a_failed_run_whose_order_still_stands_is_not_done_again(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        at_the_close = {**MANY, "order": {"type": "MOC", "tif": "DAY"}}
        await world.configured(**at_the_close)
        message = world.message(SPY, "stands")
        async with world.worker(Fate(1, "error", "orders.place")) as runner:
            await world.deliver(runner, message(DELIVERY_ATTEMPTS))
        letter = await read(world, letter_of(message(1), world.clock.now()))
        assert letter.refusal is not None
        assert letter.refusal.code in ("orders-open", "run-not-failed")


async def test_a_scheduled_letter_has_the_run_of_its_tick(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        attributes = {"schedule": "morning", "cron": "0 10 * * 1-5", "timeZone": "America/New_York"}
        first = world.message(SPY, "tick")(1)
        message = first.message.model_copy(update={"attributes": attributes})
        world.pass_time(3 * 3600)
        letter = await read(
            world, letter_of(first.model_copy(update={"message": message}), world.clock.now())
        )
        assert (letter.key and letter.key.text) == "schedule/morning/2026-11-23T15:00:00.000000Z"
        assert (letter.run, letter.refusal) == (None, None)


async def test_a_letter_without_an_identity_is_a_run_of_its_own_only_where_no_run_can_be_its(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        never = letter_of(world.message(SPY, "lost")(1), world.clock.now())
        letter = await read(world, never)
        assert (letter.key and letter.key.text.partition("/")[0], letter.refusal) == ("message", None)
        await buried(world, SPY)
        moved = {**never.attributes, "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-11-23T14:00:00Z"}
        other = ReceivedMessage(never.id, never.data, moved, never.published_at)
        unsure = await read(world, other)
        assert (unsure.refusal and unsure.refusal.code) == "run-unknown"


async def test_a_replay_is_as_old_as_its_publication_and_no_older(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        message = await buried(world, SPY)
        world.pass_time(3600)
        again = await replayed(world, message)
        world.pass_time(timedelta(minutes=11).total_seconds())
        async with world.worker() as runner:
            assert await world.deliver(runner, again(1))
        result = await last_result(world, "message/first")
        assert (result.status, placed(world.gateway)) == (Status.EXPIRED, [])


async def test_a_halted_account_is_not_traded_by_a_replay(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        message = await buried(world, SPY)
        await world.configured(TradingState.HALTED, **MANY)
        again = await replayed(world, message)
        async with world.worker() as runner:
            assert await world.deliver(runner, again(1))
        assert placed(world.gateway) == []
        assert (await last_result(world, "message/first")).reason.code == "halted"


async def test_letters_of_another_account_are_left_alone(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        message = world.message({**SPY}, "other")(1)
        named = message.model_copy(
            update={"message": message.message.model_copy(update={"attributes": {"account": "DU7"}})}
        )
        assert await replays(world).read([letter_of(named, world.clock.now())]) == []


async def test_a_letter_that_names_no_account_is_replayed_for_the_account_that_takes_such_messages_alone(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        message = letter_of(world.message({"intent": "close-all"}, "lost")(1), world.clock.now())
        other = Replays(world.store, world.clock, find_intents(), "DU7654321", takes_unnamed=False)
        (found,) = await other.read([message])
        assert (found.refusal and found.refusal.code, found.run) == ("account-missing", None)
        with pytest.raises(Rejected, match="TRADER_DEFAULT=true"):
            await other.replay(found, message)
        outgoing = await replays(world).replay(await read(world, message), message)
        assert outgoing.attributes["account"] == ACCOUNT, "no other worker takes what is published"


async def test_a_lost_message_that_became_two_letters_is_one_run(tmp_path: Path) -> None:
    """Forwarding to the dead letters happens at least once; the second has another id."""
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        lost = world.message(signal("MSFT"), "lost")(1)
        letters = [letter_of(lost, world.clock.now(), name) for name in ("9001", "9002")]
        again = [await replayed(world, letter) for letter in letters]
        async with world.worker() as runner:
            for deliver in again:
                assert await world.deliver(runner, deliver(1))
        assert len({result.id for result in await world.results()}) == 1
        assert len(placed(world.gateway, "MSFT")) == 1


async def test_a_failed_run_with_two_letters_is_opened_again_by_one_of_them(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        first = await buried(world, SPY)
        second = ReceivedMessage("9002", first.data, first.attributes, first.published_at)
        found = await replays(world).read([first, second])
        await replays(world).replay(found[0], first)
        with pytest.raises(Rejected, match="run-in-progress"):
            await replays(world).replay(found[1], second)
        left = await read(world, second)
        assert left.refusal is not None, "nor later, when it is looked at anew"


async def change(world: Theatre, run: str, **changes: Any) -> None:
    """Put ``changes`` into a run's document, as a person would, or an earlier doing that told much."""
    document = await world.store.get(runs.path_of(ACCOUNT, run))
    assert document is not None
    await world.store.commit([Update(document.path, {**document.data, **changes}, document.version)])


async def test_a_damaged_run_keeps_no_letter_but_its_own_from_being_replayed(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        named = await buried(world, {**SPY, "id": "named"}, "named")
        whole = await buried(world, {**SPY, "id": "whole"}, "whole")
        unnamed = await buried(world, SPY, "unnamed")
        for run in ("id/named", "message/unnamed"):
            await change(world, run, result=7)
        letters = [
            ReceivedMessage(f"900{n}", message.data, message.attributes, message.published_at)
            for n, message in enumerate((named, whole, unnamed))
        ]
        found = await replays(world).read(letters)
        codes = [letter.refusal and letter.refusal.code for letter in found]
        assert codes == ["document-damaged", None, "document-damaged"]


async def test_a_run_is_not_done_again_before_its_end_and_its_safety_step_are_told(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        halts: JsonObject = {
            "intent": "set-trading-state",
            "state": "halted",
            "reason": "it failed",
            "when": "always",
        }
        message = world.message({**SPY, "then": [halts]}, "first")
        async with world.worker(Fate(1, "refused", "market_data.bars")) as runner:
            runner.teller._ports = replace(runner.ports, publisher=Silent())
            assert not await world.deliver(runner, message(DELIVERY_ATTEMPTS))
        letter = letter_of(message(1), world.clock.now())
        untold = await read(world, letter)
        assert (untold.refusal and untold.refusal.code) == "run-in-progress"
        await world.until_swept()
        assert (await read(world, letter)).refusal is None
        follow_ups = world.topics.subscription(Topic.INTENTS).follow(wait=False)
        assert [sent.attributes["ce-id"] async for sent in follow_ups] == ["message/first/then/1"]


class Silent:
    """A topic that takes nothing."""

    async def publish(self, message: OutgoingMessage) -> str:
        raise TopicUnavailable("topic-unavailable", "the topic is down")


async def test_an_earlier_doing_with_much_to_tell_leaves_the_next_one_its_room(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        message = await buried(world, SPY)
        document = await world.store.get(runs.path_of(ACCOUNT, "message/first"))
        assert document is not None
        told = runs.read(document).result
        assert told is not None
        much: JsonObject = {"text": "x" * 500_000}
        at = write_time(world.clock.now())
        stage: JsonObject = {"name": "decide", "record": much, "orders": [], "decidedAt": at}
        result = {**told.to_json(), "outcome": much}
        await change(world, "message/first", result=result, plan={"stages": [stage]})
        await replayed(world, message)
        left = await world.store.get(runs.path_of(ACCOUNT, "message/first"))
        assert left is not None
        assert size_of(left.path, left.data) < MAX_DOCUMENT_BYTES / 4
        (earlier,) = runs.read(left).replays
        assert (earlier.result.status, earlier.result.reason) == (told.status, told.reason)


# -- what follows a replayed run, and what it writes ------------------------------------------------------


async def pass_on(world: Theatre, runner: Runner, seen: set[str]) -> list[str]:
    """Deliver each intent that runs have published, but those already ``seen``; return their run keys."""
    published = [m async for m in world.topics.subscription(Topic.INTENTS).follow(wait=False)]
    fresh = [message for message in published if message.id not in seen]
    for message in fresh:
        seen.add(message.id)
        follow_up = delivery(
            json.loads(message.data),
            attributes=message.attributes,
            message_id=message.id,
            published_at=message.published_at,
        )
        assert await world.deliver(runner, follow_up)
    return [message.attributes["ce-id"] for message in fresh]


def position(world: Theatre, symbol: str) -> Decimal:
    held = world.gateway.book.positions_of(ACCOUNT)
    return sum((p.quantity for p in held if p.contract.symbol == symbol), Decimal(0))


async def test_the_safety_step_after_a_replayed_run_is_carried_out_and_not_only_told_again(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        seen: set[str] = set()
        message = await buried(world, {**SPY, "then": [{"intent": "close-all", "when": "always"}]})
        async with world.worker() as runner:
            assert await pass_on(world, runner, seen) == ["message/first/then/1"]
        again = await replayed(world, message)
        async with world.worker() as runner:
            assert await world.deliver(runner, again(1))
            assert position(world, "SPY") != 0
            assert await pass_on(world, runner, seen) == ["message/first/again/1/then/1"]
        assert position(world, "SPY") == 0
        await world.all_is_well()


async def test_a_replayed_allocation_may_cross_inside_again(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**configuration({"a": 0.3, "b": 0.1}))
        misbehaves(world.gateway, "rejected-then-inactive")
        message = world.message(allocation("a", "b"), "first")
        async with world.worker() as runner:
            runner.strategies = {s.id: s for s in (long("a", "0.5"), long("b", "-0.5"))}
            assert await world.deliver(runner, message(1))
        world.gateway.faults = None
        again = await replayed(world, letter_of(message(1), world.clock.now()))
        async with world.worker() as runner:
            # By now they want more, so that more crosses.
            runner.strategies = {s.id: s for s in (long("a", "1"), long("b", "-1"))}
            assert await world.deliver(runner, again(1))
        assert (await last_result(world, "message/first")).status is Status.SUCCEEDED
        await world.all_is_well()


async def test_a_replayed_end_of_day_keeps_a_snapshot_of_its_own(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        flat = {**MANY, "enforceFlatEod": True}
        await world.configured(**flat)
        async with world.worker() as runner:
            assert await world.deliver(runner, world.message(SPY, "opens")(1))
        await world.configured(TradingState.HALTED, **flat)
        message = world.message({"intent": "eod-check"}, "first")
        async with world.worker() as runner:
            assert await world.deliver(runner, message(1))
        assert (await last_result(world, "message/first")).status is Status.FAILED
        await world.configured(**flat)
        again = await replayed(world, letter_of(message(1), world.clock.now()))
        async with world.worker() as runner:
            assert await world.deliver(runner, again(1))
        assert (await last_result(world, "message/first")).status is Status.SUCCEEDED
        kept = await world.store.query(f"accounts/{ACCOUNT}/snapshots")
        assert [document.data["run"] for document in kept] == ["message/first"] * 2


async def test_a_replayed_repair_books_what_differs_by_then_beside_what_it_booked_before(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        by_hand(world, "SPY", "BUY", 10)
        by_hand(world, "MSFT", "BUY", 10)
        by_hand(world, "MSFT", "SELL", 10, limit_price=10_000)  # it stays open, and so MSFT isn't repaired
        message = world.message(REPAIR, "first")
        async with world.worker() as runner:
            assert await world.deliver(runner, message(1))
        assert (await last_result(world, "message/first")).reason.code == "not-repaired"
        by_hand(world, "SPY", "BUY", 5)
        again = await replayed(world, letter_of(message(1), world.clock.now()))
        async with world.worker() as runner:
            assert await world.deliver(runner, again(1))
        held = holdings(await orderbook.all_fills(world.store, ACCOUNT))
        (spy,) = (p.contract for p in world.gateway.book.positions_of(ACCOUNT) if p.contract.symbol == "SPY")
        assert held[EXTERNAL, spy.con_id] == position(world, "SPY") == 15


def by_hand(world: Theatre, symbol: str, side: str, quantity: int, limit_price: int | None = None) -> None:
    """Somebody places an order at the gateway, which no longer knows what was executed."""
    order = {"symbol": symbol, "side": side, "quantity": quantity, "limit_price": limit_price}
    effects.perform(world.gateway, [ManualOrder.model_validate(order)])
    world.gateway.book.forget(world.gateway.clock.now())


# -- the trading state ------------------------------------------------------------------------------------


async def halted(world: Theatre) -> None:
    """A person halts the account."""
    now = world.clock.now()
    await records.set_trading_state(
        world.store, ACCOUNT, TradingState.HALTED, reason="news", published_at=now, at=now
    )


ACTIVE: JsonObject = {"intent": "set-trading-state", "state": "active", "reason": "the news are over"}


async def test_a_replayed_active_does_not_undo_a_halt_that_came_after_it(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(TradingState.HALTED, **MANY)
        world.pass_time(60)
        message = world.message(ACTIVE, "first")
        async with world.worker(Fate(1, "refused", "store.get")) as runner:
            assert not await world.deliver(runner, message(DELIVERY_ATTEMPTS))
        world.pass_time(3600)
        await halted(world)
        world.pass_time(60)
        letter = letter_of(message(1), world.clock.now())
        again = await replayed(world, letter)
        async with world.worker() as runner:
            assert await world.deliver(runner, again(1))
        assert (await last_result(world, "message/first")).reason.code == "state-not-newer"
        assert await records.trading_state(world.store, ACCOUNT) is TradingState.HALTED


async def test_the_replay_of_a_replay_is_as_old_as_the_first_message(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        lost = world.message(ACTIVE, "lost")(1)
        world.pass_time(3600)
        again = (await replayed(world, letter_of(lost, world.clock.now())))(1)
        world.pass_time(3600)
        twice = (await replayed(world, letter_of(again, world.clock.now(), "9002")))(1)
        assert twice.attributes["ce-firstpublished"] == lost.message.publish_time


async def test_a_follow_up_of_a_delayed_run_does_not_undo_a_halt_that_came_after_its_message(
    tmp_path: Path,
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(TradingState.REDUCE_ONLY, **MANY)
        world.pass_time(60)
        message = world.message({"intent": "trade-reconciliation", "then": [ACTIVE]}, "first")
        async with world.worker(Fate(1, "refused", "orders.look_up")) as runner:
            assert not await world.deliver(runner, message(1))
        world.pass_time(120)
        await halted(world)
        world.pass_time(120)
        async with world.worker() as runner:
            assert await world.deliver(runner, message(2))
            assert await pass_on(world, runner, set()) == ["message/first/then/1"]
        assert (await last_result(world, "message/first/then/1")).reason.code == "state-not-newer"
        assert await records.trading_state(world.store, ACCOUNT) is TradingState.HALTED


async def test_a_follow_up_loosens_what_was_set_before_its_message(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(TradingState.REDUCE_ONLY, **MANY)
        world.pass_time(60)
        async with world.worker() as runner:
            message = world.message({"intent": "trade-reconciliation", "then": [ACTIVE]}, "first")
            assert await world.deliver(runner, message(1))
            await pass_on(world, runner, set())
        assert await records.trading_state(world.store, ACCOUNT) is TradingState.ACTIVE
