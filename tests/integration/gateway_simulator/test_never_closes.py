"""A market that never closes, as the demo has it, is fit to be traded at any moment."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway_simulator import hours
from gateway_simulator.clock import Clock
from gateway_simulator.contracts import Contract, ContractQuery
from gateway_simulator.market import Market
from gateway_simulator.market_file import catalogue, load_market
from trader.domain.hours import read_hours
from trader.domain.instruments import Stock
from trader.domain.market import Bar, BarSize
from trader.domain.quality import fit_bars
from trader.domain.strategy import BarsNeeded
from trader.domain.targets import Weight
from trader.strategies.testsignalgenerator import STRATEGY, Parameters

DEMO = load_market(Path(str(files("trader.entrypoints.demo").joinpath("market.yaml"))))
NEW_YORK = ZoneInfo("America/New_York")
moments = st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1)).map(  # noqa: DTZ001 - aware on the next line
    lambda at: at.replace(tzinfo=UTC)
)


def spy() -> Contract:
    (found,) = catalogue(DEMO).find(ContractQuery(symbol="SPY", sec_type="STK", currency="USD"))
    return found


def bars(contract: Contract, at: datetime, needed: BarsNeeded) -> list[Bar]:
    asked = (f"{needed.days} D", needed.size.value, "TRADES")
    found = Market(Clock(at, speed=0), prices=DEMO).bars(contract, at, *asked, regular_hours=True)
    numbers = ((bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in found)
    return [Bar(bar.start, *map(float, row)) for bar, row in zip(found, numbers, strict=True)]


@settings(deadline=None, max_examples=40)
@given(moments)
@example(datetime(2026, 11, 22, tzinfo=NEW_YORK))  # a Sunday begins
@example(datetime(2026, 11, 21, 23, 59, 59, tzinfo=NEW_YORK))
@example(datetime(2026, 11, 21, 0, 0, 1, tzinfo=NEW_YORK))
@example(datetime(2026, 12, 25, 12, tzinfo=NEW_YORK))
@example(datetime(2026, 3, 8, 3, 10, tzinfo=NEW_YORK))  # the hour before was skipped
@example(datetime(2026, 11, 1, 1, 10, tzinfo=NEW_YORK, fold=1))  # the hour before is repeated
def test_its_bars_are_fit_to_decide_on_and_the_strategy_wants_a_trade(at: datetime) -> None:
    contract, now = spy(), at.astimezone(UTC)
    (needed,) = STRATEGY.needs(Parameters())
    today = now.astimezone(ZoneInfo(contract.time_zone)).date()
    told = read_hours(hours.liquid_hours(contract, today, 6), contract.time_zone)
    session = told.session_at(now)
    assert session is not None
    assert session.closes_at - session.opens_at >= timedelta(hours=23)
    fit = fit_bars(
        bars(contract, now, needed), BarSize.MINUTES_30, hours=told, now=now, jump_percent=Decimal(30)
    )
    assert isinstance(fit, tuple), fit
    (target,) = STRATEGY.decide(
        {BarsNeeded(Stock("SPY"), needed.size, needed.days): fit}, Parameters()
    ).targets
    assert isinstance(target, Weight)
