"""One client's connection: handshake, startApi, then each request to its handler."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, cast

from gateway_simulator.faults import Event
from gateway_simulator.feeds import Feed, Feeds
from gateway_simulator.handlers import HANDLERS
from gateway_simulator.refusal import Refusal
from gateway_simulator.scenario import Action, Delay, Drop, NoLogin, Reject, Silent
from gateway_simulator.wire import codec, handshake, layout, requests, responses
from gateway_simulator.wire.errors import ProtocolError
from gateway_simulator.wire.layout import Message

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
        self.binds_manual_orders = False
        self.follows_positions = False
        self.market_data_type = 1
        self.placed: set[int] = set()  # order ids, on this connection
        self.feeds = Feeds()
        self._deframer = codec.Deframer()
        self._greeted = False
        self._deaf = False  # the socket is open, but nothing is read
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._delayed: set[asyncio.Task[None]] = set()

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.gateway.sessions.add(self)
        self.gateway.requests["connect"] += 1
        self._act(self.gateway.actions(Event("connect")), lambda: None, NOBODY)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._transport = None
        self.gateway.sessions.discard(self)
        for task in self._delayed:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self._deframer.feed(data)
        try:
            bodies = self._bodies()
            while self._listens() and (body := next(bodies, None)) is not None:
                self._receive(body)
        except ProtocolError as error:
            # The stream itself is broken: what follows can't be told apart from garbage.
            log.warning("closing the connection of client %d: %s", self.client_id, error)
            self.gateway.requests[UNREADABLE] += 1
            self.close()

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
        self.send(responses.Error(req_id=req_id, error_code=code, text=text))

    def subscribe(self, key: Hashable, feed: Feed) -> None:
        """Tell the client now, and again whenever it changes."""
        self.send(*self.feeds.start(key, feed, self.gateway.clock.now()))

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and self._transport is not None:
            self.gateway.save()  # nothing is told that a killed simulator would have forgotten
            self._transport.write(b"".join(out))

    # What comes in

    def _listens(self) -> bool:
        """Not when a scenario has made it deaf, nor for what came with the last request before a drop."""
        return not self._deaf and self._transport is not None

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
            actions = self.gateway.actions_on(request, self.client_id)
            self._act(actions, lambda: self._handle(request), requests.subject(request))

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

    # What goes wrong on purpose

    def _act(self, actions: tuple[Action, ...], handle: Callable[[], None], subject: int) -> None:
        """Run a scenario's actions in order, and handle the request unless one of them prevents it."""
        for n, action in enumerate(actions):
            match action:
                case Delay(seconds=seconds):
                    self._later(seconds, actions[n + 1 :], handle, subject)
                    return
                case Reject(code=code, message=message):
                    self.error(subject, code, message)
                    return
                case Silent():
                    self._deaf = self.version == 0
                    return
                case NoLogin():
                    self._deaf = True
                    return
                case Drop(when="before"):
                    self.close()
                    return
                case Drop():
                    self._flush()
                    handle()
                    self._out.clear()
                    self.close()
                    return
        handle()

    def _later(
        self, seconds: float, actions: tuple[Action, ...], handle: Callable[[], None], subject: int
    ) -> None:
        async def wait() -> None:
            await self.gateway.clock.sleep(seconds)
            self._act(actions, handle, subject)

        task = asyncio.get_running_loop().create_task(wait())
        self._delayed.add(task)
        task.add_done_callback(self._delayed.discard)
