"""What a scenario's actions do to the gateway itself, whatever caused them."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway_simulator import actions as act
from gateway_simulator import notices
from gateway_simulator.book import Order, Status
from gateway_simulator.contracts import ContractQuery
from gateway_simulator.wire.orders import PlaceOrder

if TYPE_CHECKING:
    from gateway_simulator.gateway import Gateway

log = logging.getLogger(__name__)


def perform(gateway: "Gateway", actions: Iterable[act.Action], order: Order | None = None) -> None:
    """Do those that concern no particular request, in their order; `order` is the one that caused them."""
    for action in actions:
        match action:
            case act.Fill(symbol=symbol):
                _fill(gateway, symbol, order)
            case act.Notice(code=code, message=message):
                gateway.broadcast(code, message or notices.text(code))
            case act.Outage(seconds=seconds, back=back):
                _lose_broker(gateway, seconds, back)
            case act.Freeze(seconds=seconds):
                _freeze(gateway, seconds)
            case act.Disconnect():
                gateway.disconnect()
            case act.NoLogin(seconds=seconds):
                _log_out(gateway, seconds)
            case act.Restart():
                _restart(gateway, action)
            case act.Forget():
                gateway.book.forget(gateway.clock.now())
            case act.NextValidId(value=value):
                gateway.book.count_from(value)
            case act.Midnight():
                gateway.clock.set(_next_midnight(gateway))
            case act.Jump(seconds=seconds):
                gateway.clock.set(gateway.clock.now() + timedelta(seconds=seconds))
            case act.SetPrice(symbol=symbol, value=price):
                gateway.market.set_price(symbol, price)
            case act.ManualOrder():
                _order_by_hand(gateway, action)
            case act.Later(seconds=seconds, then=then):
                gateway.later(seconds, partial(perform, gateway, then))


def held(order: Order, actions: Iterable[act.Action], gateway: "Gateway") -> Order:
    """A new order with what a scenario keeps from filling."""
    now = gateway.clock.now()
    for action in actions:
        match action:
            case act.PartlyFill(quantity=quantity, fraction=fraction, rest_after=seconds):
                most = quantity if quantity is not None else order.quantity * (fraction or Decimal(0))
                whole = most // order.contract.size_increment * order.contract.size_increment
                order = replace(order, held_back=max(order.quantity - whole, Decimal(0)))
            case act.Hold(seconds=seconds):
                order = replace(order, held_back=order.quantity, status=Status.INACTIVE, why_held="locate")
            case _:
                continue
        order = replace(order, held_until=None if seconds is None else now + timedelta(seconds=seconds))
    return order


def _fill(gateway: "Gateway", symbol: str, order: Order | None) -> None:
    """All open orders of a symbol; without one, the order that caused it, or all if none did."""
    for found in gateway.book.open_orders():
        causes = order is None or order.perm_id == found.perm_id
        if found.contract.symbol == symbol if symbol else causes:
            gateway.exchange.fill_at_market(found)


def _lose_broker(gateway: "Gateway", seconds: float | None, back: int) -> None:
    gateway.broadcast(notices.LOST, notices.text(notices.LOST))
    gateway.has_broker = False

    def restore() -> None:
        gateway.has_broker = True
        if back == notices.RESTORED_DATA_LOST:
            for session in gateway.sessions:
                session.feeds.stop_market_data()
        gateway.broadcast(back, notices.text(back))

    if seconds is not None:
        gateway.later(seconds, restore)


def _freeze(gateway: "Gateway", seconds: float | None) -> None:
    gateway.is_frozen = True

    def thaw() -> None:
        gateway.is_frozen = False
        for session in tuple(gateway.sessions):
            session.wake()

    if seconds is not None:
        gateway.later(seconds, thaw)


def _log_out(gateway: "Gateway", seconds: float | None) -> None:
    gateway.is_logged_in = False
    for session in tuple(gateway.sessions):
        if not session.is_deaf:
            session.close()

    def log_in() -> None:
        gateway.is_logged_in = True

    if seconds is not None:
        gateway.later(seconds, log_in)


def _restart(gateway: "Gateway", action: act.Restart) -> None:
    gateway.restart(fresh=action.forget)
    if action.seconds:
        gateway.go_down(action.seconds)
    if action.next_valid_id is not None:
        gateway.book.count_from(action.next_valid_id)


def _order_by_hand(gateway: "Gateway", action: act.ManualOrder) -> None:
    found = gateway.catalogue.find(ContractQuery(symbol=action.symbol, sec_type="STK"))
    if not found:
        log.warning("no manual order: expected a symbol that exists, found %r", action.symbol)
        return
    terms = PlaceOrder(
        action=action.side,
        total_quantity=action.quantity,
        order_type="LMT" if action.limit_price else "MKT",
        lmt_price=action.limit_price,
        tif="DAY",
    )
    gateway.manual_order(found[0], terms)


def _next_midnight(gateway: "Gateway") -> datetime:
    """Of the gateway's own time zone."""
    tomorrow = gateway.clock.now().astimezone(ZoneInfo(gateway.time_zone)) + timedelta(days=1)
    return tomorrow.replace(hour=0, minute=0, second=0, microsecond=0)
