"""Options: which there are, that their ids last, and what they cost."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from math import exp
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway_simulator import options
from gateway_simulator.black_scholes import Terms, greeks, price
from gateway_simulator.contracts import Catalogue, Contract, ContractQuery
from gateway_simulator.market_file import MarketFile, Symbol, catalogue
from tests.unit.gateway_simulator.conftest import MORNING

moments = st.datetimes(datetime(2024, 1, 1), datetime(2035, 12, 31)).map(  # noqa: DTZ001 - aware on the next line
    lambda at: at.replace(tzinfo=UTC, microsecond=0)
)
patient = settings(deadline=None, max_examples=40)
spots, strikes = st.floats(20, 500), st.floats(20, 500)
years, volatilities = st.floats(1 / 365, 2), st.floats(0.05, 1.5)


def at(moment: datetime = MORNING) -> Catalogue:
    return catalogue(now=lambda: moment)


def chain(moment: datetime = MORNING, **named: Any) -> tuple[Contract, ...]:
    return at(moment).find(ContractQuery(sec_type="OPT", **named))


# Which there are


def test_an_expiry_a_strike_and_a_right_are_one_option() -> None:
    [option] = chain(
        symbol="SPY", exchange="SMART", last_trade_date="20261218", strike=Decimal(600), right="C"
    )
    assert option.local_symbol == "SPY   261218C00600000"
    assert (str(option.multiplier), option.currency, option.exchange) == ("100", "USD", "SMART")
    assert option.underlying is not None
    assert option.underlying.con_id == 756733
    assert chain(local_symbol=option.local_symbol) == (option,)


@pytest.mark.parametrize("left_out", ["last_trade_date", "strike", "right"])
def test_what_is_left_out_is_every_match(left_out: str) -> None:
    named: dict[str, Any] = {"last_trade_date": "20261218", "strike": Decimal(600), "right": "PUT"}
    del named[left_out]
    found = chain(symbol="SPY", **named)
    assert len(found) > 1
    assert len({option.con_id for option in found}) == len(found)
    for name, value in named.items():
        assert {getattr(option, name) for option in found} == {"P" if name == "right" else value}


@pytest.mark.parametrize(
    "named",
    [
        {"strike": Decimal("602.5")},
        {"last_trade_date": "20261219"},
        {"last_trade_date": "20261120"},  # the Friday that has gone
        {"exchange": "CME"},
        {"right": "X"},
        {"multiplier": "10"},
        {"symbol": "NOTHING"},
    ],
)
def test_what_no_option_fits_resolves_to_nothing(named: dict[str, Any]) -> None:
    assert chain(**{"symbol": "SPY", **named}) == ()


def test_monthly_and_weekly_options_on_an_index_are_two_classes() -> None:
    classes = {(o.trading_class, o.last_trade_date) for o in chain(symbol="SPX", strike=Decimal(6000))}
    assert ("SPX", "20261217") in classes  # settled in the morning of the third Friday
    assert ("SPXW", "20261218") in classes
    assert ("SPXW", "20261224") in classes  # Christmas is a Friday


def one_of_each(moment: datetime) -> Iterator[Contract]:
    """The lowest, a middle and the highest strike of each class, expiry and right."""
    for of in options.classes():
        strikes = {of.strikes[0], of.strikes[len(of.strikes) // 2], of.strikes[-1]}
        for expiry, strike, right in product(options.expiries(of, moment), strikes, options.RIGHTS):
            yield from chain(
                moment,
                symbol=of.underlying.symbol,
                trading_class=of.name,
                last_trade_date=f"{expiry:%Y%m%d}",
                strike=strike,
                right=right,
            )


@settings(deadline=None, max_examples=15)
@given(moments)
def test_ids_are_distinct_and_lead_back_for_as_long_as_the_option_lives(moment: datetime) -> None:
    found = list(one_of_each(moment))
    assert len({option.con_id for option in found}) == len(found) > 100
    here = at(moment)
    for option in found:
        assert 0 < option.con_id < 2**31
        assert here.get(option.con_id) == option
        assert not option.has_expired(moment)
        assert option.expires_at is not None
        assert at(option.expires_at).get(option.con_id) is None


@pytest.mark.parametrize("away", [0, 1, 7, 77, 4095])
def test_an_id_that_no_option_has_resolves_to_nothing(away: int) -> None:
    assert at().get(1_500_000_000 + away) is None  # class 0
    assert at().get(2_100_000_000 + away) is None


@patient
@given(moments)
def test_at_any_time_there_are_weeks_and_months_ahead(moment: datetime) -> None:
    for of in options.classes():
        found = options.expiries(of, moment)
        assert list(found) == sorted(set(found))
        assert max(of.weeks, of.months) <= len(found) <= of.weeks + of.months
        assert (found[-1] - moment.date()).days > 25 * (of.months - 1)


def test_options_on_what_does_not_exist_do_not_exist() -> None:
    here = catalogue(MarketFile(symbols={"SPY": Symbol(exists=False)}), lambda: MORNING)
    assert here.find(ContractQuery(symbol="SPY", sec_type="OPT")) == ()


def test_the_hours_always_are_those_of_the_underlying_too() -> None:
    here = catalogue(MarketFile(hours="always"), lambda: MORNING)
    for kind in ("OPT", "FUT"):
        found = here.find(ContractQuery(symbol="SPX" if kind == "OPT" else "ES", sec_type=kind))[0]
        assert found.underlying is not None
        assert {found.calendar, found.underlying.calendar, found.underlying.moves} <= {
            "CBOEOPT always",
            "CBOE always",
            "CME always",
        }


# What they cost


def test_prices_are_those_of_the_textbook() -> None:
    # Hull, Options, Futures and Other Derivatives, example 15.6
    call, put = (Terms(40, 0.5, 0.2, 0.1, is_call) for is_call in (True, False))
    assert price(42, call) == pytest.approx(4.76, abs=0.005)
    assert price(42, put) == pytest.approx(0.81, abs=0.005)


@given(spots, strikes, years, volatilities)
def test_a_call_less_a_put_is_a_forward(spot: float, strike: float, left: float, volatility: float) -> None:
    call, put = (Terms(strike, left, volatility, 0.04, is_call) for is_call in (True, False))
    forward = spot - strike * exp(-0.04 * left)
    assert price(spot, call) - price(spot, put) == pytest.approx(forward, abs=1e-6)


@given(spots, spots, strikes, years, volatilities, st.booleans())
def test_a_call_grows_with_the_underlying_and_a_put_falls(
    spot: float, other: float, strike: float, left: float, volatility: float, is_call: bool
) -> None:
    terms = Terms(strike, left, volatility, 0.04, is_call)
    low, high = sorted((spot, other))
    rise = price(high, terms) - price(low, terms)
    assert rise >= -1e-9 if is_call else rise <= 1e-9


@given(spots, strikes, st.floats(0.05, 2), st.floats(0.1, 1), st.booleans())
def test_the_greeks_are_the_slopes_of_the_price(
    spot: float, strike: float, left: float, volatility: float, is_call: bool
) -> None:
    assume(0.5 < spot / strike < 2)
    terms = Terms(strike, left, volatility, 0.04, is_call)
    found, step = greeks(spot, terms), 1e-3
    up, down = price(spot * (1 + step), terms), price(spot * (1 - step), terms)
    assert found.delta == pytest.approx((up - down) / (2 * spot * step), abs=1e-4)
    assert found.gamma == pytest.approx((up - 2 * found.price + down) / (spot * step) ** 2, abs=1e-3)
    more = Terms(strike, left, volatility + 1e-5, 0.04, is_call)
    assert found.vega == pytest.approx((price(spot, more) - found.price) / 1e-3, abs=1e-3)
    sooner = Terms(strike, left - 1e-5, volatility, 0.04, is_call)
    assert found.theta == pytest.approx((price(spot, sooner) - found.price) / (365 * 1e-5), abs=1e-3)


@pytest.mark.parametrize("volatility", [0.0, 1e-12])
def test_without_volatility_an_option_is_worth_what_it_would_give(volatility: float) -> None:
    assert price(120, Terms(100, 1e-9, volatility, 0.0, is_call=True)) == pytest.approx(20)
    assert price(80, Terms(100, 1e-9, volatility, 0.0, is_call=True)) == pytest.approx(0, abs=1e-6)


def test_a_later_expiry_costs_more() -> None:
    spot = 100.0
    prices = [price(spot, Terms(100, days / 365, 0.2, 0.04, is_call=True)) for days in (1, 7, 30, 365)]
    assert prices == sorted(prices)
