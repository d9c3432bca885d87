"""One client's connection: handshake, startApi, then each request to its handler."""

import asyncio
import logging
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, cast

from gateway_simulator import actions as act
from gateway_simulator import effects
from gateway_simulator.book import Order
from gateway_simulator.faults import Event
from gateway_simulator.feeds import Feed, Feeds
from gateway_simulator.handlers import HANDLERS
from gateway_simulator.refusal import Refusal
from gateway_simulator.wire import codec, handshake, layout, requests, responses
from gateway_simulator.wire.errors import ProtocolError
from gateway_simulator.wire.layout import Message
from gateway_simulator.wire.orders import PlaceOrder

if TYPE_CHECKING:
    from gateway_simulator.gateway import Gateway

log = logging.getLogger(__name__)

NOBODY = -1
UNREADABLE = "unreadable"  # counted among the requests


class Session(asyncio.Protocol):
    """A connection. What it knows is lost with it; everything that lasts is the gateway's."""

    def __init__(self, gateway: "Gateway") -> None:
        self.gateway = gateway
        self.client_id = NOBODY
        self.version = 0
        self.is_deaf = False  # the socket is open, but nothing is read
        self.binds_manual_orders = False
        self.follows_positions = False
        self.market_data_type = 1
        self.placed: set[int] = set()  # order ids, on this connection
        self.instructions: tuple[act.Action, ...] = ()  # of a scenario, about the order that is being placed
        self.feeds = Feeds()
        self._deframer = codec.Deframer()
        self._greeted = False
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Task[None] | None = None

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        gateway = self.gateway
        self.is_deaf = not gateway.is_logged_in
        gateway.sessions.add(self)
        gateway.requests["connect"] += 1
        self._act(gateway.actions(Event("connect")), None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._transport = None
        self.gateway.sessions.discard(self)
        if self._waiting is not None:
            self._waiting.cancel()

    def data_received(self, data: bytes) -> None:
        self._deframer.feed(data)
        self._drain()

    def close(self) -> None:
        """Send what is waiting, then hang up."""
        self._flush()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # What goes out

    def send(self, *messages: Message) -> None:
        """Send messages soon, many in one write."""
        if not self._out and messages:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out += [codec.frame(layout.encode(message, self.version)) for message in messages]

    def error(self, req_id: int, code: int, text: str) -> None:
        """An error about a request, or a notice with id -1."""
        if self.version:  # until the handshake there are no words for it
            self.send(responses.Error(req_id=req_id, error_code=code, text=text))

    def subscribe(self, key: Hashable, feed: Feed) -> None:
        """Tell the client now, and again whenever it changes."""
        self.send(*self.feeds.start(key, feed, self.gateway.clock.now()))

    def wake(self) -> None:
        """Send what has waited, and treat what has come, while the gateway was frozen."""
        self._flush()
        self._drain()

    def _flush(self) -> None:
        if self.gateway.is_frozen:
            return
        out, self._out = self._out, []
        if out and self._transport is not None:
            self.gateway.save()  # nothing is told that a killed simulator would have forgotten
            self._transport.write(b"".join(out))

    # What comes in

    def _drain(self) -> None:
        try:
            bodies = self._bodies()
            while self._listens() and (body := next(bodies, None)) is not None:
                self._receive(body)
        except ProtocolError as error:
            # The stream itself is broken: what follows can't be told apart from garbage.
            log.warning("closing the connection of client %d: %s", self.client_id, error)
            self.gateway.requests[UNREADABLE] += 1
            self.close()

    def _listens(self) -> bool:
        """Not once a scenario has made it deaf or hung up, and not before a delayed request is treated."""
        deaf = self.is_deaf or self.gateway.is_frozen
        return not deaf and self._transport is not None and self._waiting is None

    def _bodies(self) -> Iterator[str]:
        if not self._greeted:
            if not self._deframer.prefix(handshake.PREFIX):
                return
            self._greeted = True
        yield from self._deframer.bodies()

    def _receive(self, body: str) -> None:
        if not self.version:
            gateway = self.gateway
            self.version = handshake.agree(body, layout.OLDEST, gateway.max_version)
            self._out.append(handshake.answer(self.version, gateway.clock.now(), gateway.time_zone))
            self._flush()
            return
        request = self._read(body)
        if request is not None:
            self.gateway.requests[requests.name(request)] += 1
            self._act(self.gateway.actions_on(request, self.client_id), request)

    def _read(self, body: str) -> Message | None:
        fields: list[str] = []
        try:
            fields = codec.split(body)
            table = requests.TABLES.get(fields[0])
            if table is None:
                raise ProtocolError(f"no request has the code {fields[0]!r} here")
            return layout.decode(table, fields, self.version)
        except ProtocolError as error:
            log.warning("unreadable request of client %d: %s", self.client_id, error)
            self.gateway.requests[UNREADABLE] += 1
            self.error(NOBODY, 320, f"Error reading request. Message id {'.'.join(fields[:1])}: {error}")
            return None

    def _handle(self, request: Message) -> None:
        if self.client_id == NOBODY and not isinstance(request, requests.StartApi):
            self.error(requests.subject(request), 504, "Not connected")
            return
        try:
            HANDLERS[type(request)](self, request)
        except Refusal as refusal:
            self.error(requests.subject(request), refusal.code, refusal.text)
        except Exception:  # whatever one request does, the gateway lives
            log.exception("%s of client %d", requests.name(request), self.client_id)
            self.error(requests.subject(request), 322, "Error processing request.")

    # What goes wrong on purpose

    def _act(self, actions: tuple[act.Action, ...], request: Message | None) -> None:
        """Treat a request (None: the connection itself) as a scenario wants it.

        What concerns the request comes first, then the request, unless something prevented it, then the rest.
        """
        if not actions:
            if request is not None:
                self._handle(request)
            return
        for n, action in enumerate(actions):
            if isinstance(action, act.Delay):
                self._wait(action.seconds, actions[:n] + actions[n + 1 :], request)
                return
        order = self._order(request)
        if isinstance(request, requests.CancelOrder):
            effects.perform(
                self.gateway, (action for action in actions if isinstance(action, act.Fill)), order
            )
            actions = tuple(action for action in actions if not isinstance(action, act.Fill))
        treated, closes = self._prevented(actions, request)
        if request is not None and treated:
            muted = act.Drop(when="after") in actions
            self._flush()
            self.instructions = actions
            self._handle(request)
            self.instructions = ()
            if muted:
                self._out.clear()
            closes = closes or muted
        if closes:
            self.close()
        effects.perform(self.gateway, actions, self._order(request))

    def _order(self, request: Message | None) -> Order | None:
        """The order that a request places, changes or cancels, if it stands."""
        if isinstance(request, PlaceOrder | requests.CancelOrder):
            return self.gateway.book.find(self.client_id, request.order_id)
        return None

    def _prevented(self, actions: tuple[act.Action, ...], request: Message | None) -> tuple[bool, bool]:
        """Whether the request is treated all the same, and whether the connection is closed."""
        subject = NOBODY if request is None else requests.subject(request)
        treated, closes = True, False
        for action in actions:
            match action:
                case act.Error(code=code, message=message):
                    self.error(subject, code, message)
                case act.Reject(code=code, message=message):
                    self.error(subject, code, message)
                    treated, closes = False, request is None or isinstance(request, requests.StartApi)
                case act.Silent():
                    treated, self.is_deaf = False, request is None
                case act.NoLogin():
                    treated, self.is_deaf = False, True
                case act.Drop(when="before"):
                    treated, closes = False, True
        return treated, closes

    def _wait(self, seconds: float, actions: tuple[act.Action, ...], request: Message | None) -> None:
        """Treat the request later; those that follow on the connection wait behind it."""

        async def wait() -> None:
            await self.gateway.clock.sleep(seconds)
            self._waiting = None
            self._act(actions, request)
            self._drain()

        self._waiting = asyncio.get_running_loop().create_task(wait())
