"""Staying connected: whatever the gateway does, the state says so at once, and it mends by itself."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal

import pytest

from gateway_simulator.accounts import Account
from gateway_simulator.book import Position
from gateway_simulator.contracts import ContractQuery
from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from tests.support.ib import (
    OPEN,
    PATIENCE_S,
    GatewayTime,
    client,
    connected,
    drop,
    free_port,
    simulated,
    tell,
    until,
)
from trader.adapters.ib.session import Session
from trader.domain.errors import GatewayNotReady
from trader.domain.gateway import GatewayState
from trader.domain.instruments import Stock
from trader.domain.status import Mode

STARTUP = {
    "reqPositions": "positions",
    "reqAccountUpdates": "account values",
    "reqAllOpenOrders": "open orders",
    "reqCompletedOrders": "completed orders",
    "reqExecutions": "executions",
    "reqCurrentTime": "the time",
}
"""What is asked at the start, and how a person is told that one of it was not answered."""


def hold(gateway: Gateway, symbol: str, quantity: int) -> None:
    """Set a position as if it had been traded while nobody looked."""
    [contract] = gateway.catalogue.find(ContractQuery(symbol=symbol, sec_type="STK", currency="USD"))
    held = Position("DU1234567", contract, Decimal(quantity), Decimal(100))
    gateway.book.positions["DU1234567", contract.con_id] = held


async def test_a_gateway_that_is_logged_in_is_synchronised_and_ready() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        assert [status.state for status in worker.states] == [GatewayState.SYNCHRONISING, GatewayState.READY]
        status = worker.broker.status()
        assert (status.account, status.code) == ("DU1234567", "")
        worker.broker.require_ready()


async def test_a_gateway_that_comes_later_is_found() -> None:
    gateway, port = simulated(), free_port()
    async with client(port, clock=GatewayTime(gateway)) as worker:
        await worker.reaches(GatewayState.DISCONNECTED)
        async with serve(gateway, port=port):
            await worker.ready()


class HastyTime(GatewayTime):
    """Waits no time, but remembers how long it should have."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self.slept: list[float] = []
        self.passed_s = 0.0

    def monotonic(self) -> float:
        return self.passed_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


async def test_it_is_tried_less_and_less_often_until_it_was_ready_and_at_once_after_it_was_steady() -> None:
    gateway, port = simulated(), free_port()
    clock = HastyTime(gateway)
    async with client(port, clock=clock) as worker:
        await until(lambda: len(clock.slept) >= 8)
        assert clock.slept[:8] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]

        async with serve(gateway, port=port):
            await worker.ready()
            clock.slept.clear()
            drop(gateway)
            await worker.ready()
            assert clock.slept == [0.2]

            clock.passed_s += 1
            clock.slept.clear()
            drop(gateway)
            await worker.reaches(GatewayState.DISCONNECTED)
            await worker.ready()
            assert clock.slept == []


async def test_a_dropped_connection_is_made_again_with_the_state_of_then() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        gateway.accounts["DU1234567"].post("CHF", Decimal(5000))
        drop(gateway)

        await worker.reaches(GatewayState.DISCONNECTED, "gateway-disconnected")
        await worker.ready()
        assert worker.broker.account().value("TotalCashBalance", "CHF") == 5000


async def test_a_value_that_changes_is_answered_from_then_on() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        assert worker.broker.account().value("TotalCashBalance", "CHF") is None
        gateway.accounts["DU1234567"].post("CHF", Decimal(5000))
        gateway.announcer.tell_accounts()

        await until(lambda: worker.broker.account().value("TotalCashBalance", "CHF") == 5000)


async def test_what_is_lost_can_not_be_read_for_a_moment_longer() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        seen: list[str] = []

        def look(*_: object) -> None:
            # Called by ib_insync in the very moment in which it empties all that it knew.
            with pytest.raises(GatewayNotReady) as refused:
                worker.broker.positions()
            seen.append(refused.value.code)

        worker.connection.session().ib.disconnectedEvent += look
        worker.connection.session().ib.client.conn.disconnected += look
        drop(gateway)
        await worker.reaches(GatewayState.DISCONNECTED)

        assert set(seen) == {"gateway-disconnected"}


async def test_a_client_id_in_use_fails_fast_and_is_taken_once_it_is_free() -> None:
    gateway = simulated()
    async with serve(gateway) as server, AsyncExitStack() as first:
        await (await first.enter_async_context(client(server.port, clock=GatewayTime(gateway)))).ready()
        async with client(server.port, clock=GatewayTime(gateway)) as second:
            status = await second.reaches(GatewayState.DISCONNECTED, "client-id-in-use")

            assert "client id 1 is in use" in status.reason
            await first.aclose()
            await second.ready()


