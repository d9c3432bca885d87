"""What is planned for a contract that is only looked at: nothing, and why."""

from dataclasses import replace
from decimal import Decimal
from typing import cast

import pytest

from tests.support.clock import FakeClock
from tests.support.desk import Desk
from tests.support.market import contract
from trader.books import Books
from trader.domain.configuration import Configuration
from trader.domain.instruments import Index
from trader.domain.strategy import Decision
from trader.domain.targets import Weight
from trader.planning import Signal, plan_order
from trader.ports import Store


@pytest.mark.parametrize("sec_type", ["IND", "CONTFUT"])
async def test_an_index_and_a_continuous_future_are_never_ordered(sec_type: str) -> None:
    looked_at = replace(contract(), sec_type=sec_type, local_symbol="VIX")
    target = Weight(Index("VIX"), Decimal(1))
    signal = Signal(looked_at, target, Decision((target,), {}), (), None)
    ports = Desk(cast("Store", None), FakeClock()).ports
    planned = await plan_order("any", signal, cast("Books", None), cast("Configuration", None), ports)
    assert planned.wish is None
    [refusal] = planned.refusals
    assert refusal.code == "not-tradable"
    assert "found VIX" in refusal.message
