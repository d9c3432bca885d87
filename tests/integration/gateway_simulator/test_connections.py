"""Connections: who is let in, what one client sees of another, and what garbage does."""

import pytest
from ib_insync import IB, LimitOrder, RequestError

from gateway_simulator.accounts import parse_accounts
from gateway_simulator.server import serve
from gateway_simulator.wire import requests, responses
from tests.support.raw import raw
from tests.support.simulator import (
    OPEN,
    SPY,
    client,
    connected,
    ended,
    qualified,
    simulated,
    until,
)


async def test_a_client_is_told_its_accounts_and_its_next_order_id() -> None:
    accounts = parse_accounts(["DU1:USD:1", "DU2:EUR:2"])
    async with connected(simulated(accounts=accounts, first_order_id=40)) as ib:
        assert ib.managedAccounts() == ["DU1", "DU2"]
        assert ib.client.getReqId() >= 40
        assert await ib.reqCurrentTimeAsync() == OPEN


async def test_each_request_is_counted_by_its_name() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        await ib.reqCurrentTimeAsync()
        await ib.reqCurrentTimeAsync()
    assert gateway.requests["reqCurrentTime"] == 2
    assert gateway.requests["connect"] == gateway.requests["startApi"] == 1


async def test_a_second_connection_with_the_same_client_id_is_refused() -> None:
    async with serve(simulated()) as server, client(server, 7) as first, raw(server) as second:
        second.greet()
        second.send(requests.StartApi(client_id=7))
        refused = await second.error(326)
        await second.end()
        assert refused.req_id == -1
        assert first.isConnected()


async def test_a_client_id_is_free_again_once_its_connection_is_gone() -> None:
    gateway = simulated()
    async with serve(gateway) as server:
        async with client(server, 7):
            pass
        await until(lambda: not gateway.sessions)
        async with client(server, 7) as again:
            assert again.isConnected()


async def test_a_client_sees_only_its_own_orders_unless_it_asks_for_all() -> None:
    async with serve(simulated()) as server, client(server, 1) as one, client(server, 2) as two:
        spy = await qualified(one, SPY)
        trade = one.placeOrder(spy, LimitOrder("BUY", 10, 1, tif="DAY", orderRef="mine"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        assert await two.reqOpenOrdersAsync() == []
        [seen] = await two.reqAllOpenOrdersAsync()
        assert (seen.order.clientId, seen.order.orderRef) == (1, "mine")
        assert two.client.getReqId() > trade.order.orderId  # so that ids stay apart


async def test_every_client_sees_the_positions_that_another_one_makes() -> None:
    async with serve(simulated()) as server, client(server, 1) as one, client(server, 2) as two:
        spy = await qualified(one, SPY)
        await ended(one.placeOrder(spy, LimitOrder("BUY", 10, 10_000, tif="DAY")))
        await until(two.positions)
        assert [p.position for p in two.positions()] == [10]


@pytest.mark.parametrize("fields", [["999", "1"], ["", ""], ["hello"]])
async def test_an_unknown_request_is_answered_and_the_connection_lives(fields: list[str]) -> None:
    gateway = simulated()
    async with serve(gateway) as server, raw(server) as odd:
        odd.greet()
        odd.send(requests.StartApi(client_id=1))
        odd.write(*fields)
        assert (await odd.error(320)).req_id == -1
        odd.write("3", "too", "short")
        await odd.error(320)
        assert gateway.requests["unreadable"] == 2
        assert len(gateway.sessions) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"API\0\xff\xff\xff\xff",
        b"API\0\0\0\0\x05v1..2",
        b"API\0\0\0\0\x05hello",
    ],
)
async def test_what_speaks_another_language_is_hung_up_on_and_the_gateway_lives(data: bytes) -> None:
    gateway = simulated()
    async with serve(gateway) as server, raw(server) as odd:
        odd.garbage(data)
        await odd.end()
        async with client(server) as ib:
            assert ib.isConnected()
        assert gateway.requests["unreadable"] == 1


async def test_nothing_is_answered_before_the_client_has_said_who_it_is() -> None:
    async with serve(simulated()) as server, raw(server) as early:
        early.greet()
        early.send(requests.ReqExecutions(req_id=5))
        assert (await early.error(504)).req_id == 5


async def test_a_gateway_can_be_pinned_to_an_old_version() -> None:
    async with connected(simulated(max_version=163)) as ib:
        assert ib.client.serverVersion() == 163


async def test_all_connections_close_with_the_gateway() -> None:
    ib = IB()  # type: ignore[no-untyped-call]
    async with serve(simulated()) as server:
        await ib.connectAsync(server.host, server.port, clientId=1)
    await until(lambda: not ib.isConnected())


async def test_a_request_that_is_not_simulated_is_answered_with_its_id() -> None:
    gateway = simulated()
    async with connected(gateway) as ib:
        with pytest.raises(RequestError, match="reqHeadTimeStamp is not simulated"):
            await ib.reqHeadTimeStampAsync(SPY, "TRADES", useRTH=True, formatDate=1)
    assert gateway.requests["reqHeadTimeStamp"] == 1


async def test_a_client_that_reads_nothing_does_not_keep_the_gateway_from_ending() -> None:
    gateway = simulated()
    async with serve(gateway) as server, raw(server) as stuck:
        stuck.greet()
        for _ in range(2):
            stuck.send(requests.StartApi(client_id=1))
        await until(lambda: gateway.requests["startApi"] == 2)
        for session in gateway.sessions:
            session.send(*[responses.Error(text="x" * 1000)] * 10_000)


async def test_a_request_that_fails_inside_is_answered_and_the_connection_lives(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = simulated()
    async with connected(gateway) as ib:

        def fail() -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(gateway, "midnight", fail)
        with pytest.raises(RequestError, match="322"):
            await ib.reqExecutionsAsync()
        monkeypatch.undo()
        assert await ib.reqExecutionsAsync() == []
    assert "reqExecutions of client 1" in caplog.text
    caplog.clear()
