"""The template of a strategy: all of its capital in one stock, and Hold while nothing is known."""

from decimal import Decimal

from tests.support.market import bars, local
from trader.domain.instruments import Stock
from trader.domain.market import BarSize
from trader.domain.strategy import BarsNeeded
from trader.domain.targets import Hold, Weight
from trader.strategies.buy_and_hold import STRATEGY, Parameters

SPY = Stock("SPY")
NEEDED = BarsNeeded(SPY, BarSize.DAY_1, days=5)


def test_it_asks_for_the_last_five_sessions_of_its_symbol() -> None:
    assert STRATEGY.needs(Parameters()) == (NEEDED,)
    assert STRATEGY.needs(Parameters(symbol="QQQ"))[0].instrument == Stock("QQQ")


def test_it_wants_the_whole_weight() -> None:
    known = {NEEDED: bars(local("2026-11-16 00:00", "UTC"), [450.0, 451.0], 24 * 60)}
    decision = STRATEGY.decide(known, Parameters())
    assert decision.targets == (Weight(SPY, Decimal(1)),)
    assert decision.indicators == {"close": 451.0}


def test_without_a_bar_it_holds() -> None:
    for known in ({}, {NEEDED: ()}):
        (target,) = STRATEGY.decide(known, Parameters()).targets
        assert isinstance(target, Hold)
