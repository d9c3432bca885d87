"""The gateway: all that outlives a connection. `server.serve` opens a port to it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway_simulator import effects, events, reports, valuation
from gateway_simulator.accounts import Account, default_accounts
from gateway_simulator.actions import Action
from gateway_simulator.announcer import Announcer
from gateway_simulator.book import Book, Order
from gateway_simulator.clock import Clock
from gateway_simulator.contracts import Contract
from gateway_simulator.credit import Credit
from gateway_simulator.exchange import Exchange
from gateway_simulator.faults import Event, Faults
from gateway_simulator.market import Market
from gateway_simulator.market_file import MarketFile, catalogue
from gateway_simulator.valuation import Valuation
from gateway_simulator.wire import responses
from gateway_simulator.wire.fields import NEWEST
from gateway_simulator.wire.layout import Message
from gateway_simulator.wire.orders import PlaceOrder

if TYPE_CHECKING:
    from gateway_simulator.session import Session

log = logging.getLogger(__name__)

LEAST_PULSE_S = 0.25  # real seconds, however fast the clock runs


class Gateway:
    """Clock, market, accounts, book, scenario and counters, and the sessions of the clients that are on."""

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
        self.catalogue = catalogue(prices, self.clock.now)
        self.accounts = dict(accounts or default_accounts())
        for name, account in self.accounts.items():
            account.account_id = name
        self.book = Book(first_order_id)
        self.faults = faults
        self.time_zone = time_zone
        self.max_version = max_version
        self.requests: Counter[str] = Counter()
        """How often each request has come, by its name in the API; `connect` and `unreadable` too."""
        self.sessions: set[Session] = set()
        self.goes_down = asyncio.Event()
        self.comes_up = asyncio.Event()
        self.is_logged_in = True
        self.has_broker = True
        self.is_frozen = False
        self.announcer = Announcer(self)
        self.exchange = Exchange(self.clock, self.market, self.book, self.accounts, self.announcer, time_zone)
        self.credit = Credit(self.book, self.market, self.accounts, self.value)
        self.keep: Callable[[], None] | None = None
        self._timed = faults.timed() if faults else ()
        self._tasks: set[asyncio.Task[None]] = set()

    # What time it is, and what an account is worth

    def midnight(self) -> datetime:
        """The last midnight of the gateway's own time zone: its memory of executions begins there."""
        local = self.clock.now().astimezone(ZoneInfo(self.time_zone))
        return local.replace(hour=0, minute=0, second=0, microsecond=0)

    def value(self, account_id: str) -> Valuation:
        """An account, valued now."""
        account = self.accounts[account_id]
        return valuation.value(account, self.book, self.market, self.midnight(), self.clock.now())

    # What other hands do

    def manual_order(self, contract: Contract, terms: PlaceOrder, account: str = "") -> Order:
        """Place an order as by hand in TWS: no client has it, until client 0 takes it over."""
        account = account or next(iter(self.accounts))
        order = self.exchange.draft(0, account, contract, replace(terms, order_id=0))
        if any(session.binds_manual_orders for session in self.sessions):
            order = self._bound(order)
        return self.exchange.place(order)

    def bind_manual_orders(self) -> None:
        """Give each order placed by hand to client 0."""
        for order in self.book.open_orders():
            if order.order_id == 0:
                bound = self.book.put(self._bound(order))
                self.announcer.tell(bound, reports.open_order(bound), reports.order_status(bound))

    def _bound(self, order: Order) -> Order:
        bound = self.book.bound(order)
        message = responses.OrderBound(perm_id=bound.perm_id, client_id=0, order_id=bound.order_id)
        self.announcer.tell(bound, message)
        return bound

    def restart(self, *, fresh: bool = False) -> None:
        """Close every connection. A fresh container has forgotten executions, ended orders, the counter."""
        self.disconnect()
        if fresh:
            self.book.forget(self.clock.now())

    def go_down(self, seconds: float) -> None:
        """Close every connection and the port, for so many simulated seconds."""
        self.comes_up.clear()
        self.goes_down.set()

        def come_up() -> None:
            self.goes_down.clear()
            self.comes_up.set()

        self.later(seconds, come_up)

    def disconnect(self) -> None:
        """Close every connection."""
        for session in tuple(self.sessions):
            session.close()

    def broadcast(self, code: int, text: str) -> None:
        """A notice to every client that is about no request: connectivity, data farms."""
        for session in tuple(self.sessions):
            session.error(-1, code, text)

    # The scenario

    def actions(self, event: Event) -> tuple[Action, ...]:
        """What the scenario does about an event."""
        return self.faults.on(event) if self.faults else ()

    def actions_on(self, request: Message, client_id: int) -> tuple[Action, ...]:
        """What the scenario does about a request."""
        return self.faults.on(events.of(request, client_id, self.book)) if self.faults else ()

    # Time

    def pulse(self) -> None:
        """Let time have its effect: orders trade or expire, subscriptions tell what has changed."""
        self.exchange.evaluate()
        self.save()
        if self.has_broker:
            now = self.clock.now()
            for session in tuple(self.sessions):
                session.send(*session.feeds.due(now))

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something after so many simulated seconds, if the gateway is still served then."""

        async def wait() -> None:
            await self.clock.sleep(seconds)
            _survive(do)

        task = asyncio.get_running_loop().create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Pulse each simulated second (a few times a real one, if those are short), until cancelled."""
        timed, self._timed = self._timed, ()
        for rule in timed:
            left = (rule.at - self.clock.now()).total_seconds()
            self.later(left, partial(effects.perform, self, rule.actions))
        try:
            while True:
                await self.clock.sleep(max(1.0, LEAST_PULSE_S * self.clock.speed))
                _survive(self.pulse)
        finally:
            for task in self._tasks:
                task.cancel()

    def save(self) -> None:
        """Keep what must survive, before anybody is told of it; of no effect without a state file."""
        if self.keep is not None:
            self.keep()


def _survive(do: Callable[[], object]) -> None:
    """Do something; whatever is wrong with it is logged, and the gateway lives."""
    try:
        do()
    except Exception:
        log.exception("the gateway goes on after a failure")
