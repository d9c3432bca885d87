"""How a scenario has a request treated: late, with an error, not at all, or with its answers lost."""

import asyncio
from typing import TYPE_CHECKING

from gateway_simulator import actions as act
from gateway_simulator import effects
from gateway_simulator.book import Order
from gateway_simulator.wire import requests
from gateway_simulator.wire.layout import Message
from gateway_simulator.wire.orders import PlaceOrder

if TYPE_CHECKING:
    from gateway_simulator.session import Session

NOBODY = -1


def treat(session: "Session", actions: tuple[act.Action, ...], request: Message | None) -> None:
    """Treat a request (None: the connection itself) as these actions want it.

    What concerns the request comes first, then the request, unless something prevented it, then the rest.
    """
    if not actions:
        if request is not None:
            session.handle(request)
        return
    for n, action in enumerate(actions):
        if isinstance(action, act.Delay):
            _wait(session, action.seconds, actions[:n] + actions[n + 1 :], request)
            return
    if isinstance(request, requests.CancelOrder | requests.ReqGlobalCancel):
        # A fill that a cancellation causes comes before it, or there would be nothing left to fill.
        fills = tuple(action for action in actions if isinstance(action, act.Fill))
        actions = tuple(action for action in actions if action not in fills)
        effects.perform(session.gateway, fills, _order(session, request))
    closes = _tell(session, actions, request)
    if request is not None and not any(isinstance(action, _PREVENTS) for action in actions):
        closes = _handle(session, actions, request) or closes
    if closes or act.Drop(when="before") in actions:
        session.close()
    effects.perform(session.gateway, actions, _order(session, request))


_PREVENTS = (act.Reject, act.Silent, act.NoLogin)


def _tell(session: "Session", actions: tuple[act.Action, ...], request: Message | None) -> bool:
    """Say what is to be said, or nothing more at all; whether the connection is closed for it."""
    subject = NOBODY if request is None else requests.subject(request)
    closes = False
    for action in actions:
        match action:
            case act.Error(code=code, message=message):
                session.error(subject, code, message)
            case act.Reject(code=code, message=message):
                session.error(subject, code, message)
                closes = request is None or isinstance(request, requests.StartApi)
            case act.NoLogin():
                session.is_deaf = True
            case act.Silent() if request is None:
                session.is_deaf = True
    return closes


def _handle(session: "Session", actions: tuple[act.Action, ...], request: Message) -> bool:
    """Let the request have its effect, if it isn't lost before; whether the connection is closed after it."""
    if act.Drop(when="before") in actions:
        return True
    session.flush()
    session.instructions = actions
    session.handle(request)
    session.instructions = ()
    if act.Drop(when="after") not in actions:
        return False
    session.mute()
    return True


def _order(session: "Session", request: Message | None) -> Order | None:
    """The order that a request places, changes or cancels, if it stands."""
    if isinstance(request, PlaceOrder | requests.CancelOrder):
        return session.gateway.book.find(session.client_id, request.order_id)
    return None


def _wait(
    session: "Session", seconds: float, actions: tuple[act.Action, ...], request: Message | None
) -> None:
    """Treat the request later; those that follow on the connection wait behind it."""

    async def wait() -> None:
        await session.gateway.clock.sleep(seconds)
        session.waiting = None
        treat(session, actions, request)
        session.drain()

    session.waiting = asyncio.get_running_loop().create_task(wait())
