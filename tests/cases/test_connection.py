"""What the connection did to others: drops, restarts, outages, logins, silence."""

import asyncio
from pathlib import Path

import pytest

from tests.support.play import CLOSE_ALL, QUICK, SIGNAL, SILENT, SYMBOLS, Play, playing, signal
from trader.domain.messages import Result
from trader.domain.orders import OrderState
from trader.domain.status import Status


def is_closed(play: Play, result: Result) -> None:
    """Each position was closed by one order, whatever it took to send it."""
    assert result.status is Status.SUCCEEDED, result
    assert [order.state for order in result.orders] == [OrderState.FILLED] * len(SYMBOLS)
    assert not any(play.position(symbol) for symbol in SYMBOLS)
    assert all(len(play.placed(symbol)) == 2 for symbol in SYMBOLS), "one that opened it, one that closed it"


@pytest.mark.case(1)
async def test_orders_that_waited_when_the_socket_dropped_are_each_sent_once(tmp_path: Path) -> None:
    # measured with ib_insync 0.9.86: of 100 orders 62 never left
    async with playing(tmp_path) as play:
        await play.holds(*SYMBOLS)
        play.misbehaves("drops-while-orders-wait")
        assert (await play.push(CLOSE_ALL, "close")).status_code == 503
        assert len(play.placed()) == len(SYMBOLS) + 2, "two had got through"
        is_closed(play, await play.result(CLOSE_ALL, "close"))
        assert await play.held() == {}


@pytest.mark.case(2)
async def test_orders_lost_in_a_restart_are_proven_lost_and_sent_once(tmp_path: Path) -> None:
    # QuantConnect/Lean.Brokerages.InteractiveBrokers issue 242
    async with playing(tmp_path) as play:
        await play.holds(*SYMBOLS)
        play.misbehaves("restart-loses-a-second")
        assert (await play.push(CLOSE_ALL, "close")).status_code == 503
        counted = play.gateway.book.next_order_id
        play.world.pass_time(6)
        is_closed(play, await play.result(CLOSE_ALL, "close"))
        assert play.placed()[-1].order_id >= counted, "under ids that the lost ones had, or later ones"


@pytest.mark.case(2)
async def test_ids_that_count_from_the_start_again_prove_nothing_and_mix_nothing(tmp_path: Path) -> None:
    # QuantConnect/Lean.Brokerages.InteractiveBrokers issue 242
    async with playing(tmp_path) as play:
        await play.holds(*SYMBOLS)
        older = [order.order_id for order in play.placed()]
        play.misbehaves("restart-rolls-ids-back")
        assert (await play.push(CLOSE_ALL, "close")).status_code == 503
        play.world.pass_time(6)
        lost = await play.result(CLOSE_ALL, "close")
        assert lost.status is Status.UNRESOLVED
        in_doubt = [order for order in lost.orders if order.state is OrderState.UNRESOLVED]
        assert sorted(order.instrument for order in in_doubt) == await play.locked()
        fresh = await play.result(signal("AAPL"))
        (order,) = fresh.orders
        (placed,) = play.placed("AAPL")
        assert placed.order_id < max(older), "ids of before are used again"
        assert (order.state, order.filled) == (OrderState.FILLED, order.quantity)
        assert len(play.placed()) == len(SYMBOLS) + 3, "nothing in doubt was sent again"


@pytest.mark.case(3)
@pytest.mark.parametrize("scenario", ["fills-during-an-outage", "fills-during-an-outage-data-lost"])
async def test_fills_of_an_outage_are_booked_before_any_new_order(tmp_path: Path, scenario: str) -> None:
    # QuantConnect/Lean.Brokerages.InteractiveBrokers issue 249; back with 1102, and with 1101
    async with playing(tmp_path) as play:
        play.misbehaves(scenario)
        first = asyncio.create_task(play.push(signal("MSFT"), "first"))
        await play.worker.until_gateway_is("degraded")
        assert (await first).status_code == 503
        assert (await play.push(signal("MSFT"), "second")).status_code == 503
        play.world.pass_time(10)
        await play.until(lambda: play.placed("MSFT")[0].status.value == "Filled")
        assert (await play.push(signal("MSFT"), "second")).status_code == 503
        play.world.pass_time(21)
        second = await play.result(signal("MSFT"), "second")
        (placed,) = play.placed("MSFT")
        assert (second.status, second.orders) == (Status.SUCCEEDED, ()), "what it wants is held already"
        assert sum((await play.held()).values()) == placed.quantity
        (order,) = (await play.result(signal("MSFT"), "first")).orders
        assert (order.state, order.filled) == (OrderState.FILLED, placed.quantity)


