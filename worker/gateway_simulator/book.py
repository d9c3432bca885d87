"""The book: orders, executions and positions, whatever happens to connections.

It plays two parts. What IB's servers know (positions, open orders) is never lost. What the gateway itself
remembers (the order-id counter, executions and completed orders of today) ends at its midnight, and all at
once when its container is replaced by a fresh one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from gateway_simulator.contracts import Contract
from gateway_simulator.wire.orders import PlaceOrder

ZERO = Decimal(0)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Status(StrEnum):
    """Where an order stands, in IB's words."""

    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    INACTIVE = "Inactive"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The instants of an order: from when it may trade, when it must (at the close), when it expires."""

    active_at: datetime
    due_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One order. Placed by hand: its client and order id are 0, until client 0 takes it over."""

    perm_id: int
    order_id: int
    client_id: int
    account: str
    contract: Contract
    terms: PlaceOrder
    placed_at: datetime
    schedule: Schedule
    status: Status = Status.PRE_SUBMITTED
    filled: Decimal = ZERO
    average_price: Decimal = ZERO
    last_price: Decimal = ZERO
    why_held: str = ""
    ended_at: datetime | None = None
    ended_because: str = ""

    @property
    def quantity(self) -> Decimal:
        return self.terms.total_quantity

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def sign(self) -> int:
        """1 to buy, -1 to sell."""
        return 1 if self.terms.action == "BUY" else -1

    @property
    def is_open(self) -> bool:
        """Not by its status: Inactive is the end of a rejected order, but not of one that is held."""
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill of an order, with what it cost and what it realised (None: it closed nothing)."""

    exec_id: str
    perm_id: int
    order_id: int
    client_id: int
    account: str
    contract: Contract
    sign: int
    shares: Decimal
    price: Decimal
    cumulative: Decimal
    average_price: Decimal
    at: datetime
    order_ref: str
    commission: Decimal
    currency: str
    realized_pnl: Decimal | None

    @property
    def side(self) -> str:
        return "BOT" if self.sign > 0 else "SLD"

    @property
    def signed(self) -> Decimal:
        return self.sign * self.shares

    @property
    def cash(self) -> Decimal:
        """What it changes in cash of the contract's currency, commission apart."""
        return -self.signed * self.price * self.contract.multiplier


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds of a contract; the average cost has commission and multiplier in it, as IB's."""

    account: str
    contract: Contract
    quantity: Decimal = ZERO
    average_cost: Decimal = ZERO


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

    def new_perm_id(self) -> int:
        self.next_perm_id += 1
        return self.next_perm_id - 1

    def put(self, order: Order) -> Order:
        """Store an order, new or changed; its order id is used from now on."""
        self.changes += 1
        self.orders[order.perm_id] = order
        if order.order_id:
            self._by_client[order.client_id, order.order_id] = order.perm_id
            self.next_order_id = max(self.next_order_id, order.order_id + 1)
        if order.is_open:
            self._open[order.perm_id] = None
        else:
            self._open.pop(order.perm_id, None)
        return order

    def bind(self, order: Order) -> Order:
        """Give an order placed by hand an id, below zero, of client 0."""
        self._bound -= 1
        return self.put(replace(order, order_id=self._bound))

    def find(self, client_id: int, order_id: int) -> Order | None:
        """The order of that client and id, unless it has ended and been forgotten."""
        order = self.orders.get(self._by_client.get((client_id, order_id), 0))
        return None if order is None or self._is_forgotten(order) else order

    def open_orders(self) -> Iterator[Order]:
        """Orders that can still trade, oldest first."""
        for perm_id in tuple(self._open):
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
        realized, position = _trade(position, order.sign * shares, price, commission)
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

    def forget(self, at: datetime) -> None:
        """As a fresh container: nothing that ended before is remembered, and ids count from the start."""
        self.changes += 1
        self.forgotten_before = at
        self.next_order_id = self.first_order_id

    def _is_forgotten(self, order: Order) -> bool:
        return order.ended_at is not None and order.ended_at < self.forgotten_before

    def _new_exec_id(self, at: datetime) -> str:
        """Shaped as IB's: the last part counts corrections of the same execution."""
        number, self.next_exec = self.next_exec, self.next_exec + 1
        return f"{0xE0D5:08x}.{int(at.timestamp()):08x}.{number:02x}.01"


def _trade(
    position: Position, signed: Decimal, price: Decimal, commission: Decimal
) -> tuple[Decimal | None, Position]:
    """What a trade realises (None: it closed nothing), and the position after it.

    IB puts the commission of an opening trade into the average cost, that of a closing one into the profit.
    """
    before, after = position.quantity, position.quantity + signed
    value = price * position.contract.multiplier
    if before * signed >= 0:
        cost = (
            position.average_cost * abs(before)
            + value * abs(signed)
            + (commission if signed > 0 else -commission)
        )
        return None, replace(position, quantity=after, average_cost=cost / abs(after))
    closed = min(abs(signed), abs(before)) * (1 if before > 0 else -1)
    realized = (value - position.average_cost) * closed - commission
    if before * after > 0:
        return realized, replace(position, quantity=after)
    return realized, replace(position, quantity=after, average_cost=value if after else ZERO)
