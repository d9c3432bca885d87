"""The gateway: all that outlives a connection, and who hears of what happens to it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway_simulator import events, reports, valuation
from gateway_simulator.accounts import Account
from gateway_simulator.book import Book, Execution, Order, Status
from gateway_simulator.clock import Clock
from gateway_simulator.contracts import Contract
from gateway_simulator.credit import Credit
from gateway_simulator.exchange import Exchange
from gateway_simulator.faults import Event, Faults
from gateway_simulator.market import Market
from gateway_simulator.market_file import MarketFile, catalogue
from gateway_simulator.scenario import Action
from gateway_simulator.valuation import Valuation
from gateway_simulator.wire import responses
from gateway_simulator.wire.layout import NEWEST, Message
from gateway_simulator.wire.orders import PlaceOrder

if TYPE_CHECKING:
    from gateway_simulator.session import Session

log = logging.getLogger(__name__)

TRADED_DELAY_S = 0.05  # real seconds in which trades are gathered before account values are told anew
LEAST_PULSE_S = 0.25  # real seconds, however fast the clock runs


class Gateway:
    """Clock, market, accounts, book, scenario and counters; `serve` opens a port to it."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        prices: MarketFile | None = None,
        seed: int = 0,
        accounts: Mapping[str, Account] | None = None,
        faults: Faults | None = None,
        time_zone: str = "US/Eastern",
        max_version: int = NEWEST,
        first_order_id: int = 1,
    ) -> None:
        self.clock = clock or Clock()
        self.market = Market(self.clock, seed, prices)
        self.catalogue = catalogue(prices)
        self.accounts = dict(accounts or {"DU1234567": Account()})
        self.book = Book(first_order_id)
        self.faults = faults
        self.time_zone = time_zone
        self.max_version = max_version
        self.requests: Counter[str] = Counter()
        self.sessions: set[Session] = set()
        self.exchange = Exchange(self.clock, self.market, self.book, self.accounts, self, time_zone)
        self.credit = Credit(self.book, self.market, self.accounts, self.value)
        self._gathering: asyncio.TimerHandle | None = None

    # What time it is, and what an account is worth

    def midnight(self) -> datetime:
        """The last midnight of the gateway's own time zone: its memory of executions begins there."""
        local = self.clock.now().astimezone(ZoneInfo(self.time_zone))
        return local.replace(hour=0, minute=0, second=0, microsecond=0)

    def value(self, account_id: str) -> Valuation:
        """An account, valued now."""
        account = self.accounts[account_id]
        return valuation.value(account, self.book, self.market, self.midnight(), self.clock.now())

    # The scenario

    def actions(self, event: Event) -> tuple[Action, ...]:
        """What the scenario does about an event."""
        return self.faults.on(event) if self.faults else ()

    def actions_on(self, request: Message, client_id: int) -> tuple[Action, ...]:
        """What the scenario does about a request."""
        return self.faults.on(events.of(request, client_id, self.book)) if self.faults else ()

    # What other hands do

    def manual_order(self, contract: Contract, terms: PlaceOrder, account: str = "") -> Order:
        """Place an order as by hand in TWS: no client has it, until client 0 takes it over."""
        draft = self.exchange.draft(
            0, account or next(iter(self.accounts)), contract, replace(terms, order_id=0)
        )
        order = self.exchange.place(draft)
        if any(session.binds_manual_orders for session in self.sessions):
            self.bind_manual_orders()
        return order

    def bind_manual_orders(self) -> None:
        """Give each order placed by hand an id of client 0, below zero, as IB does."""
        for order in self.book.open_orders():
            if order.order_id == 0:
                bound = self.book.bind(order)
                self._tell(
                    0,
                    bound.order_id,
                    responses.OrderBound(perm_id=bound.perm_id, client_id=0, order_id=bound.order_id),
                    reports.open_order(bound),
                    reports.order_status(bound),
                )

    def restart(self, *, fresh: bool = False) -> None:
        """Drop every connection. A fresh container has forgotten executions, ended orders and the counter."""
        self.drop_all()
        if fresh:
            self.book.forget(self.clock.now())

    def broadcast(self, code: int, text: str) -> None:
        """A notice to every client that is about no request: connectivity, data farms."""
        for session in self.sessions:
            session.error(-1, code, text)

    def drop_all(self) -> None:
        """Close every connection."""
        for session in tuple(self.sessions):
            session.close()

    # What happens to orders, told to those who may know (exchange.Listener)

    def order_changed(self, order: Order) -> None:
        """Tell where an order stands; IB doesn't repeat the order itself when it is cancelled."""
        messages: list[Message] = [] if order.status is Status.CANCELLED else [reports.open_order(order)]
        self._tell(order.client_id, order.order_id, *messages, reports.order_status(order))

    def executed(self, order: Order, execution: Execution) -> None:
        """Tell of a fill: execution, order, commission and position at once, account values soon."""
        for session in self._hearers(order.client_id, order.order_id):
            session.send(
                reports.exec_details(execution, self.time_zone, session.version),
                reports.open_order(order),
                reports.order_status(order),
                reports.commission_report(execution),
            )
        position = reports.position(self.book.position(order.account, order.contract))
        for session in self.sessions:
            if session.follows_positions:
                session.send(position)
        self._traded()

    def notice(self, order: Order, code: int, text: str) -> None:
        """An error or warning about an order."""
        self._tell(
            order.client_id,
            order.order_id,
            responses.Error(req_id=order.order_id, error_code=code, text=text),
        )

    def pulse(self) -> None:
        """Let time have its effect: orders trade or expire, subscriptions tell what has changed."""
        self.exchange.evaluate()
        now = self.clock.now()
        for session in tuple(self.sessions):
            session.send(*session.feeds.due(now))

    async def run(self) -> None:
        """Pulse each simulated second, or a few times a real second if those are short."""
        while True:
            await self.clock.sleep(max(1.0, LEAST_PULSE_S * self.clock.speed))
            self.pulse()

    def save(self) -> None:
        """Keep what must survive; of no effect without a state file."""

    def _hearers(self, client_id: int, order_id: int) -> list["Session"]:
        """The client that placed an order; client 0 for one placed by hand, once it asked for those."""
        return [
            session
            for session in self.sessions
            if session.client_id == client_id and (order_id > 0 or session.binds_manual_orders)
        ]

    def _tell(self, client_id: int, order_id: int, *messages: Message) -> None:
        for session in self._hearers(client_id, order_id):
            session.send(*messages)

    def _traded(self) -> None:
        """Account values follow a trade soon, once for many of them."""
        if self.sessions and self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(TRADED_DELAY_S, self._tell_accounts)

    def _tell_accounts(self) -> None:
        self._gathering = None
        now = self.clock.now()
        for session in tuple(self.sessions):
            session.send(*session.feeds.traded(now))
