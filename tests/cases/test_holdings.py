"""Hard histories of the books: late fills, corrections, strategies that net to zero, other hands."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from tests.support.crash import ACCOUNT, Fate, theatre
from tests.support.play import CLOSE_ALL, RECONCILE, REPAIR, Play, placed, playing, signal, with_a_history
from trader.domain.ledger import BookedFill
from trader.domain.messages import Result
from trader.domain.orders import OrderState
from trader.domain.status import Status
from trader.ports import Create
from trader.stored import orderbook

MSFT = signal("MSFT")
MSFT_ID = 272093


def code_of(result: Result) -> tuple[Status, str | None]:
    return result.status, result.reason.code if result.reason else None


async def test_a_corrected_price_changes_no_holding_and_causes_no_order(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        play.misbehaves("corrected-execution")
        (order,) = (await play.result(MSFT)).orders
        play.world.pass_time(6)
        await play.until(lambda: "99.5" in str(next(iter(play.gateway.book.executions.values())).price))
        assert (await play.result(MSFT)).orders == ()
        assert (await play.result(RECONCILE)).status is Status.SUCCEEDED
        assert await play.held() == {"testsignalgenerator": order.quantity}
        ((fill),) = await orderbook.all_fills(play.world.store, ACCOUNT)
        assert (fill.quantity, fill.price) == (order.quantity, Decimal("99.5"))


async def test_a_corrected_quantity_is_booked_as_the_difference(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        play.misbehaves("corrected-quantity")
        await play.result(MSFT)
        play.world.pass_time(6)
        await play.until(lambda: play.position("MSFT") == 2)
        assert code_of(await play.result(MSFT)) in [
            (Status.SUCCEEDED, None),
            (Status.REJECTED, "books-differ"),
        ]
        assert (await play.result(RECONCILE)).status is Status.SUCCEEDED
        assert await play.held() == {"testsignalgenerator": Decimal(2)}
        assert await play.locked() == []


async def test_a_correction_while_the_order_is_open_is_counted_once(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        play.misbehaves("partly-filled", "corrected-quantity")
        (order,) = (await play.result(MSFT)).orders
        assert order.state is OrderState.WORKING
        play.world.pass_time(6)
        await play.until(lambda: any(exec_id.endswith(".02") for exec_id in play.gateway.book.executions))
        play.gateway.faults = None
        closed = await play.result(CLOSE_ALL)
        assert closed.status is Status.SUCCEEDED, closed
        assert play.position("MSFT") == 0
        assert await play.held() == {}


@pytest.mark.case(10)
async def test_a_commission_that_comes_late_is_booked_apart(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        play.misbehaves("fill-reports-astray")
        await play.result(MSFT)
        play.world.pass_time(11)
        await play.result(RECONCILE)
        (fill,) = await orderbook.all_fills(play.world.store, ACCOUNT)
        assert fill.commission is not None
        assert fill.commission > 0


async def test_a_fill_that_shows_up_after_a_repair_is_not_booked_a_second_time(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await with_a_history(world)
        message = world.message(MSFT, "first")
        async with world.worker(Fate(1, "after", "orders.place")) as doomed:
            assert not await world.deliver(doomed, message(1))
        executions = dict(world.gateway.book.executions)
        world.gateway.restart(fresh=True)
        await world.until_acknowledged(message)
        assert (await world.the_result_of("message/first")).status is Status.UNRESOLVED
        async with world.worker() as runner:
            assert await world.deliver(runner, world.message(REPAIR, "repair")(1))
            repaired = await world.the_result_of("message/repair")
            assert repaired.status is Status.SUCCEEDED, repaired
            assert not await orderbook.contract_locks(world.store, ACCOUNT)
            await world.all_is_well()
        world.gateway.book.forgotten_before = world.clock.now().replace(year=2000)
        assert world.gateway.book.executions == executions
        async with world.worker() as runner:
            assert await world.deliver(runner, world.message(RECONCILE, "late")(1))
            assert await world.deliver(runner, world.message(MSFT, "second")(1))
        assert (await world.the_result_of("message/late")).status is Status.SUCCEEDED
        await world.all_is_well()
        assert not await orderbook.contract_locks(world.store, ACCOUNT)


async def books_of_two(play: Play, alpha: int, beta: int) -> None:
    """Book holdings of two strategies in MSFT that no order stands for: they were crossed inside."""
    for owner, quantity in (("alpha", alpha), ("beta", beta)):
        fill = BookedFill(
            stem=f"crossed-{owner}",
            exec_id=f"crossed-{owner}",
            order="",
            con_id=MSFT_ID,
            instrument="MSFT",
            currency="USD",
            quantity=Decimal(quantity),
            price=Decimal(300),
            at=play.world.clock.now(),
            shares={owner: Decimal(quantity)},
        )
        await play.world.store.commit([Create(orderbook.fill_path(ACCOUNT, fill.stem), fill.to_json())])


@pytest.mark.parametrize("strategies", [[], ["alpha"], ["beta"], ["alpha", "beta"]])
async def test_of_two_strategies_that_net_to_zero_nothing_is_sold_at_the_broker(
    tmp_path: Path, strategies: list[JsonValue]
) -> None:
    async with playing(tmp_path) as play:
        await books_of_two(play, 10, -10)
        result = await play.result({**CLOSE_ALL, **({"strategies": strategies} if strategies else {})})
        assert play.gateway.requests["placeOrder"] == 0
        residue: Any = (result.outcome or {})["residue"]
        assert [line["code"] for line in residue] == ["beyond-position"] * len(strategies)
        assert code_of(result) == ((Status.FAILED, "residue") if strategies else (Status.SUCCEEDED, None))


async def test_of_two_strategies_only_what_the_position_has_is_closed_and_the_rest_is_told(
    tmp_path: Path,
) -> None:
    async with playing(tmp_path) as play:
        play.manual("MSFT", "BUY", Decimal(4))
        await play.until(lambda: play.position("MSFT") == 4)
        await books_of_two(play, 10, -6)
        result = await play.result({**CLOSE_ALL, "strategies": ["alpha"]})
        assert [order.filled for order in result.orders] == [Decimal(-4)]
        residue: Any = (result.outcome or {})["residue"]
        assert [(line["instrument"], line["quantity"]) for line in residue] == [("MSFT", "6")]
        assert code_of(result) == (Status.FAILED, "residue")
        assert await play.held() == {"alpha": Decimal(6), "beta": Decimal(-6)}
        assert play.position("MSFT") == 0


@pytest.mark.case(15)
async def test_what_other_hands_did_is_external_and_closes_the_contract_until_it_is_booked(
    tmp_path: Path,
) -> None:
    async with playing(tmp_path) as play:
        play.manual("MSFT", "BUY", Decimal(5))
        await play.until(lambda: play.position("MSFT") == 5)
        assert code_of(await play.result(MSFT)) == (Status.REJECTED, "books-differ")
        assert (await play.result(RECONCILE)).status is Status.SUCCEEDED
        assert await play.held() == {"EXTERNAL": Decimal(5)}
        (order,) = (await play.result(MSFT)).orders
        assert await play.held() == {"EXTERNAL": Decimal(5), "testsignalgenerator": order.quantity}
        assert len(placed(play.gateway)) == 1
