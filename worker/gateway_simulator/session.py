"""One client's connection: handshake, startApi, then each request to its handler."""

import asyncio
import logging
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, cast

from gateway_simulator import actions as act
from gateway_simulator import treatment
from gateway_simulator.faults import Event
from gateway_simulator.feeds import Feed, Feeds
from gateway_simulator.handlers import HANDLERS
from gateway_simulator.refusal import Refusal
from gateway_simulator.wire import codec, fields, handshake, layout, requests, responses, values
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
        self.is_deaf = False  # the socket is open, but nothing is read
        self.binds_manual_orders = False
        self.follows_positions = False
        self.market_data_type = 1
        self.placed: set[int] = set()  # order ids, on this connection
        self.instructions: tuple[act.Action, ...] = ()  # of a scenario, about the order that is being placed
        self.waiting: asyncio.Task[None] | None = None  # a delayed request, which holds up the others
        self.feeds = Feeds()
        self.gone = asyncio.Event()
        self._deframer = codec.Deframer()
        self._greeted = False
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._is_closed = False

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        gateway = self.gateway
        self.is_deaf = not gateway.is_logged_in
        gateway.sessions.add(self)
        gateway.requests["connect"] += 1
        treatment.treat(self, gateway.actions(Event("connect")), None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._transport, self._is_closed = None, True
        self.gone.set()
        self.gateway.sessions.discard(self)
        if self.waiting is not None:
            self.waiting.cancel()

    def data_received(self, data: bytes) -> None:
        self._deframer.feed(data)
        self.drain()

    def close(self) -> None:
        """Send what is waiting, then hang up."""
        self.flush()
        self.gateway.save()
        if self._transport is not None and not self._is_closed:
            self._is_closed = True
            self._transport.close()

    def abort(self) -> None:
        """Hang up without waiting for a client that doesn't read."""
        if self._transport is not None:
            self._transport.abort()

    # What goes out

    def send(self, *messages: Message) -> None:
        """Send messages soon, many in one write."""
        if not self._out and messages:
            asyncio.get_running_loop().call_soon(self.flush)
        self._out += [codec.frame(layout.encode(message, self.version)) for message in messages]

    def error(self, req_id: int, code: int, text: str) -> None:
        """An error about a request, or a notice with id -1."""
        if self.version:  # until the handshake there are no words for it
            self.send(responses.Error(req_id=req_id, error_code=code, text=text))

    def subscribe(self, key: Hashable, feed: Feed) -> None:
        """Tell the client now, and again whenever it changes."""
        self.send(*self.feeds.start(key, feed, self.gateway.clock.now()))

    def mute(self) -> None:
        """Forget what hasn't been sent."""
        self._out.clear()

    def wake(self) -> None:
        """Send what has waited, and treat what has come, while the gateway was frozen."""
        self.flush()
        self.drain()

    def flush(self) -> None:
        """Send what is waiting, but not while the gateway is frozen."""
        if self.gateway.is_frozen:
            return
        out, self._out = self._out, []
        if out and self._transport is not None and not self._is_closed:
            self.gateway.save()  # nothing is told that a killed simulator would have forgotten
            self._transport.write(b"".join(out))

    # What comes in

    def drain(self) -> None:
        """Treat what has come, as far as the session listens."""
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
        return not deaf and not self._is_closed and self.waiting is None

    def _bodies(self) -> Iterator[str]:
        if not self._greeted:
            if not self._deframer.prefix(handshake.PREFIX):
                return
            self._greeted = True
        yield from self._deframer.bodies()

    def _receive(self, body: str) -> None:
        if not self.version:
            gateway = self.gateway
            self.version = handshake.agree(body, fields.OLDEST, gateway.max_version)
            self._out.append(handshake.answer(self.version, gateway.clock.now(), gateway.time_zone))
            self.flush()
            return
        request = self._read(body)
        if request is not None:
            self.gateway.requests[requests.name(request)] += 1
            treatment.treat(self, self.gateway.actions_on(request, self.client_id), request)

    def _read(self, body: str) -> Message | None:
        """The request; one that can't be read is answered, counted, and of no other effect."""
        fields = [""]
        try:
            fields = codec.split(body)
            if fields[0] in requests.UNSUPPORTED:
                self._decline(fields)
                return None
            table = requests.TABLES.get(fields[0])
            if table is None:
                raise ProtocolError(f"no request has the code {fields[0]!r}")
            return layout.decode(table, fields, self.version)
        except ProtocolError as error:
            log.warning("unreadable request of client %d: %s", self.client_id, error)
            self.gateway.requests[UNREADABLE] += 1
            self.error(NOBODY, 320, f"Error reading request. Message id {fields[0]}: {error}")
            return None

    def _decline(self, fields: list[str]) -> None:
        """Answer a request that isn't offered here, so that nobody waits for it."""
        name, place = requests.UNSUPPORTED[fields[0]]
        self.gateway.requests[name] += 1
        req_id = values.read_int(fields[place]) if 0 < place < len(fields) else NOBODY
        self.error(req_id, 321, f"Error validating request.-'bN' : cause - {name} is not simulated")

    def handle(self, request: Message) -> None:
        """Let a request have its effect, and answer it."""
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
