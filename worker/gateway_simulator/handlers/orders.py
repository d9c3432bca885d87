"""Placing, changing and cancelling orders."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway_simulator import effects, order_rules, reports
from gateway_simulator.actions import Hold, Inactive
from gateway_simulator.book import Order, Status
from gateway_simulator.contracts import Contract
from gateway_simulator.handlers import lookup
from gateway_simulator.refusal import Refusal, invalid
from gateway_simulator.wire import requests as ask
from gateway_simulator.wire.layout import Message
from gateway_simulator.wire.orders import PlaceOrder

if TYPE_CHECKING:
    from gateway_simulator.session import Session


def place(session: "Session", request: PlaceOrder) -> None:
    """A new order, a change of one that is open, or the question what an order would do."""
    contract = lookup.one(session.gateway.catalogue, request.contract)
    earlier = session.gateway.book.find(session.client_id, request.order_id)
    if request.what_if:
        draft = _draft(session, contract, request)
        session.send(reports.open_order(draft, session.gateway.credit.preview(draft)))
    elif earlier is not None:
        _change(session, earlier, contract, request)
    else:
        _place(session, contract, request)


def cancel(session: "Session", request: ask.CancelOrder) -> None:
    """Cancel an order of this client; the refusals tell apart what never was from what has ended."""
    gateway = session.gateway
    order = gateway.book.find(session.client_id, request.order_id)
    if order is None:
        raise Refusal(10147, f"OrderId {request.order_id} that needs to be cancelled is not found.")
    if order.status is Status.INACTIVE and not order.is_open:
        text = f"Cancel attempted when order is not in a cancellable state. Order permId ={order.perm_id}"
        raise Refusal(161, text)
    if not order.is_open:
        state = f"state: {order.status.value}"
        raise Refusal(
            10148, f"OrderId {request.order_id} that needs to be cancelled can not be cancelled, {state}."
        )
    gateway.exchange.cancel(order)


def cancel_all(session: "Session", _: ask.ReqGlobalCancel) -> None:
    """Cancel every open order: of this client, of others, placed by hand."""
    gateway = session.gateway
    for order in gateway.book.open_orders():
        gateway.exchange.cancel(order)


def account_of(session: "Session", request: PlaceOrder) -> str:
    """The account that an order is for; a login with several must name one."""
    accounts = session.gateway.accounts
    if request.account in accounts:
        return request.account
    if request.account:
        raise invalid(f"Invalid account code '{request.account}'.")
    if len(accounts) > 1:
        raise Refusal(435, "You must specify an account.")
    return next(iter(accounts))


def _draft(session: "Session", contract: Contract, request: PlaceOrder) -> Order:
    order_rules.check(contract, request)
    return session.gateway.exchange.draft(session.client_id, account_of(session, request), contract, request)


def _place(session: "Session", contract: Contract, request: PlaceOrder) -> None:
    gateway = session.gateway
    if request.order_id <= 0:
        raise invalid(f"Invalid order id {request.order_id}")
    draft = _draft(session, contract, request)
    session.placed.add(request.order_id)
    for action in session.instructions:
        if isinstance(action, Inactive):
            gateway.exchange.reject(draft, action.code, action.message)
            return
    if reason := gateway.credit.refusal(draft):
        gateway.exchange.reject(draft, 201, reason)
        return
    order = gateway.exchange.place(effects.held(draft, session.instructions, gateway))
    for action in session.instructions:
        if isinstance(action, Hold):
            gateway.announcer.notice(order, action.code, action.message)


def _change(session: "Session", earlier: Order, contract: Contract, request: PlaceOrder) -> None:
    gateway = session.gateway
    _check_open(session, earlier)
    order_rules.check_change(earlier, contract, request)
    left = replace(request, total_quantity=request.total_quantity - earlier.filled)
    if reason := gateway.credit.refusal(replace(earlier, terms=left)):
        raise Refusal(201, reason)
    gateway.exchange.change(earlier, request)


def _check_open(session: "Session", earlier: Order) -> None:
    """An id can be used again only to change an order that is still open."""
    if earlier.is_open:
        return
    if earlier.status is Status.FILLED and earlier.order_id in session.placed:
        raise Refusal(104, "Cannot modify a filled order.")
    raise Refusal(103, "Duplicate order id")


HANDLERS: dict[type[Message], Any] = {
    PlaceOrder: place,
    ask.CancelOrder: cancel,
    ask.ReqGlobalCancel: cancel_all,
}
