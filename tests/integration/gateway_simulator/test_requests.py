"""Requests that ib_insync has no method for, or hides: each said in the protocol's own words."""

from decimal import Decimal

import pytest

from gateway_simulator.book import Position
from gateway_simulator.contracts import ContractQuery
from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from gateway_simulator.wire import requests, responses
from gateway_simulator.wire.contracts import AskedContract
from gateway_simulator.wire.layout import Message
from gateway_simulator.wire.orders import PlaceOrder
from tests.support.raw import let_in
from tests.support.simulator import simulated

STOCK = AskedContract(symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")


def holding(gateway: Gateway) -> Gateway:
    """The gateway, with a position."""
    [contract] = gateway.catalogue.find(ContractQuery(symbol="SPY", sec_type="STK"))
    held = Position("DU1234567", contract, Decimal(7), Decimal(500))
    gateway.book.positions["DU1234567", contract.con_id] = held
    return gateway


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (requests.ReqIds(count=1), responses.NextValidId(order_id=1)),
        (requests.ReqManagedAccts(), responses.ManagedAccounts(accounts="DU1234567")),
        (requests.ReqOpenOrders(), responses.OpenOrderEnd()),
        (requests.ReqAllOpenOrders(), responses.OpenOrderEnd()),
        (requests.ReqCompletedOrders(), responses.CompletedOrdersEnd()),
        (requests.ReqExecutions(req_id=5), responses.ExecDetailsEnd(req_id=5)),
        (requests.ReqPositions(), responses.PositionEnd()),
        (requests.ReqPositionsMulti(req_id=5), responses.PositionMultiEnd(req_id=5)),
        (requests.ReqAccountSummary(req_id=5, group="All"), responses.AccountSummaryEnd(req_id=5)),
        (requests.ReqAccountUpdatesMulti(req_id=5), responses.AccountUpdateMultiEnd(req_id=5)),
        (requests.ReqAccountUpdates(subscribe=True), responses.AccountDownloadEnd(account="DU1234567")),
        (requests.ReqContractDetails(req_id=5, contract=STOCK), responses.ContractDetailsEnd(req_id=5)),
        (requests.ReqMktData(req_id=5, contract=STOCK, snapshot=True), responses.TickSnapshotEnd(req_id=5)),
        (
            requests.ReqSecDefOptParams(req_id=5, symbol="SPY", sec_type="STK", con_id=756733),
            responses.SecurityDefinitionOptionParameterEnd(req_id=5),
        ),
    ],
    ids=lambda message: type(message).__name__,
)
async def test_each_question_has_its_last_word(request_: Message, answer: Message) -> None:
    async with serve(holding(simulated())) as server, let_in(server) as client:
        await client.answer(responses.NextValidId)
        client.send(request_)
        assert await client.answer(type(answer)) == answer


async def test_positions_of_one_account_come_under_the_requests_id() -> None:
    async with serve(holding(simulated())) as server, let_in(server) as client:
        client.send(requests.ReqPositionsMulti(req_id=5, account="DU1234567"))
        told = await client.answer(responses.PositionMulti)
    assert (told.req_id, told.contract.symbol, told.position) == (5, "SPY", Decimal(7))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (requests.ReqAccountUpdates(subscribe=True, account="DU9"), 321),
        (requests.ReqAccountSummary(req_id=5, group="Mine"), 321),
        (requests.ReqPnL(req_id=5, account="DU9"), 321),
        (requests.ReqPnLSingle(req_id=5, account="DU1234567", con_id=-4), 2150),
        (requests.ReqSecDefOptParams(req_id=5, symbol="SPY", sec_type="STK", con_id=0), 321),
        (requests.ReqMarketDataType(type=9), 321),
        (requests.CancelMktData(req_id=5), 300),
        (requests.CancelHistoricalData(req_id=5), 366),
        (requests.ReqMktData(req_id=5), 200),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_each_question_that_makes_no_sense_has_ibs_error(request_: Message, code: int) -> None:
    async with serve(simulated()) as server, let_in(server) as client:
        client.send(request_)
        assert (await client.error(code)).req_id == requests.subject(request_)


async def test_an_order_needs_an_id_above_zero() -> None:
    order = PlaceOrder(contract=STOCK, action="BUY", total_quantity=Decimal(1), order_type="MKT", tif="DAY")
    async with serve(simulated()) as server, let_in(server) as client:
        client.send(order)
        assert (await client.error(321)).req_id == 0


async def test_what_needs_no_answer_is_only_counted() -> None:
    gateway = simulated()
    quiet = [
        requests.SetServerLogLevel(level=5),
        requests.CancelPositions(),
        requests.CancelPositionsMulti(req_id=5),
        requests.CancelAccountSummary(req_id=5),
        requests.CancelAccountUpdatesMulti(req_id=5),
        requests.ReqAccountUpdates(subscribe=False),
        requests.ReqGlobalCancel(),
    ]
    async with serve(gateway) as server, let_in(server) as client:
        for request_ in quiet:
            client.send(request_)
        client.send(requests.ReqCurrentTime())
        await client.answer(responses.CurrentTime)
    assert all(gateway.requests[requests.name(request_)] == 1 for request_ in quiet)
    assert gateway.requests["unreadable"] == 0
