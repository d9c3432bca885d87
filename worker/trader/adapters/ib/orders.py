"""Orders at the broker: placed at once on the socket or not at all, and read on the broker's word."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

from collections.abc import Awaitable, Callable, Sequence

from trader.adapters.ib import codes
from trader.adapters.ib.connection import Connection
from trader.adapters.ib.margins import to_margin
from trader.adapters.ib.placing import to_ib_contract, to_ib_order
from trader.adapters.ib.session import Session
from trader.adapters.ib.unusable import Unusable
from trader.domain.errors import GatewayNotReady
from trader.domain.orders import BrokerOrder, Complaint, Lookup, Order
from trader.domain.portfolio import Margin
from trader.ports import Clock, Link


class IbOrders:
    """The Orders port.

    It calls ib_insync's client, not its ``IB``: that would show an order of which nothing is known yet.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def link(self) -> Link:
        return _link(self._connection.session())

    def reserve(self, count: int) -> Sequence[int]:
        client = self._connection.session().ib.client
        return [client.getReqId() for _ in range(count)]

    async def slot(self) -> None:
        await self._connection.session().pacer.slot(first=True)
        self._connection.session()

    async def margin(self, order: Order) -> Margin:
        session = self._connection.session()
        client, contract = session.ib.client, to_ib_contract(order.contract)

        def send(request_id: int) -> None:
            asked = to_ib_order(order, request_id, client.clientId, session.account)
            asked.whatIf = True
            client.placeOrder(request_id, contract, asked)

        name = f"the margin of {order.contract}"
        return to_margin(order, await session.requests.ask(name, send, refusal=codes.margin_refusal))

    def place(self, order: Order, order_id: int, link: Link) -> None:
        session = self._session(link)
        contract = to_ib_contract(order.contract)
        placed = to_ib_order(order, order_id, link.client_id, session.account)
        session.told.expect(contract, placed)
        session.ib.client.placeOrder(order_id, contract, placed)

    def has_placed(self, reference: str) -> bool:
        return self._connection.session().told.knows(reference)

    def cancel(self, order_id: int, link: Link) -> None:
        self._session(link).ib.client.cancelOrder(order_id)

    def cancel_everything(self, link: Link) -> None:
        self._session(link).ib.client.reqGlobalCancel()

    def told(self, reference: str) -> BrokerOrder | None:
        found = self._connection.session().told.order(reference)
        return found.to_broker_order() if found is not None else None

    def complaint(self, reference: str) -> Complaint | None:
        return self._connection.session().told.complaint(reference)

    async def change(self, *, within_s: float) -> bool:
        return await self._connection.changes.wait(within_s)

    async def standing(self) -> Sequence[BrokerOrder]:
        session, turn = await self._asked(Session.list_what_stands)
        if any(order.order.account in ("", session.account) for order in session.told.standing()):
            # Of what is listed, something may have ended already; of what isn't any more, it is to be told
            # what became of it, as it may have moved a position.
            return (await self.look_up()).open
        session.told.finish_listing(turn)
        return ()

    async def look_up(self) -> Lookup:
        next_order_id = 0

        async def ask(session: Session) -> int:
            nonlocal next_order_id
            turn = await session.list_orders()
            next_order_id = await session.question("its next order id", session.order_ids.ask)
            return turn

        session, turn = await self._asked(ask)
        session.told.finish_listing(turn)
        orders = _told(session, turn)
        return Lookup(
            open=tuple(order for order in orders if not order.state.is_end),
            completed=tuple(order for order in orders if order.state.is_end),
            fills=tuple(session.fills()),
            next_order_id=next_order_id,
            at=self._clock.now(),
        )

    async def _asked(self, ask: Callable[[Session], Awaitable[int]]) -> tuple[Session, int]:
        """Return what ``ask`` does of the session, answered while the gateway had the broker all the time."""
        session = self._connection.session()
        interruptions = session.interruptions
        try:
            turn = await ask(session)
        except Unusable as error:
            raise GatewayNotReady(error.code, error.reason) from None
        if self._connection.session() is not session or session.interruptions != interruptions:
            raise GatewayNotReady(
                "gateway-lost-broker", "the gateway lost the broker while it was asked for orders"
            )
        return session, turn

    def _session(self, link: Link) -> Session:
        """Return the session of ``link`` if what is sent on it now leaves at once. Raises GatewayNotReady."""
        session = self._connection.session()
        if session.id != link.id:
            raise GatewayNotReady(
                "gateway-reconnected", "the connection was made again: order ids of before are void"
            )
        transport = session.ib.client.conn.transport
        if transport is None or transport.is_closing():
            raise GatewayNotReady("gateway-disconnected", "the connection to the gateway is closing")
        if transport.get_write_buffer_size():
            # What waits here would reach the market later than anybody wanted it there.
            raise GatewayNotReady("gateway-silent", "the gateway doesn't take what is sent to it")
        return session


def _told(session: Session, turn: int) -> list[BrokerOrder]:
    """Return the account's orders that were told of since ``turn``."""
    return [
        order.to_broker_order()
        for order in session.told.orders(since=turn)
        if order.order.account in ("", session.account)
    ]


def _link(session: Session) -> Link:
    client = session.ib.client
    return Link(session.id, f"{client.host}:{client.port}", client.clientId, session.order_ids.first)
