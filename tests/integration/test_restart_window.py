"""In the gateway's restart window nothing is traded, be it there or not; what is there may be read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway_simulator.book import Position
from gateway_simulator.contracts import ContractQuery
from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from tests.support.gateway import ACCOUNT, QUICK, RunningWorker, running_worker
from tests.support.ib import simulated
from trader.domain.orders import OrderState

WINDOW = {"start": "10:00", "end": "10:30"}
"""Begins with the simulated gateways' time, in New York."""
SUMMARY = {"intent": "summary"}
SIGNAL = {"intent": "testsignalgenerator"}
CLOSE_ALL = {"intent": "close-all"}
ACTIVATE = {"intent": "set-trading-state", "state": "active", "reason": "test"}


@asynccontextmanager
async def in_the_window(gateway: Gateway, data_dir: Path, **window: Any) -> AsyncIterator[RunningWorker]:
    """A worker whose gateway is there, and may go at any moment."""
    durations = QUICK.model_copy(update={"settle_s": 0.05})
    async with (
        serve(gateway) as server,
        running_worker(gateway, server.port, data_dir, durations=durations) as worker,
    ):
        await worker.until_ready()
        await worker.configured(restartWindow={**WINDOW, **window})
        assert (await worker.push(ACTIVATE)).status_code == 204
        yield worker


async def test_trading_waits_for_the_windows_end_though_the_gateway_is_there(tmp_path: Path) -> None:
    gateway = simulated()
    async with in_the_window(gateway, tmp_path) as worker:
        gateway.clock.set(gateway.clock.now() + timedelta(minutes=25))
        asked = dict(gateway.requests)
        for attempt in (1, 2):
            sent_back = await worker.push(CLOSE_ALL, message_id="7", attempt=attempt)
            assert (sent_back.status_code, sent_back.text) == (503, "restart-window")
        assert "reqGlobalCancel" not in gateway.requests
        assert gateway.requests["placeOrder"] == 0
        assert gateway.requests["reqAllOpenOrders"] == asked["reqAllOpenOrders"], "nothing is settled either"

        gateway.clock.set(gateway.clock.now() + timedelta(minutes=5))
        assert (await worker.push(CLOSE_ALL, message_id="7", attempt=3)).status_code == 204
        result = (await worker.results())[-1]
        assert (result.id, result.status.value) == ("message/7", "succeeded")


async def test_in_the_window_reading_control_and_dry_runs_go_on_while_the_gateway_is_there(
    tmp_path: Path,
) -> None:
    async with in_the_window(simulated(), tmp_path) as worker:
        for body in (SUMMARY, ACTIVATE, {**SIGNAL, "dryRun": True}):
            assert (await worker.result_of(body)).status.value == "succeeded"


async def test_in_the_window_a_gateway_that_is_gone_is_restarting_and_comes_back(tmp_path: Path) -> None:
    gateway = simulated()
    async with in_the_window(gateway, tmp_path) as worker:
        gateway.go_down(10 * 60)
        answer = await worker.until_gateway_says("nothing listens")
        assert (answer["ready"], answer["gateway"], answer["code"]) == (
            False,
            "restart-window",
            "restart-window",
        )
        assert answer["since"] == "2026-11-23T15:00:00.000000Z"
        assert (await worker.push(SUMMARY)).text == "gateway-disconnected"
        gateway.clock.set(gateway.clock.now() + timedelta(minutes=31))
        await worker.until_ready()


async def test_readiness_tells_of_the_window_and_why_it_is_not_ready(tmp_path: Path) -> None:
    gateway = simulated()
    async with in_the_window(gateway, tmp_path) as worker:
        readiness = await worker.readiness()
        assert readiness.status_code == 503
        assert readiness.json() == {
            "ready": False,
            "gateway": "restart-window",
            "code": "restart-window",
            "since": "2026-11-23T15:00:00.000000Z",
            "reason": "it restarts between 10:00 and 10:30 America/New_York; so far: connected as client 1",
            "account": "DU1234567",
            "marketData": "ok",
            "refusal": None,
        }
        gateway.clock.set(gateway.clock.now() + timedelta(minutes=30))
        readiness = await worker.readiness()
        assert (readiness.status_code, readiness.json()["code"]) == (200, "")


async def test_a_run_that_a_restart_interrupts_is_settled_after_the_window(
    tmp_path: Path,
) -> None:
    gateway = simulated(("placeOrder", {"drop": {"when": "after"}}))
    hold(gateway, 100)
    window = {"start": "10:05", "end": "10:09"}
    async with in_the_window(gateway, tmp_path, **window) as worker:
        assert (await worker.push(CLOSE_ALL, message_id="8")).text == "gateway-disconnected"
        gateway.clock.set(gateway.clock.now() + timedelta(minutes=6))
        await worker.until_gateway_says("connected as client")
        asked = gateway.requests["reqCompletedOrders"]
        assert (await worker.push(CLOSE_ALL, message_id="8", attempt=2)).text == "restart-window"
        assert gateway.requests["reqCompletedOrders"] == asked

        gateway.clock.set(gateway.clock.now() + timedelta(minutes=3))
        answer = await worker.push(CLOSE_ALL, message_id="8", attempt=3)
        assert answer.status_code == 204, answer.text
        result = (await worker.results())[-1]
        assert [order.state for order in result.orders] == [OrderState.FILLED]
        assert [order.quantity for order in gateway.book.orders.values()] == [100]


def hold(gateway: Gateway, quantity: int) -> None:
    """Set a position of SPY."""
    [contract] = gateway.catalogue.find(ContractQuery(symbol="SPY", sec_type="STK", currency="USD"))
    held = Position(ACCOUNT, contract, Decimal(quantity), Decimal(100))
    gateway.book.positions[ACCOUNT, contract.con_id] = held
