"""Prices and accounts of futures, options and indexes: each follows its underlying, counted as IB does."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import exp
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_simulator import order_rules, valuation
from gateway_simulator.account_values import account_values
from gateway_simulator.book import Position
from gateway_simulator.clock import Clock
from gateway_simulator.commissions import commission
from gateway_simulator.contracts import Contract
from gateway_simulator.durations import HistoryError
from gateway_simulator.gateway import Gateway
from gateway_simulator.market import Bar, Market
from gateway_simulator.market_file import MarketFile, Symbol
from gateway_simulator.prices import joined, mark
from gateway_simulator.refusal import Refusal
from gateway_simulator.state import StateFile
from gateway_simulator.valuation import Valuation
from gateway_simulator.wire.contracts import AskedContract
from gateway_simulator.wire.orders import PlaceOrder
from tests.unit.gateway_simulator.conftest import MORNING, derivative
from tests.unit.gateway_simulator.test_book import ACCOUNT, Floor
from tests.unit.gateway_simulator.test_market import market_at

ES, CL, VX = (derivative("FUT", name) for name in ("ESZ6", "CLF7", "VXZ6"))
SERIES = derivative("CONTFUT", "ESZ6")
SPX, VIX = (derivative("IND", name) for name in ("SPX", "VIX"))
CALL, PUT = (derivative("OPT", f"SPY   261218{right}00680000") for right in "CP")
ON_INDEX = derivative("OPT", "SPXW  261218C05500000")
TRADED = (ES, CL, VX, CALL, PUT, ON_INDEX)
NIGHT = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
patient = settings(deadline=None, max_examples=30)
moments = st.datetimes(datetime(2026, 10, 1), datetime(2026, 12, 1)).map(  # noqa: DTZ001 - aware on the next line
    lambda at: at.replace(tzinfo=UTC, microsecond=0)
)


def bars(
    market: Market, contract: Contract, duration: str, size: str, at: datetime = MORNING
) -> tuple[Bar, ...]:
    return market.bars(contract, at, duration, size, "TRADES", regular_hours=True)


# Prices


@pytest.mark.parametrize("contract", TRADED, ids=str)
@patient
@given(moments)
def test_a_quote_has_two_sides_around_the_last_price(contract: Contract, at: datetime) -> None:
    quote = market_at(at).quote(contract)
    if quote.ask is None:
        return
    assert quote.last is not None
    assert (quote.bid or 0) <= quote.last <= quote.ask
    assert quote.last % contract.min_tick == quote.ask % contract.min_tick == 0
    assert quote.last > 0


@pytest.mark.parametrize("contract", [*TRADED, SPX], ids=str)
@pytest.mark.parametrize(
    ("small", "large"), [("30 mins", "1 day"), ("5 mins", "30 mins"), ("30 secs", "5 mins")]
)
def test_small_bars_make_up_large_ones(market: Market, contract: Contract, small: str, large: str) -> None:
    [*_, last] = bars(market, contract, "1 D", large)
    parts = [bar for bar in bars(market, contract, "1 D", small) if bar.start >= last.start]
    whole = joined(parts)
    assert whole is not None
    assert (whole.open, whole.high, whole.low, whole.close) == (last.open, last.high, last.low, last.close)


def mark_of(market: Market, contract: Contract) -> Decimal:
    price = mark(market.quote(contract))
    assert price is not None
    return price


def test_a_future_is_the_spot_with_its_carry(market: Market) -> None:
    days = (datetime(2026, 12, 18, tzinfo=UTC).date() - MORNING.date()).days
    spot = float(mark_of(market, SPX))
    assert float(mark_of(market, ES)) == pytest.approx(spot * exp(ES.carry * days / 365), abs=0.25)
    later = derivative("FUT", "ESH7")
    assert mark_of(market, later) > mark_of(market, ES)


def test_a_future_meets_its_spot_on_its_last_day() -> None:
    end = ES.expires_at
    assert end is not None
    market = market_at(end - timedelta(minutes=1))
    spot = derivative("IND", "SPX")
    # The index opens when the future ends, and goes on where the future was.
    opening = market_at(end + timedelta(seconds=1)).quote(spot).open
    assert opening is not None
    assert abs(mark_of(market, ES) - opening) < 20


@pytest.mark.parametrize("price", ["600", "700"])
def test_what_is_derived_follows_the_price_that_is_pinned(market: Market, price: str) -> None:
    market.set_price("SPY", Decimal(price))
    market.set_price("SPX", Decimal(price) * 10)
    expected = max(Decimal(price) - 680, Decimal(0))
    assert mark_of(market, CALL) >= max(expected, CALL.min_tick)
    assert abs(mark_of(market, CALL) - mark_of(market, PUT) - (Decimal(price) - 680)) < 3  # interest
    assert abs(mark_of(market, ES) - Decimal(price) * 10) < 30
    market.set_price("SPX", None)
    assert abs(mark_of(market, ES) - Decimal(price) * 10) > 30


def test_a_pin_on_the_contract_itself_wins(market: Market) -> None:
    market.set_price("ESZ6", Decimal(5000))
    market.set_price(CALL.local_symbol, Decimal("1.25"))
    assert market.quote(ES).bid == 5000
    assert market.quote(CALL).ask == Decimal("1.25")
    assert mark_of(market, SPX) != 5000


def test_no_price_of_the_underlying_is_no_price(market: Market) -> None:
    market.set_price("SPY", Decimal("NaN"))
    assert (market.quote(CALL).bid, market.quote(CALL).ask) == (None, None)


def test_a_market_file_moves_the_spot_and_its_volatility() -> None:
    prices = MarketFile(symbols={"SPX": Symbol(price=3000, volatility=0.0), "SPY": Symbol(volatility=0.9)})
    market = market_at(MORNING, prices=prices)
    assert mark_of(market, SPX) == 3000
    assert abs(mark_of(market, ES) - 3000) < 10
    model = market.model(CALL)
    assert model is not None
    assert model.terms.volatility == 0.9
    assert 0 < model.greeks.delta < 1


def test_an_index_is_a_number_without_quotes_or_volume(market: Market) -> None:
    quote = market.quote(SPX)
    assert (quote.bid, quote.ask) == (None, None)
    assert quote.volume == quote.last_size == 0
    assert quote.last is not None
    assert {bar.volume for bar in bars(market, SPX, "2 D", "30 mins")} == {0}
    for nothing in ("BID", "ASK", "MIDPOINT"):
        with pytest.raises(HistoryError, match="No historical market data for SPX/IND"):
            market.bars(SPX, MORNING, "2 D", "1 hour", nothing, regular_hours=True)


def test_at_night_futures_move_and_indexes_and_options_stand() -> None:
    night, later = market_at(NIGHT), market_at(NIGHT + timedelta(hours=1))
    assert night.quote(ES).bid != later.quote(ES).bid
    for contract in (SPX, CALL, ON_INDEX):
        assert night.quote(contract).last == later.quote(contract).last
        assert night.quote(contract).bid is None


@patient
@given(st.floats(0.3, 3))
def test_an_option_far_from_the_money_still_has_an_asking_price(away: float) -> None:
    market = market_at(MORNING)
    market.set_price("SPY", Decimal(f"{680 * away:.2f}"))
    for option in (CALL, PUT):
        quote = market.quote(option)
        assert quote.ask is not None
        assert quote.ask >= option.min_tick
        assert quote.bid is None or quote.bid > 0


# Orders


@pytest.mark.parametrize("contract", [SPX, SERIES], ids=str)
def test_what_is_only_looked_at_is_not_ordered(contract: Contract) -> None:
    terms = PlaceOrder(
        contract=AskedContract(exchange=contract.exchange),
        action="BUY",
        total_quantity=Decimal(1),
        order_type="MKT",
        tif="DAY",
    )
    with pytest.raises(Refusal) as refused:
        order_rules.check(contract, terms)
    assert refused.value.code == 412


@pytest.mark.parametrize(
    ("contract", "quantity", "cost"),
    [(ES, 2, "4.50"), (CL, 1, "2.36"), (CALL, 1, "1.00"), (CALL, 10, "6.50")],
    ids=str,
)
def test_each_kind_has_its_commission(market: Market, contract: Contract, quantity: int, cost: str) -> None:
    assert commission(contract, Decimal(quantity), Decimal(5), market) == Decimal(cost)


# Accounts


def valued(floor: Floor) -> Valuation:
    market = floor.exchange._market
    return valuation.value(floor.account, floor.book, market, MORNING - timedelta(hours=10), MORNING)


def pinned(floor: Floor, contract: Contract, price: object) -> Floor:
    floor.exchange._market.set_price(contract.local_symbol, Decimal(str(price)))
    return floor


def test_a_futures_notional_is_not_cash_and_its_profit_is() -> None:
    floor = pinned(Floor(), ES, 6010)
    floor.trade([(2, Decimal(6000), 0)], ES)
    worth = valued(floor)
    assert worth.cash == worth.net_liquidation == 100_000 + 2 * 50 * 10 - Decimal("4.50")
    assert worth.owned_value == worth.gross_value == 0
    assert worth.unrealized == 1000 - Decimal("4.50")
    assert worth.margin == 2 * 50 * 6010 * Decimal("0.08")
    rows = {(row.tag, row.currency): row.text for row in account_values(worth)}
    assert rows["FuturesPNL", "USD"] == "995.50"
    assert rows["CashBalance", "USD"] == rows["NetLiquidationByCurrency", "BASE"] == "100995.50"


@settings(deadline=None)
@given(
    st.sampled_from([ES, CALL, PUT]),
    st.lists(st.tuples(st.integers(-5, 5).filter(bool), st.integers(10, 500)), min_size=1, max_size=6),
)
def test_a_round_trip_leaves_what_was_earned_and_nothing_else(
    contract: Contract, made: list[tuple[int, int]]
) -> None:
    floor = pinned(Floor(), contract, 100)
    rest = -sum(quantity for quantity, _ in made)
    trades = [(quantity, Decimal(price), 0) for quantity, price in [*made, (rest, 100)] if quantity]
    floor.trade(trades, contract)
    worth = valued(floor)
    paid = sum((Decimal(q) * price * contract.multiplier for q, price, _ in trades), Decimal(0))
    fees = sum((execution.commission for execution in floor.executions), Decimal(0))
    assert worth.net_liquidation == worth.cash == 100_000 - paid - fees
    assert round(worth.realized, 6) == round(-paid - fees, 6)
    assert worth.margin == worth.unrealized == 0


def test_an_option_is_paid_and_worth_its_premium() -> None:
    floor = pinned(Floor(), CALL, 12)
    floor.trade([(3, Decimal(10), 0)], CALL)
    worth = valued(floor)
    assert worth.cash == 100_000 - 3 * 1000 - Decimal("1.95")
    assert worth.owned_value == worth.gross_value == 3 * 1200
    assert worth.net_liquidation == 100_000 + 600 - Decimal("1.95")
    assert worth.margin == 3600  # nothing is lent on it


def test_a_short_option_needs_more_than_its_premium() -> None:
    floor = pinned(Floor(), CALL, 10)
    floor.trade([(-1, Decimal(10), 0)], CALL)
    worth = valued(floor)
    assert worth.owned_value == -1000
    assert worth.margin == 1000 + 100 * 680 * Decimal("0.15")


@pytest.mark.parametrize(
    ("contract", "spot", "final"),
    [(ES, "6100", 6100), (CALL, "700.50", "20.50"), (PUT, "700.50", 0), (PUT, "650", 30)],
    ids=str,
)
@pytest.mark.parametrize("quantity", [2, -2])
def test_what_expires_is_paid_out_at_what_it_is_worth(
    contract: Contract, spot: str, final: object, quantity: int
) -> None:
    floor = Floor()
    market, end = floor.exchange._market, contract.expires_at
    assert end is not None
    assert contract.underlying is not None
    market.set_price(contract.underlying.symbol, Decimal(spot))
    floor.trade([(quantity, Decimal(50), 0)], contract)
    cash, price = floor.account.cash["USD"], Decimal(str(final))

    floor.clock.set(end - timedelta(seconds=1))
    floor.exchange.evaluate()
    assert floor.settled == []
    floor.clock.set(end)
    floor.exchange.evaluate()
    [flat] = floor.settled
    assert flat.contract == contract
    assert flat.quantity == 0
    assert floor.account.cash["USD"] == cash + quantity * price * contract.multiplier
    floor.exchange.evaluate()
    assert len(floor.settled) == 1


def test_an_order_ends_with_its_contract() -> None:
    floor = Floor()
    order = floor.rest(Decimal(1), ES)
    assert order.schedule.expires_at == ES.expires_at
    assert ES.expires_at is not None
    floor.clock.set(ES.expires_at)
    floor.exchange.evaluate()
    ended = floor.book.orders[order.perm_id]
    assert ended.ended_at == ES.expires_at
    assert ended.filled == 0


def test_what_has_expired_without_a_last_price_is_left_as_it_is() -> None:
    floor = Floor()
    floor.trade([(1, Decimal(50), 0)], CALL)
    floor.exchange._market.set_price("SPY", Decimal("NaN"))
    assert CALL.expires_at is not None
    floor.clock.set(CALL.expires_at + timedelta(days=3))
    floor.exchange.evaluate()
    assert floor.settled == []
    assert floor.book.position(ACCOUNT, CALL).quantity == 1


@pytest.mark.parametrize("contract", [ES, CALL], ids=str)
def test_a_position_survives_a_restart_with_all_that_its_price_follows(
    contract: Contract, tmp_path: Path
) -> None:
    gateway = Gateway(clock=Clock(MORNING, speed=0))
    gateway.book.positions = {(ACCOUNT, contract.con_id): Position(ACCOUNT, contract, Decimal(2), Decimal(5))}
    file = StateFile(tmp_path / "state.json")
    file.attach(gateway, None)
    kept = file.read()
    assert kept is not None
    [position] = kept.book.positions
    assert position.contract == contract
    assert gateway.market.quote(position.contract) == gateway.market.quote(contract)
