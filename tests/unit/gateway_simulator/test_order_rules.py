"""What is checked of an order before it is accepted, and when it trades."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway_simulator import matching, order_rules
from gateway_simulator.book import Order
from gateway_simulator.market_file import catalogue
from gateway_simulator.prices import Quote
from gateway_simulator.refusal import Refusal
from gateway_simulator.wire.contracts import AskedContract
from gateway_simulator.wire.orders import PlaceOrder
from tests.unit.gateway_simulator.conftest import found

STOCK = found(catalogue(), "AAPL")
OPEN = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
CLOSE = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
QUOTE = Quote(
    at=OPEN,
    bid=Decimal("99.99"),
    ask=Decimal("100.01"),
    last=Decimal(100),
    open=None,
    high=None,
    low=None,
    close=None,
    bid_size=Decimal(1),
    ask_size=Decimal(1),
    last_size=Decimal(1),
    volume=Decimal(1),
)


def terms(**given: Any) -> PlaceOrder:
    plain = PlaceOrder(
        contract=AskedContract(exchange="SMART"),
        action="BUY",
        total_quantity=Decimal(10),
        order_type="MKT",
        tif="DAY",
    )
    return replace(plain, **given)


def order(at: datetime = OPEN, **given: Any) -> Order:
    sent = terms(**given)
    when = matching.schedule(STOCK, sent, at, None)
    return Order(1, 1, 1, "DU1", STOCK, sent, at, when)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"contract": AskedContract()}, 321),
        ({"action": "HOLD"}, 321),
        ({"tif": "SOON"}, 321),
        ({"order_type": "MAGIC"}, 387),
        ({"total_quantity": Decimal(0)}, 434),
        ({"total_quantity": Decimal(-5)}, 434),
        ({"total_quantity": Decimal("1.5")}, 10243),
        ({"order_type": "LMT"}, 321),
        ({"order_type": "LMT", "lmt_price": Decimal(-1)}, 321),
        ({"order_type": "LMT", "lmt_price": Decimal("Infinity")}, 321),
        ({"order_type": "LMT", "lmt_price": Decimal("100.001")}, 110),
        ({"order_type": "STP"}, 321),
    ],
)
def test_what_can_never_trade_is_refused(given: dict[str, Any], code: int) -> None:
    with pytest.raises(Refusal) as refused:
        order_rules.check(STOCK, terms(**given))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("given", "code"),
    [({"action": "SELL"}, 105), ({"account": "DU2"}, 105), ({"total_quantity": Decimal(4)}, 201)],
)
def test_a_change_can_not_make_another_order_of_it(given: dict[str, Any], code: int) -> None:
    with pytest.raises(Refusal) as refused:
        order_rules.check_change(replace(order(), filled=Decimal(4)), STOCK, terms(**given))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("given", "price"),
    [
        ({}, "100.01"),
        ({"action": "SELL"}, "99.99"),
        ({"order_type": "LMT", "lmt_price": Decimal("100.01")}, "100.01"),
        ({"order_type": "LMT", "lmt_price": Decimal(105)}, "100.01"),
        ({"order_type": "LMT", "lmt_price": Decimal(100)}, None),
        ({"order_type": "LMT", "action": "SELL", "lmt_price": Decimal("99.99")}, "99.99"),
        ({"order_type": "LMT", "action": "SELL", "lmt_price": Decimal(100)}, None),
        ({"order_type": "STP", "aux_price": Decimal(100)}, "100.01"),
        ({"order_type": "STP", "aux_price": Decimal(101)}, None),
        ({"order_type": "STP", "action": "SELL", "aux_price": Decimal(100)}, "99.99"),
        ({"order_type": "STP", "action": "SELL", "aux_price": Decimal(99)}, None),
    ],
)
def test_an_order_trades_at_the_far_side_of_the_quote_if_at_all(
    given: dict[str, Any], price: str | None
) -> None:
    assert matching.price(order(**given), QUOTE) == (None if price is None else Decimal(price))


@pytest.mark.parametrize("ask", [None, Decimal("NaN"), Decimal(0)])
def test_nothing_trades_without_a_price(ask: Decimal | None) -> None:
    assert matching.price(order(), replace(QUOTE, ask=ask)) is None


def test_a_day_order_lasts_until_the_close() -> None:
    assert order().schedule.expires_at == CLOSE


def test_a_day_order_of_the_night_lasts_through_the_next_session() -> None:
    when = order(at=NIGHT).schedule
    assert when.active_at == datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
    assert when.expires_at == datetime(2026, 11, 24, 21, 0, tzinfo=UTC)


def test_a_good_till_cancelled_order_never_expires() -> None:
    assert order(tif="GTC").schedule.expires_at is None


def test_a_market_on_close_order_waits_for_the_close() -> None:
    waiting = order(order_type="MOC")
    assert waiting.schedule.due_at == CLOSE
    assert not matching.is_trading(waiting, OPEN)


def test_the_day_after_thanksgiving_closes_early() -> None:
    early = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)
    assert order(at=early, order_type="MOC").schedule.due_at == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)


def test_only_limit_orders_trade_outside_regular_hours() -> None:
    evening = CLOSE + timedelta(hours=1)
    limit = {"order_type": "LMT", "lmt_price": Decimal(100), "outside_rth": True}
    assert matching.is_trading(order(at=evening, **limit), evening)
    assert not matching.is_trading(order(at=evening, outside_rth=True), evening)