@pytest.mark.case(7)
async def test_a_client_id_still_in_use_is_said_at_once_and_tried_again(tmp_path: Path) -> None:
    # nautechsystems/nautilus_trader issues 3796 and 4210
    async with playing(tmp_path, "client-id-in-use", ready=False) as play:
        await play.worker.until_gateway_is("disconnected")
        readiness = await play.worker.readiness()
        assert readiness.status_code == 503
        assert "client id 1 is in use" in readiness.json()["reason"]
        answer = await play.push(SIGNAL, "first")
        assert (answer.status_code, answer.text) == (503, "client-id-in-use")
        assert play.gateway.requests["placeOrder"] == 0
        assert (await play.result(SIGNAL, "first")).status is Status.SUCCEEDED
        assert play.gateway.requests["startApi"] == 3, "two were refused"


@pytest.mark.case(8)
async def test_a_login_that_a_person_must_approve_is_told_and_nothing_is_sent(tmp_path: Path) -> None:
    # IbcAlpha/IBC issue 292
    quick = QUICK.model_copy(update={"connect_s": 0.1})
    async with playing(tmp_path, "second-factor-pending", ready=False, durations=quick) as play:
        await play.worker.until_gateway_is("login-required")
        answer = await play.push(SIGNAL, "first")
        assert (answer.status_code, answer.text) == (503, "gateway-login-required")
        assert (await play.worker.readiness()).status_code == 503
        assert play.gateway.requests["placeOrder"] == 0
        play.world.pass_time(121)
        assert (await play.result(SIGNAL, "first")).status is Status.SUCCEEDED
        assert len(play.placed()) == 1
        assert "login-required" in await play.world.gateway_events()


@pytest.mark.case(9)
async def test_data_farms_that_flap_tear_nothing_down(tmp_path: Path) -> None:
    # nautechsystems/nautilus_trader issue 4412
    async with playing(tmp_path, "data-farms-flap") as play:
        play.world.pass_time(5)
        await play.until(lambda: play.worker.worker.ports.broker.status().market_data != "ok")
        assert (await play.worker.readiness()).status_code == 200
        bought = await play.result(signal("MSFT"))
        flat = await play.result(CLOSE_ALL)
        play.world.pass_time(3)
        assert [bought.status, flat.status] == [Status.SUCCEEDED] * 2
        assert play.position("MSFT") == 0
        assert play.gateway.requests["connect"] == 1


@pytest.mark.case(16)
async def test_a_session_that_is_taken_over_leaves_no_half_run(tmp_path: Path) -> None:
    # gnzsnz/ib-gateway-docker issue 269
    quick = QUICK.model_copy(update={"connect_s": 0.1, "order_wait_s": 60})
    async with playing(tmp_path, durations=quick) as play:
        play.misbehaves("competing-session", "partly-filled")
        running = asyncio.create_task(play.push(signal("MSFT"), "first"))
        await play.until(play.placed)
        play.world.pass_time(30)
        assert (await running).status_code == 503
        assert (await play.worker.readiness()).status_code == 503
        assert (await play.push(signal("MSFT"), "first")).status_code == 503
        assert (await play.push(CLOSE_ALL, "close")).status_code == 503
        assert len(play.placed()) == 1
        play.world.pass_time(300)
        await play.worker.until_ready()
        play.gateway.faults = None
        flat = await play.result(CLOSE_ALL, "close")
        assert flat.status is Status.SUCCEEDED
        (order,) = (await play.result(signal("MSFT"), "first")).orders
        opened, closed = play.placed("MSFT")
        assert (order.state, order.filled) == (OrderState.CANCELLED, opened.filled)
        assert closed.quantity == opened.filled
        assert play.position("MSFT") == 0
        assert "session-lost" in await play.world.gateway_events()


@pytest.mark.case(20)
async def test_silence_before_an_order_is_a_503_in_bounded_time(tmp_path: Path) -> None:
    # measured: nothing in the connection ends such a wait
    async with playing(tmp_path, "silence-before-an-order", durations=SILENT) as play, asyncio.timeout(60):
        answer = await play.push(SIGNAL, "first")
        assert (answer.status_code, answer.text) == (503, "gateway-silent")
        assert play.gateway.requests["placeOrder"] == 0


@pytest.mark.case(20)
async def test_silence_after_an_order_ends_unresolved_and_is_resolved_by_the_brokers_word(
    tmp_path: Path,
) -> None:
    # measured: nothing in the connection ends such a wait
    async with playing(tmp_path, durations=SILENT) as play, asyncio.timeout(60):
        await play.holds(*SYMBOLS)
        play.misbehaves("silence")
        assert (await play.push(CLOSE_ALL, "close")).status_code == 503
        assert (await play.push(CLOSE_ALL, "close", attempt=100)).status_code == 503, "to the dead letters"
        result = await play.world.the_result_of("message/close")
        assert result.status is Status.UNRESOLVED
        assert await play.locked() == sorted(SYMBOLS)
        sent = len(play.placed())
        play.gateway.is_frozen = False
        await play.result(signal("AAPL"))
        assert len(play.placed()) == sent + 1, "what was in doubt wasn't sent again"
        stood = [symbol for symbol in SYMBOLS if not play.position(symbol)]
        assert len(stood) == 3, "of five, two never arrived"
        resolved = [message for event, message in await play.world.alerts() if event == "order-resolved"]
        assert len(resolved) == 3
