"""What a look at the account measures, and which of it is a breach."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.configuration import Configuration
from trader.domain.configuration_reading import parse
from trader.domain.configuration_sample import sample
from trader.domain.day import StartOfDay, day_result
from trader.domain.errors import GatewayNotReady
from trader.domain.ledger import EXTERNAL
from trader.domain.portfolio import Account, AccountValue, Position
from trader.domain.risk_check import Scene, WorkingOrder, breaches, measure, unowned

ACCOUNT = "DU1234567"
STRATEGY = "testsignalgenerator"
NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)


def configuration(**limits: Any) -> Configuration:
    return parse({**sample(ACCOUNT), "limits": {"orderNotional": 100_000, **limits}})


def account(net: int = 100_000, base: str = "USD", **rates: str) -> Account:
    values = [("NetLiquidation", Decimal(net), base)]
    values += [("ExchangeRate", Decimal(rate), currency) for currency, rate in rates.items()]
    return Account(
        id=ACCOUNT,
        base_currency=base,
        values=tuple(AccountValue(name=name, value=value, currency=c) for name, value, c in values),
    )


def position(quantity: int, worth: int | None, con_id: int = 1, **changes: Any) -> Position:
    return Position(
        **{
            "con_id": con_id,
            "symbol": f"S{con_id}",
            "sec_type": "STK",
            "exchange": "SMART",
            "currency": "USD",
            "quantity": Decimal(quantity),
            "average_cost": Decimal(100),
            "market_price": None,
            "market_value": None if worth is None else Decimal(worth),
            "unrealized_pnl": None,
            **changes,
        }
    )


def start(worth: int) -> StartOfDay:
    return StartOfDay(
        session_date="2026-11-23", net_liquidation=Decimal(worth), currency="USD", run="id/x", at=NOON
    )


QUIET = Scene(account=account(), positions=(), held={}, day=None, working=(), unowned=())


def codes(scene: Scene, **limits: Any) -> list[str]:
    configured = configuration(**limits)
    return [breach.code for breach in breaches(measure(scene, configured), configured)]


def test_a_quiet_account_has_no_breach() -> None:
    assert codes(QUIET) == []


@pytest.mark.parametrize(
    ("began", "now", "found"),
    [
        (100_000, 95_001, []),
        (100_000, 95_000, ["daily-drawdown"]),
        (100_000, 120_000, []),
        (0, -1, ["daily-drawdown", "gross-exposure"]),
        (0, 1, []),
    ],
)
def test_a_loss_of_the_days_limit_is_a_breach(began: int, now: int, found: list[str]) -> None:
    scene = replace(QUIET, account=account(now), day=day_result(start(began), Decimal(now)))
    held = replace(scene, positions=(position(1, 1),), held={(STRATEGY, 1): Decimal(1)}) if now < 0 else scene
    assert codes(held, dailyDrawdownPercent=5) == found


@given(st.integers(1, 10**9), st.integers(-(10**9), 10**9))
def test_a_breach_of_the_drawdown_is_exact_to_the_cent(began: int, now: int) -> None:
    scene = replace(QUIET, account=account(now), day=day_result(start(began), Decimal(now)))
    assert ("daily-drawdown" in codes(scene, dailyDrawdownPercent=7)) == ((began - now) * 100 >= 7 * began)


def test_without_a_start_value_there_is_no_drawdown_to_tell() -> None:
    assert measure(QUIET, configuration()).day is None


def test_positions_are_summed_without_their_signs_in_the_base_currency() -> None:
    held = (position(10, 5_000), position(-4, -3_000, 2, currency="USD"))
    scene = replace(QUIET, account=account(10_000, "EUR", USD="0.5"), positions=held)
    found = measure(scene, configuration())
    assert (found.gross_value, found.gross_exposure, found.positions) == (Decimal(4_000), Decimal("0.4"), 2)


def test_a_position_in_currencies_mirrors_cash_and_counts_for_nothing() -> None:
    forex = position(-20_000, -22_000, 9, sec_type="CASH", symbol="EUR")
    found = measure(replace(QUIET, positions=(forex,)), configuration())
    assert (found.gross_value, found.positions) == (Decimal(0), 0)
    assert unowned((forex,), {}) == ()


def test_a_position_without_a_market_value_counts_at_its_cost() -> None:
    assert measure(replace(QUIET, positions=(position(-7, None),)), configuration()).gross_value == 700


def test_a_figure_that_is_missing_is_waited_for_and_not_guessed() -> None:
    foreign = position(1, 1, currency="CHF")
    with pytest.raises(GatewayNotReady, match="ExchangeRate in CHF"):
        measure(replace(QUIET, positions=(foreign,)), configuration())


def test_each_limit_of_exposure_has_its_code() -> None:
    held = (position(10, 60_000), position(10, 50_000, 2))
    owned = {(STRATEGY, 1): Decimal(10), (EXTERNAL, 2): Decimal(10)}
    scene = replace(QUIET, positions=held, held=owned)
    assert codes(scene, positions=1) == ["gross-exposure", "positions", "strategy-notional"]
    assert codes(scene, grossExposure=2) == ["strategy-notional"]


def working(minutes: int) -> WorkingOrder:
    return WorkingOrder(
        reference="i0",
        instrument="SPY",
        quantity=Decimal(5),
        filled=Decimal(0),
        since=NOON,
        minutes=minutes,
    )


def test_an_order_that_works_for_too_long_is_a_breach() -> None:
    scene = replace(QUIET, working=(working(9), working(10)))
    assert codes(scene, stuckAfterMinutes=10) == ["stuck-order"]


def test_a_position_that_its_owners_do_not_sum_to_is_a_breach_and_external_is_an_owner() -> None:
    held = (position(10, 1), position(5, 1, 2), position(-3, -1, 3))
    owned = {(STRATEGY, 1): Decimal(4), (EXTERNAL, 1): Decimal(6), (STRATEGY, 2): Decimal(8)}
    nobodys = unowned(held, owned)
    expected = [(2, Decimal(5), Decimal(8)), (3, Decimal(-3), Decimal(0))]
    assert [(line.con_id, line.position, line.owned) for line in nobodys] == expected
    assert codes(replace(QUIET, unowned=nobodys)) == ["unowned-position"] * 2
