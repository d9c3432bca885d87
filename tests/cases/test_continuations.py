"""Orders that a plan had no time for are decided on anew by a continuation, and none is sent twice."""

from pathlib import Path

from tests.support.play import CLOSE_ALL, QUICK, Play, playing, signal
from trader.domain.messages import Result
from trader.domain.orders import Order, OrderState
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.ports import Link

SLOW = QUICK.model_copy(update={"handler_s": 8.0})
THEN: JsonObject = {"intent": "summary"}


def runs_out_of_time_after(play: Play, count: int) -> None:
    """Let the deadline of the run under way pass as soon as ``count`` orders have gone."""
    orders = play.worker.worker.ports.orders
    real, placed = orders.place, []

    def place(order: Order, order_id: int, link: Link) -> None:
        real(order, order_id, link)
        placed.append(order)
        if len(placed) == count:
            play.world.clock.jump(SLOW.handler_s)

    orders.place = place  # type: ignore[method-assign]


async def runs_of(play: Play, message: str) -> list[Result]:
    return [result for result in await play.world.results() if message in result.id]


async def test_a_closing_that_runs_out_of_time_is_continued_until_all_is_closed(tmp_path: Path) -> None:
    async with playing(tmp_path, durations=SLOW) as play:
        await play.holds("SPY", "MSFT", "NVDA")
        before = len(play.placed())
        runs_out_of_time_after(play, 2)
        assert (await play.push({**CLOSE_ALL, "then": [THEN]}, "evening")).status_code == 204
        await play.pass_on()
        first, more, last = await runs_of(play, "evening")
        assert [first.id, more.id, last.id] == [
            "message/evening",
            "message/evening/more/1",
            "message/evening/then/1",
        ]
        assert [order.state for order in first.orders][-1] is OrderState.UNSENT
        assert {end.status for end in (first, more, last)} == {Status.SUCCEEDED}
        assert [play.position(symbol) for symbol in ("SPY", "MSFT", "NVDA")] == [0, 0, 0]
        assert len(play.placed()) == before + 3, "each was closed once"


async def test_a_run_that_got_no_order_off_in_its_time_fails_and_goes_on_with_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path, durations=SLOW) as play:
        orders = play.worker.worker.ports.orders
        real = orders.slot

        async def slot() -> None:
            await real()
            play.world.clock.jump(SLOW.handler_s)

        orders.slot = slot  # type: ignore[method-assign]
        result = await play.result(signal("MSFT"), "late")
        assert (result.status, result.reason and result.reason.code) == (Status.FAILED, "orders-rejected")
        await play.pass_on()
        assert len(await runs_of(play, "late")) == 1
        assert play.placed() == []