@pytest.mark.parametrize("request_name", STARTUP)
async def test_nothing_is_ready_while_a_start_up_request_was_not_answered(request_name: str) -> None:
    gateway = simulated((request_name, "silent"))
    clock = GatewayTime(gateway)
    async with serve(gateway) as server, client(server.port, clock=clock, broker_call_s=0.2) as worker:
        status = await worker.reaches(GatewayState.DISCONNECTED, "gateway-silent")

        assert GatewayState.READY not in [entered.state for entered in worker.states]
        assert f"did not answer a request for {STARTUP[request_name]}" in status.reason
        await worker.ready()


async def test_a_start_up_request_that_is_refused_is_no_empty_account_and_no_single_contracts_error() -> None:
    gateway = simulated(("reqExecutions", {"reject": {"code": 321, "message": "the API is read-only"}}))
    async with serve(gateway) as server, client(server.port, clock=GatewayTime(gateway)) as worker:
        status = await worker.reaches(GatewayState.DISCONNECTED, "gateway-broken")

        assert "321: the API is read-only" in status.reason
        await worker.ready()


async def test_a_mistake_of_ours_does_not_end_the_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = simulated()
    once = iter([RuntimeError("surprise")])
    synchronise = Session.synchronise

    async def fail_once(session: Session) -> None:
        for error in once:
            raise error
        await synchronise(session)

    monkeypatch.setattr(Session, "synchronise", fail_once)
    async with serve(gateway) as server, client(server.port, clock=GatewayTime(gateway)) as worker:
        status = await worker.reaches(GatewayState.DISCONNECTED, "gateway-broken")

        assert "surprise" in status.reason
        await worker.ready()


async def test_a_gateway_that_falls_silent_is_found_and_connected_to_again() -> None:
    # The first question for the time is the check of the clock at the login.
    gateway = simulated(({"event": "reqCurrentTime", "nth": 3}, "silent"))
    async with connected(gateway, heartbeat_s=0.01, broker_call_s=0.2) as worker:
        await worker.reaches(GatewayState.DISCONNECTED, "gateway-silent")
        await worker.ready()
        assert gateway.requests["connect"] == 2


async def test_a_gateway_that_is_logged_out_waits_for_a_login_and_is_found_again() -> None:
    gateway = simulated(({"event": "reqCurrentTime", "nth": 2}, {"no_login": {"seconds": 60}}))
    async with connected(gateway, connect_s=0.2, broker_call_s=0.2, heartbeat_s=0.01) as worker:
        await worker.reaches(GatewayState.LOGIN_REQUIRED, "gateway-login-required")
        gateway.clock.set(OPEN + timedelta(minutes=2))
        await worker.ready()


async def test_a_gateway_that_loses_the_broker_is_degraded_though_the_socket_is_open() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        tell(gateway, 1100)
        await worker.reaches(GatewayState.DEGRADED, "gateway-lost-broker")

        assert worker.broker.status().account == "DU1234567"
        with pytest.raises(GatewayNotReady, match="gateway-lost-broker"):
            worker.broker.positions()


@pytest.mark.parametrize("restored", [1101, 1102])
async def test_what_happened_in_an_outage_is_known_before_anything_is_ready_again(restored: int) -> None:
    gateway = simulated()
    hold(gateway, "SPY", 100)
    hold(gateway, "VIXY", 50)
    async with connected(gateway) as worker:
        tell(gateway, 1100)
        await worker.reaches(GatewayState.DEGRADED)
        hold(gateway, "SPY", 0)
        hold(gateway, "VIXY", 70)
        tell(gateway, restored)

        await worker.reaches(GatewayState.SYNCHRONISING, "gateway-not-synchronised")
        await worker.ready()
        assert [(p.symbol, p.quantity) for p in worker.broker.positions()] == [("VIXY", Decimal(70))]
        assert gateway.requests["connect"] == 1
        assert gateway.requests["reqAccountSummary"] == 0


async def test_an_outage_in_the_middle_of_a_synchronisation_makes_it_start_again() -> None:
    gateway = simulated(("reqCompletedOrders", [{"notice": {"code": 1100}}, {"notice": {"code": 1102}}]))
    async with connected(gateway) as worker:
        assert gateway.requests["reqPositions"] == 2
        assert worker.broker.status().ready


async def test_a_gateway_without_its_broker_at_the_login_is_degraded_until_it_is_back() -> None:
    gateway = simulated(("startApi", {"later": {"seconds": 0, "then": [{"notice": {"code": 2110}}]}}))
    async with serve(gateway) as server, client(server.port, clock=GatewayTime(gateway)) as worker:
        await worker.reaches(GatewayState.DEGRADED)
        tell(gateway, 1102)
        await worker.ready()


