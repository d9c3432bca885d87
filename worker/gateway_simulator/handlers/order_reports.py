"""What the gateway remembers of orders: open ones, completed ones, executions."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gateway_simulator import reports
from gateway_simulator.book import LONG_AGO, Execution, Order
from gateway_simulator.refusal import invalid
from gateway_simulator.wire import requests as ask
from gateway_simulator.wire import responses as say
from gateway_simulator.wire.errors import ProtocolError
from gateway_simulator.wire.layout import Message
from gateway_simulator.wire.times import read_time

if TYPE_CHECKING:
    from gateway_simulator.session import Session


def open_orders(session: "Session", _: ask.ReqOpenOrders) -> None:
    """The client's own; those placed by hand belong to client 0."""
    own = (o for o in session.gateway.book.open_orders() if o.client_id == session.client_id)
    _send_open(session, own)


def all_open_orders(session: "Session", _: ask.ReqAllOpenOrders) -> None:
    """Those of every client, and those placed by hand."""
    _send_open(session, session.gateway.book.open_orders())


def auto_open_orders(session: "Session", request: ask.ReqAutoOpenOrders) -> None:
    """From now on, orders placed by hand are client 0's to change and cancel."""
    if session.client_id != 0:
        raise invalid("Only the default client (i.e 0) can auto bind orders")
    session.binds_manual_orders = request.bind
    if request.bind:
        session.gateway.bind_manual_orders()


def completed_orders(session: "Session", request: ask.ReqCompletedOrders) -> None:
    """Orders that ended since midnight, whoever placed them; without those placed by hand if asked so."""
    gateway = session.gateway
    for order in gateway.book.completed_since(gateway.midnight()):
        if order.order_id > 0 or not request.api_only:
            session.send(reports.completed_order(order, gateway.time_zone))
    session.send(say.CompletedOrdersEnd())


def executions(session: "Session", request: ask.ReqExecutions) -> None:
    """Executions since midnight that fit the filter, each with its commission."""
    gateway = session.gateway
    after = LONG_AGO
    if request.time:
        try:
            after = read_time(request.time, gateway.time_zone)
        except ProtocolError as error:
            raise invalid(str(error)) from None
    for execution in gateway.book.executions_since(max(gateway.midnight(), after)):
        if _fits(execution, request):
            session.send(
                reports.exec_details(execution, gateway.time_zone, session.version, request.req_id),
                reports.commission_report(execution),
            )
    session.send(say.ExecDetailsEnd(req_id=request.req_id))


def _send_open(session: "Session", orders: Iterable[Order]) -> None:
    for order in orders:
        session.send(reports.open_order(order), reports.order_status(order))
    session.send(say.OpenOrderEnd())


def _fits(execution: Execution, wanted: ask.ReqExecutions) -> bool:
    """Client 0 in the filter, like an empty field, means any."""
    contract = execution.contract
    pairs = (
        (wanted.client_id, execution.client_id),
        (wanted.account, execution.account),
        (wanted.symbol, contract.symbol),
        (wanted.sec_type, contract.sec_type),
        (wanted.exchange, contract.primary_exchange or contract.exchange),
        (wanted.side.upper(), {"BOT": "BUY", "SLD": "SELL"}[execution.side]),
    )
    return all(not want or want == has for want, has in pairs)


HANDLERS: dict[type[Message], Any] = {
    ask.ReqOpenOrders: open_orders,
    ask.ReqAllOpenOrders: all_open_orders,
    ask.ReqAutoOpenOrders: auto_open_orders,
    ask.ReqCompletedOrders: completed_orders,
    ask.ReqExecutions: executions,
}
