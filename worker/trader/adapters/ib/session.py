"""One login to the gateway, from its socket to its end."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from ib_insync import IB, RequestError

from trader.adapters.ib import codes
from trader.adapters.ib.farms import Farms
from trader.adapters.ib.fills import Executions
from trader.adapters.ib.last_trades import LastTrades
from trader.adapters.ib.order_ids import OrderIds
from trader.adapters.ib.pacer import Pacer
from trader.adapters.ib.requests import Requests
from trader.adapters.ib.told import Told
from trader.adapters.ib.unread import Unread
from trader.adapters.ib.unusable import Unusable, disconnected
from trader.domain.gateway import GatewayState
from trader.domain.portfolio import Fill

T = TypeVar("T")


class Session:
    """One login, never used again after its end.

    Each has an ``IB`` of its own: no trade, pending request or late event of an older connection can be
    taken for this one's, and ``IB.connectAsync``, which swallows start-up requests that were not
    answered, isn't needed. ``on_change`` is called, on the event loop, whenever ``lost``, ``broker_up``,
    ``synchronised`` or ``farms`` may have changed, ``on_data`` when anything has come from the gateway.
    """

    def __init__(
        self,
        session_id: str,
        on_change: Callable[["Session"], None],
        on_data: Callable[[], None],
        *,
        answer_s: float,
    ) -> None:
        self.id = session_id
        self.lost: asyncio.Future[Unusable] = asyncio.get_running_loop().create_future()
        self.broker_up = True
        self.synchronised = False
        self.interruptions = 0
        self.last_words = ""  # why it may be lost, to be appended to a reason
        self.farms = Farms()
        self.account = ""
        self.account_version = 0
        """Changes whenever a value of the account does."""
        self.market_data_type = 0
        self.ib = IB()
        self.ib.client.MaxRequests = 0  # its throttle would keep orders back; the pacer is before it
        self.ib.RaiseRequestErrors = True  # the default turns an error into an empty, flat account
        self.ib.errorEvent.clear()  # ib_insync's own listener asks for a summary at 1102 that nobody reads
        self.ib.errorEvent += self._on_message
        self.ib.client.apiError += self._on_api_error
        self.ib.client.conn.disconnected += self._on_socket_closed
        self.ib.updateEvent += on_data
        self.ib.accountValueEvent += self._on_account_value
        self.last_trades = LastTrades(self.ib.wrapper)
        self._unread = Unread(self.ib.client.decoder)
        self.told = Told(self.ib)
        self._executions = Executions(self.ib)
        self.order_ids = OrderIds(self.ib)
        self.pacer = Pacer()
        self.requests = Requests(self.ib, self.pacer, answer_s=answer_s)
        self._on_change = on_change
        self._answer_s = answer_s
        self._changed = asyncio.Event()
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._socket_closed = asyncio.Event()

    async def login(self, host: str, port: int, client_id: int, *, within_s: float) -> tuple[str, ...]:
        """Connect and log in; return the accounts that the login manages. Raises Unusable."""
        client = self.ib.client
        self.ib.wrapper.clientId = client_id
        login = asyncio.ensure_future(client.connectAsync(host, port, client_id, None))
        try:
            await asyncio.wait({login, self.lost}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            if login.done():
                login.result()
                return tuple(client.getAccounts())
            if self.lost.done():
                raise self.lost.result()
            if client.conn.isConnected():
                raise Unusable(
                    GatewayState.LOGIN_REQUIRED,
                    "gateway-login-required",
                    f"{host}:{port} accepts connections but did not answer a login within {within_s:g} s: "
                    "log in to the gateway, approving the second factor",
                )
            raise disconnected("gateway-disconnected", f"{host}:{port} did not answer within {within_s:g} s")
        except OSError as error:
            raise disconnected(
                "gateway-disconnected",
                f"nothing listens at {host}:{port} ({error}): start the gateway, and log it in",
            ) from None
        finally:
            login.cancel()
            await asyncio.gather(login, return_exceptions=True)

    async def synchronise(self) -> None:
        """Subscribe to or fetch all that is answered from memory; each answer must have come.

        ``synchronised`` is True afterwards, unless the gateway lost the broker meanwhile. Raises Unusable.
        """
        ib, interruptions = self.ib, self.interruptions
        if interruptions:
            # A second download only adds and changes: what is gone by now must not linger.
            ib.client.cancelPositions()
            ib.client.reqAccountUpdates(False, self.account)
            for state in (ib.wrapper.positions, ib.wrapper.portfolio, ib.wrapper.accountValues):
                state.clear()
        if ib.wrapper.clientId == 0:
            ib.reqAutoOpenOrders(True)  # client 0 alone may be told of orders that are entered by hand
        # One that isn't answered ends the session, and the session's end ends the others.
        _, _, turn = await asyncio.gather(
            self.question("positions", ib.reqPositionsAsync),
            self.question("account values", lambda: ib.reqAccountUpdatesAsync(self.account)),
            self.list_orders(),
        )
        if not any(value.tag == "NetLiquidation" for value in ib.accountValues(self.account)):
            raise disconnected("gateway-not-synchronised", f"the gateway reports no values of {self.account}")
        if interruptions == self.interruptions:
            self.told.finish_listing(turn)
            self.synchronised = True

    async def list_orders(self) -> int:
        """Ask for open orders, completed orders and executions of all clients; return the turn of ``told``.

        In this order an order that ends meanwhile is told of at least once. Raises Unusable.
        """
        turn = await self._list_open_orders()
        await self.question("completed orders", lambda: self.ib.reqCompletedOrdersAsync(False))
        await self.question("executions", self.ib.reqExecutionsAsync)
        return turn

    async def list_what_stands(self) -> int:
        """Ask for open orders and executions of all clients; return the turn of ``told``. Raises Unusable.

        What has ended unfilled is not asked for.
        """
        turn = await self._list_open_orders()
        await self.question("executions", self.ib.reqExecutionsAsync)
        return turn

    async def _list_open_orders(self) -> int:
        turn = self.told.start_listing()
        await self.question("open orders", self.ib.reqAllOpenOrdersAsync)
        return turn

    def fills(self) -> Sequence[Fill]:
        """Return the account's fills, as far back as the gateway reports them."""
        return self._executions.of(self.account)

    async def current_time(self) -> datetime:
        """Return the gateway's time, to the second. Raises Unusable."""
        return await self.question("the time", self.ib.reqCurrentTimeAsync)

    async def question(self, name: str, request: Callable[[], Awaitable[T]]) -> T:
        """Ask what carries no request id, one at a time: of two at once, ib_insync answers only one.

        A question that isn't answered ends the session, since a late answer would be taken for the next
        one's; so does an answer that can't be read whole. Raises Unusable.
        """
        async with self._asking[name]:
            await self.pacer.slot()
            unread = self._unread.count
            try:
                async with asyncio.timeout(self._answer_s):
                    answer = await request()
                if self._unread.count == unread:
                    return answer
                self._end("gateway-broken", f"the gateway's answer for {name} could not be read; see the log")
            except TimeoutError:
                self._end(
                    "gateway-silent",
                    f"the gateway did not answer a request for {name} within {self._answer_s:g} s"
                    f"{self.last_words}",
                )
            except ConnectionError:
                self._end("gateway-disconnected", "the connection to the gateway was lost")
            except RequestError as error:
                self._end("gateway-broken", f"the gateway refused a request for {name}: {error}")
            except asyncio.CancelledError:
                self._end("gateway-disconnected", f"a request for {name} was given up")
                raise
            raise self.lost.result()

    async def change(self, *, within_s: float) -> bool:
        """Wait for a change since the last call; False if none came in time."""
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    async def close(self) -> None:
        """Close the socket and end every request that still waits; returns when both are done."""
        transport = self.ib.client.conn.transport
        if transport is None:
            return
        # A graceful close first sends what is buffered, which a silent peer never takes.
        transport.abort()
        self.ib.client.disconnect()
        self.ib.wrapper.connectionClosed()
        await self._socket_closed.wait()

    def _on_message(self, request_id: int, code: int, text: str, _contract: object) -> None:
        if code == codes.CLIENT_ID_IN_USE:
            self._end(
                "client-id-in-use",
                f"client id {self.ib.wrapper.clientId} is in use: another worker is connected to this "
                "gateway, or it hasn't noticed yet that we are gone; stop the other one, or wait",
            )
        elif code in codes.LOST_BROKER:
            self._interrupted(broker_up=False)
        elif code in codes.RESTORED:
            self._interrupted(broker_up=True)
        elif code == codes.COMPETING_SESSION or (request_id < 0 and code not in codes.FARM_UP):
            self.last_words = f"; its last error was {code}: {text}"
        self.farms = self.farms.after(code, text)
        self._tell()

    def _on_account_value(self, _value: object) -> None:
        self.account_version += 1

    def _interrupted(self, *, broker_up: bool) -> None:
        self.broker_up = broker_up
        self.synchronised = False
        self.interruptions += 1
        self.account_version += 1

    def _on_api_error(self, text: str) -> None:
        self._end("gateway-disconnected", text)

    def _on_socket_closed(self, text: str) -> None:
        self._socket_closed.set()
        self._end("gateway-disconnected", (text or "the gateway closed the connection") + self.last_words)

    def _end(self, code: str, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(disconnected(code, reason))
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._on_change(self)
