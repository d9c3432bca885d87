"""A day with so many executions that what a run has to tell of them is larger than a document may be."""

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import JsonValue

from gateway_simulator.contracts import ContractQuery
from gateway_simulator.gateway import Gateway
from gateway_simulator.wire.orders import PlaceOrder
from tests.support.crash import ACCOUNT, theatre
from tests.support.play import MANY
from trader.domain.status import Status
from trader.ports import Topic
from trader.stored import orderbook

EXECUTIONS = 6_500


def bought_and_sold_by_hand(gateway: Gateway, times: int) -> None:
    (contract,) = gateway.catalogue.find(ContractQuery(symbol="SPY", sec_type="STK"))
    for n in range(times):
        side = "BUY" if n % 2 else "SELL"
        order = PlaceOrder(action=side, total_quantity=Decimal(1), order_type="MKT", tif="DAY")
        gateway.manual_order(contract, order)


@pytest.mark.parametrize(("intent", "booked"), [("summary", 0), ("trade-reconciliation", EXECUTIONS)])
async def test_a_run_with_more_to_tell_than_a_document_holds_ends_once_and_books_what_it_found(
    tmp_path: Path, intent: str, booked: int
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        bought_and_sold_by_hand(world.gateway, EXECUTIONS)
        then: list[JsonValue] = [{"intent": "close-all", "when": "always"}]
        message = world.message({"intent": intent, "id": "busy", "then": then}, "first")
        async with world.worker() as runner:
            assert await world.deliver(runner, message(1))
        follow_ups = world.topics.subscription(Topic.INTENTS).follow(wait=False)
        assert [sent.attributes["ce-id"] async for sent in follow_ups] == ["id/busy/then/1"]
        world.pass_time(3700)
        await world.until_swept()
        (result,) = {str(result): result for result in await world.results()}.values()
        assert (result.id, result.status) == ("id/busy", Status.FAILED)
        assert result.reason is not None
        assert result.reason.code == "document-too-large"
        assert len(await orderbook.all_fills(world.store, ACCOUNT)) == booked
