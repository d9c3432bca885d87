"""The book: orders, executions and positions, whatever happens to connections.

It plays two parts. What IB's servers know (positions, open orders) is never lost. What the gateway itself
remembers (the order-id counter, executions and completed orders of today) ends at its midnight, and all at
once when its container is replaced by a fresh one.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from gateway_simulator import positions
from gateway_simulator.contracts import Contract
from gateway_simulator.records import BookState, Execution, Order, Position, Schedule, Status

__all__ = ["LONG_AGO", "Book", "Execution", "Order", "Position", "Schedule", "Status"]

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Book:
    """Orders by perm id, executions by exec id, positions by account and contract."""

    def __init__(self, first_order_id: int = 1) -> None:
        self.first_order_id = first_order_id
        self.next_order_id = first_order_id
        self.next_perm_id = 1_000_000_001
        self.next_exec = 1
        self.orders: dict[int, Order] = {}
        self.executions: dict[str, Execution] = {}
        self.positions: dict[tuple[str, int], Position] = {}
        self.forgotten_before = LONG_AGO
        self._bound = 0
        self._open: dict[int, None] = {}  # perm ids in the order of placing
        self._by_client: dict[tuple[int, int], int] = {}
        self.changes = 0  # counts up with each change, for whoever saves the book

    def state(self) -> BookState:
        """All of it."""
        return BookState(
            next_order_id=self.next_order_id,
            next_perm_id=self.next_perm_id,
            next_exec=self.next_exec,
            bound=self._bound,
            forgotten_before=self.forgotten_before,
            orders=tuple(self.orders.values()),
            executions=tuple(self.executions.values()),
            positions=tuple(self.positions.values()),
            ids=tuple((client, order_id, perm_id) for (client, order_id), perm_id in self._by_client.items()),
        )

    def restore(self, state: BookState) -> None:
        """Become what was kept."""
        self.next_order_id, self.next_perm_id = state.next_order_id, state.next_perm_id
        self.next_exec, self._bound = state.next_exec, state.bound
        self.forgotten_before = state.forgotten_before
        self.orders = {order.perm_id: order for order in state.orders}
        self.executions = {execution.exec_id: execution for execution in state.executions}
        self.positions = {(p.account, p.contract.con_id): p for p in state.positions}
        self._open = {order.perm_id: None for order in state.orders if order.is_open}
        self._by_client = {(client, order_id): perm_id for client, order_id, perm_id in state.ids}

    def new_perm_id(self) -> int:
        self.next_perm_id += 1
        return self.next_perm_id - 1

    def put(self, order: Order) -> Order:
        """Store an order, new or changed; its order id is used from now on."""
        self.changes += 1
        known = self.orders.get(order.perm_id)
        self.orders[order.perm_id] = order
        if order.order_id and (known is None or known.order_id != order.order_id):
            self._by_client[order.client_id, order.order_id] = order.perm_id
            self.next_order_id = max(self.next_order_id, order.order_id + 1)
        if order.is_open:
            self._open[order.perm_id] = None
        else:
            self._open.pop(order.perm_id, None)
        return order

    def bound(self, order: Order) -> Order:
        """An order placed by hand with an id, below zero, of client 0."""
        self._bound -= 1
        return replace(order, order_id=self._bound)

    def find(self, client_id: int, order_id: int) -> Order | None:
        """The order of that client and id, unless it has ended and the id is free again."""
        return self.orders.get(self._by_client.get((client_id, order_id), 0))

    def open_orders(self) -> Iterator[Order]:
        """Orders that can still trade, oldest first."""
        for perm_id in tuple(self._open):
            if self.orders[perm_id].is_open:  # it may have ended while others were looked at
                yield self.orders[perm_id]

    def completed_since(self, at: datetime) -> Iterator[Order]:
        """Orders that ended at or after that time, as far as the gateway remembers."""
        at = max(at, self.forgotten_before)
        for order in self.orders.values():
            if order.ended_at is not None and order.ended_at >= at:
                yield order

    def executions_since(self, at: datetime) -> Iterator[Execution]:
        """Executions at or after that time, as far as the gateway remembers."""
        at = max(at, self.forgotten_before)
        for execution in self.executions.values():
            if execution.at >= at:
                yield execution

    def position(self, account: str, contract: Contract) -> Position:
        return self.positions.get((account, contract.con_id)) or Position(account, contract)

    def positions_of(self, account: str) -> list[Position]:
        """Positions that are not flat."""
        return [p for p in self.positions.values() if p.account == account and p.quantity]

    def expired(self, at: datetime) -> list[Position]:
        """Positions in contracts that are traded no more."""
        return [p for p in self.positions.values() if p.quantity and p.contract.has_expired(at)]

    def close(self, position: Position) -> Position:
        """Make a position flat without a trade."""
        self.changes += 1
        flat = replace(position, quantity=Decimal(0), average_cost=Decimal(0))
        self.positions[position.account, position.contract.con_id] = flat
        return flat

    def fill(
        self, order: Order, shares: Decimal, price: Decimal, at: datetime, commission: Decimal, currency: str
    ) -> tuple[Order, Execution]:
        """Execute so many shares of an order; the position follows."""
        filled = order.filled + shares
        average = (order.average_price * order.filled + price * shares) / filled
        done = filled >= order.quantity
        order = self.put(
            replace(
                order,
                filled=filled,
                average_price=average,
                last_price=price,
                status=Status.FILLED if done else Status.SUBMITTED,
                why_held="",
                ended_at=at if done else None,
                ended_because="Filled Size: " + format(filled.normalize(), "f") if done else "",
            )
        )
        position = self.position(order.account, order.contract)
        realized, position = positions.after(position, order.sign * shares, price, commission)
        execution = Execution(
            exec_id=self._new_exec_id(at),
            perm_id=order.perm_id,
            order_id=order.order_id,
            client_id=order.client_id,
            account=order.account,
            contract=order.contract,
            sign=order.sign,
            shares=shares,
            price=price,
            cumulative=filled,
            average_price=average,
            at=at,
            order_ref=order.terms.order_ref,
            commission=commission,
            currency=currency,
            realized_pnl=realized,
        )
        self.executions[execution.exec_id] = execution
        self.positions[order.account, order.contract.con_id] = position
        return order, execution

    def correct(
        self, execution: Execution, shares: Decimal, price: Decimal, commission: Decimal
    ) -> Execution:
        """Put a revision in an execution's place: the same id but for its last part, which counts up."""
        stem, _, revision = execution.exec_id.rpartition(".")
        key = (execution.account, execution.contract.con_id)
        revised = replace(
            execution,
            exec_id=f"{stem}.{int(revision) + 1:02d}",
            shares=shares,
            price=price,
            cumulative=execution.cumulative - execution.shares + shares,
            commission=commission,
        )
        revised, self.positions[key] = positions.corrected(self.positions[key], execution, revised)
        order = self.orders[execution.perm_id]
        filled = order.filled - execution.shares + shares
        paid = order.average_price * order.filled - execution.price * execution.shares + price * shares
        self.put(replace(order, filled=filled, average_price=paid / filled))
        del self.executions[execution.exec_id]
        self.executions[revised.exec_id] = revised
        return revised

    def forget(self, at: datetime) -> None:
        """As a fresh container: nothing that ended before is remembered, and ids count from the start."""
        self.forgotten_before = at
        self.count_from(self.first_order_id)

    def count_from(self, order_id: int) -> None:
        """Let order ids count from here; those of ended orders from here on can be used once more."""
        self.changes += 1
        self.next_order_id = order_id
        for key, perm_id in tuple(self._by_client.items()):
            if key[1] >= order_id and not self.orders[perm_id].is_open:
                del self._by_client[key]

    def _new_exec_id(self, at: datetime) -> str:
        """Shaped as IB's: the last part counts corrections of the same execution."""
        number, self.next_exec = self.next_exec, self.next_exec + 1
        return f"{0xE0D5:08x}.{int(at.timestamp()):08x}.{number:02x}.01"