@pytest.mark.parametrize("code", [2103, 2105, 2157])
async def test_a_broken_data_farm_is_told_but_nothing_is_torn_down(code: int) -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        tell(gateway, code, "Market data farm connection is broken:usfarm")
        tell(gateway, 10182, "Failed to request live updates (disconnected).")
        await worker.market_data.contract(Stock("SPY"))

        assert worker.broker.status().ready
        assert worker.broker.status().market_data == "broken: live updates, usfarm"
        tell(gateway, 2104, "Market data farm connection is OK:usfarm")
        await worker.market_data.contract(Stock("VIXY"))
        assert worker.broker.status().market_data == "ok"
        assert len(worker.states) == 2


@pytest.mark.parametrize(
    ("accounts", "configured", "mode", "code"),
    [
        (("DU1", "DU2"), "DU9", Mode.PAPER, "account-mismatch"),
        (("U1",), None, Mode.PAPER, "mode-mismatch"),
        (("DU1",), None, Mode.LIVE, "mode-mismatch"),
    ],
)
async def test_an_account_that_was_not_meant_is_refused_and_never_read(
    accounts: tuple[str, ...], configured: str | None, mode: Mode, code: str
) -> None:
    gateway = simulated(accounts={name: Account(name) for name in accounts})
    clock = GatewayTime(gateway)
    async with (
        serve(gateway) as server,
        client(server.port, clock=clock, account=configured, mode=mode) as worker,
    ):
        await worker.reaches(GatewayState.REFUSED, code)

        with pytest.raises(GatewayNotReady, match=code):
            worker.broker.account()
        assert gateway.requests["reqAccountUpdates"] == 0


async def test_the_configured_account_is_read_among_several() -> None:
    gateway = simulated(
        accounts={name: Account(name, "EUR", {"EUR": Decimal(len(name))}) for name in ("DU1", "DU22")}
    )
    async with connected(gateway, account="DU22") as worker:
        account = worker.broker.account()

        assert (account.id, account.value("TotalCashBalance", "EUR")) == ("DU22", Decimal(4))


@pytest.mark.parametrize("ahead_s", [3600, -3600, 7])
async def test_clocks_that_differ_are_refused(ahead_s: float) -> None:
    gateway = simulated()
    clock = GatewayTime(gateway, ahead_s=ahead_s)
    async with serve(gateway) as server, client(server.port, clock=clock) as worker:
        status = await worker.reaches(GatewayState.REFUSED, "clock-skew")

        assert "set this machine's clock" in status.reason


async def test_clocks_that_part_later_are_found() -> None:
    gateway = simulated()
    clock = GatewayTime(gateway)
    async with serve(gateway) as server, client(server.port, clock=clock, heartbeat_s=0.05) as worker:
        await worker.ready()
        clock.ahead(60)
        await worker.reaches(GatewayState.REFUSED, "clock-skew")
        with pytest.raises(GatewayNotReady, match="clock-skew"):
            worker.broker.require_ready()
        clock.ahead(0)
        await worker.ready()


@pytest.mark.parametrize("request_name", ["connect", "startApi", *STARTUP])
async def test_a_worker_that_stops_while_it_waits_for_an_answer_leaves_nothing_behind(
    request_name: str,
) -> None:
    gateway = simulated((request_name, "silent"))
    async with serve(gateway) as server, client(server.port, clock=GatewayTime(gateway)):
        await until(lambda: gateway.requests[request_name] > 0)


async def test_a_worker_that_stops_has_closed_its_socket() -> None:
    async with connected(simulated()) as worker:
        socket = worker.connection.session().ib.client.conn
        await worker.connection.close()

        assert socket.transport is None
        with pytest.raises(GatewayNotReady, match=r"gateway-disconnected: .*the worker is stopping"):
            worker.broker.require_ready()


async def test_a_gateway_that_takes_nothing_any_more_does_not_hold_up_the_end() -> None:
    gateway = simulated()
    async with connected(gateway) as worker:
        for session in gateway.sessions:
            assert session._transport is not None
            session._transport.pause_reading()
        socket = worker.connection.session().ib.client.conn.transport
        assert socket is not None
        socket.write(bytes(50_000_000))

        async with asyncio.timeout(PATIENCE_S):
            await worker.connection.close()


async def test_who_waits_for_an_answer_is_told_when_we_give_the_connection_up() -> None:
    gateway = simulated(("reqContractDetails", "silent"))
    clock = GatewayTime(gateway)
    async with serve(gateway) as server, client(server.port, clock=clock, heartbeat_s=0.05) as worker:
        await worker.ready()
        asking = asyncio.ensure_future(worker.market_data.contract(Stock("SPY")))
        await until(lambda: gateway.requests["reqContractDetails"] == 1)
        clock.ahead(60)

        with pytest.raises(GatewayNotReady, match="gateway-disconnected"):
            await asking
