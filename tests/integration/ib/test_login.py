"""Gateways that can't be logged in to: each is told apart, nothing is ready, and it is tried again."""

import asyncio

import pytest

from tests.support.ib import client, free_port, raw_server
from trader.domain.errors import GatewayNotReady
from trader.domain.gateway import GatewayState


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4)


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def offer_an_old_version(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4)
    answer = b"100\x0020261123 10:00:00 EST\x00"
    writer.write(len(answer).to_bytes(4, "big") + answer)
    await reader.read()


async def test_where_nothing_listens_the_gateway_is_disconnected_and_says_where() -> None:
    port = free_port()
    async with client(port) as worker:
        status = await worker.reaches(GatewayState.DISCONNECTED)

        assert status.code == "gateway-disconnected"
        assert f"nothing listens at 127.0.0.1:{port}" in status.reason
        with pytest.raises(GatewayNotReady, match="gateway-disconnected"):
            worker.broker.require_ready()


async def test_a_gateway_that_hangs_up_at_once_fails_fast() -> None:
    async with raw_server(hang_up) as port, client(port) as worker:
        status = await worker.reaches(GatewayState.DISCONNECTED)

        assert (status.code, status.reason) == ("gateway-disconnected", "the gateway closed the connection")


async def test_a_gateway_that_accepts_but_never_answers_waits_for_a_login() -> None:
    async with raw_server(say_nothing) as port, client(port, connect_s=0.05) as worker:
        status = await worker.reaches(GatewayState.LOGIN_REQUIRED)

        assert status.code == "gateway-login-required"
        assert "log in to the gateway" in status.reason


async def test_a_gateway_that_is_too_old_fails_fast_and_says_so() -> None:
    async with raw_server(offer_an_old_version) as port, client(port) as worker:
        status = await worker.reaches(GatewayState.DISCONNECTED)

        assert "version" in status.reason


async def test_trouble_that_goes_on_is_one_state_since_it_began() -> None:
    tries = asyncio.Semaphore(0)

    async def count_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.release()

    async with raw_server(count_and_hang_up) as port, client(port) as worker:
        began = await worker.reaches(GatewayState.DISCONNECTED)
        for _ in range(3):
            await tries.acquire()

        assert [status.state for status in worker.states] == [GatewayState.DISCONNECTED]
        assert worker.broker.status().since == began.since
