"""Who the client is, and small talk."""

from typing import TYPE_CHECKING, Any

from gateway_simulator import notices
from gateway_simulator.wire import requests as ask
from gateway_simulator.wire import responses as say
from gateway_simulator.wire.layout import Message

if TYPE_CHECKING:
    from gateway_simulator.session import Session


def start_api(session: "Session", request: ask.StartApi) -> None:
    """Let the client in, unless another connection has its id."""
    gateway = session.gateway
    if request.client_id < 0:
        session.error(-1, 321, f"Invalid client id {request.client_id}")
        session.close()
        return
    if any(other.client_id == request.client_id for other in gateway.sessions if other is not session):
        session.error(
            -1, 326, "Unable to connect as the client id is already in use. Retry with a unique client id."
        )
        session.close()
        return
    session.client_id = request.client_id
    managed_accounts(session, request)
    next_valid_id(session, request)
    for code in notices.AT_LOGIN:
        session.error(-1, code, notices.text(code))


def managed_accounts(session: "Session", _: object) -> None:
    """The accounts of the login."""
    session.send(say.ManagedAccounts(accounts=",".join(session.gateway.accounts)))


def next_valid_id(session: "Session", _: object) -> None:
    """Where the gateway's counter of order ids stands."""
    session.send(say.NextValidId(order_id=session.gateway.book.next_order_id))


def current_time(session: "Session", _: object) -> None:
    """The simulated time."""
    session.send(say.CurrentTime(time=int(session.gateway.clock.now().timestamp())))


def nothing(_: "Session", __: object) -> None:
    """A request without effect here."""


HANDLERS: dict[type[Message], Any] = {
    ask.StartApi: start_api,
    ask.ReqIds: next_valid_id,
    ask.ReqManagedAccts: managed_accounts,
    ask.ReqCurrentTime: current_time,
    ask.SetServerLogLevel: nothing,
}
