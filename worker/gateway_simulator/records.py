"""What is kept of orders, executions and positions."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gateway_simulator.contracts import Contract
from gateway_simulator.wire.orders import PlaceOrder

ZERO = Decimal(0)


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
    held_back: Decimal = ZERO
    """How much of it must not fill yet; all of it where a status of Inactive is not the end."""
    held_until: datetime | None = None
    """Until when; None is for ever."""
    ended_at: datetime | None = None
    ended_because: str = ""

    @property
    def quantity(self) -> Decimal:
        return self.terms.total_quantity

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    def free(self, at: datetime) -> Decimal:
        """How much may fill at that time."""
        held = self.held_back if self.held_until is None or at < self.held_until else ZERO
        return max(self.remaining - held, ZERO)

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


@dataclass(frozen=True, slots=True)
class BookState:
    """A whole book, to be kept and put back."""

    next_order_id: int
    next_perm_id: int
    next_exec: int
    bound: int
    forgotten_before: datetime
    orders: tuple[Order, ...]
    executions: tuple[Execution, ...]
    positions: tuple[Position, ...]
    ids: tuple[tuple[int, int, int], ...]
    """Client, order id and perm id of each order whose id is taken."""
