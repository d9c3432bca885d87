"""Who hears what of orders, fills and accounts, as it happens."""

import asyncio
from typing import TYPE_CHECKING

from gateway_simulator import actions as act
from gateway_simulator import effects, events, reports
from gateway_simulator.book import Execution, Order, Position, Status
from gateway_simulator.wire import responses
from gateway_simulator.wire.layout import Message

if TYPE_CHECKING:
    from gateway_simulator.gateway import Gateway
    from gateway_simulator.session import Session

GATHERING_S = 0.05  # real seconds in which trades are gathered before account values are told anew


class Announcer:
    """Tells clients what they haven't asked for; nothing of the broker's while the gateway has lost it."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._gathering: asyncio.TimerHandle | None = None

    def order_changed(self, order: Order) -> None:
        """Where an order stands; IB doesn't repeat the order itself when it is cancelled."""
        if order.status is not Status.CANCELLED:
            self.tell(order, reports.open_order(order))
        self.tell(order, reports.order_status(order))

    def notice(self, order: Order, code: int, text: str) -> None:
        """An error or a warning about an order."""
        self.tell(order, responses.Error(req_id=order.order_id, error_code=code, text=text))

    def executed(self, order: Order, execution: Execution) -> None:
        """A fill: execution, order, commission and position at once, account values soon."""
        gateway = self._gateway
        actions = gateway.actions(events.of_fill(order))
        kinds = {type(action) for action in actions}
        self._tell_execution(order, execution)
        if act.Duplicate in kinds:
            self._tell_execution(order, execution)
        self.tell(order, reports.open_order(order))
        if act.NoStatus not in kinds:
            self.tell(order, reports.order_status(order))
        if act.LateCommission not in kinds:
            self.tell(order, reports.commission_report(execution))
        self.position_changed(gateway.book.position(execution.account, execution.contract))
        for action in actions:
            self._later(order, execution, action)
        effects.perform(gateway, actions, order)

    def corrected(self, order: Order, revised: Execution) -> None:
        """A revised execution, its commission and the position; no status of the order is told."""
        self._tell_execution(order, revised)
        self.tell(order, reports.commission_report(revised))
        self.position_changed(self._gateway.book.position(revised.account, revised.contract))

    def position_changed(self, position: Position) -> None:
        """A position at once, account values soon."""
        gateway = self._gateway
        if not gateway.has_broker:
            return
        for session in gateway.sessions:
            if session.follows_positions:
                session.send(reports.position(position))
        if gateway.sessions and self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHERING_S, self.tell_accounts)

    def tell(self, order: Order, *messages: Message) -> None:
        """To the client that placed the order; to client 0 if it was by hand, and it asked for those."""
        for session in self._hearers(order):
            session.send(*messages)

    def tell_accounts(self) -> None:
        """What has changed in account values and the like."""
        self._gathering = None
        if self._gateway.has_broker:
            now = self._gateway.clock.now()
            for session in tuple(self._gateway.sessions):
                session.send(*session.feeds.traded(now))

    def _hearers(self, order: Order) -> list["Session"]:
        if not self._gateway.has_broker:
            return []
        return [
            session
            for session in self._gateway.sessions
            if session.client_id == order.client_id and (order.order_id > 0 or session.binds_manual_orders)
        ]

    def _tell_execution(self, order: Order, execution: Execution) -> None:
        for session in self._hearers(order):
            session.send(reports.exec_details(execution, self._gateway.time_zone, session.version))

    def _later(self, order: Order, execution: Execution, action: act.Action) -> None:
        """What a scenario lets come after a fill: its commission, its correction."""
        gateway = self._gateway

        def tell_commission() -> None:
            self.tell(order, reports.commission_report(execution))

        match action:
            case act.LateCommission(seconds=seconds):
                gateway.later(seconds, tell_commission)
            case act.Correct(seconds=seconds, shares=shares, price=price):
                revised = shares or execution.shares, price or execution.price
                gateway.later(seconds, lambda: gateway.exchange.correct(execution, *revised))
