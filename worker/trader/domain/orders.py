"""Orders as they are planned, placed and reported. Quantities are signed."""

from decimal import Decimal
from enum import StrEnum
from hashlib import sha256

from pydantic import Field

from trader.domain.instruments import Contract
from trader.domain.portfolio import Fill
from trader.domain.wire import Amount, Time, Wire


class OrderState(StrEnum):
    """Where an order stands."""

    PLANNED = "planned"  # decided; of a dry run's orders that is all, of others it may or may not stand
    WORKING = "working"
    HELD = "held"  # with the broker, not at the market, as while shares to sell short are located
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNSENT = "unsent"  # known never to have stood, and not sent any more
    UNRESOLVED = "unresolved"  # it may or may not stand; its contract is locked

    @property
    def is_end(self) -> bool:
        """Whether nothing more will happen to the order by itself."""
        return self in (OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.UNSENT)


class OrderType(StrEnum):
    """How an order is priced."""

    MKT = "MKT"
    LMT = "LMT"
    MOC = "MOC"


class TimeInForce(StrEnum):
    """How long an order stands."""

    DAY = "DAY"
    GTC = "GTC"


class OrderContract(Wire):
    """As much of a contract as an order needs."""

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    exchange: str
    local_symbol: str = ""

    @classmethod
    def of(cls, contract: Contract) -> "OrderContract":
        """Return what an order needs of ``contract``."""
        return cls(
            con_id=contract.con_id,
            symbol=contract.symbol,
            sec_type=contract.sec_type,
            currency=contract.currency,
            exchange=contract.exchange,
            local_symbol=contract.local_symbol,
        )

    def __str__(self) -> str:
        """Return how a person names it."""
        return self.local_symbol or self.symbol


class Order(Wire):
    """An order as it is placed. The reference says which it is, whatever connection reports it."""

    reference: str = Field(max_length=40)
    contract: OrderContract
    quantity: Amount
    order_type: OrderType
    tif: TimeInForce
    limit_price: Amount | None = None
    good_after: Time | None = None
    adaptive_priority: str | None = Field(None, description="Urgent, Normal or Patient; None for none.")


class BrokerOrder(Wire):
    """What the broker itself last said of an order, ours or anyone's.

    ``state`` is one of working, held, filled, cancelled, rejected, and never drawn from an error alone.
    """

    reference: str
    order_id: int
    perm_id: int
    client_id: int
    contract: OrderContract
    quantity: Amount
    filled: Amount
    average_price: Amount | None
    state: OrderState
    text: str = Field("", description="The broker's last words about it, unless it is filled.")


class Complaint(Wire):
    """An error that the broker sent about an order. Orders were seen to live and fill after one."""

    code: int
    text: str


class Lookup(Wire):
    """All that the broker says of orders at one moment: each question answered completely."""

    open: tuple[BrokerOrder, ...]
    completed: tuple[BrokerOrder, ...]
    fills: tuple[Fill, ...]
    next_order_id: int = Field(description="As the gateway's own counter says it, not the client's.")
    at: Time


class OrderReport(Wire):
    """One order of a result."""

    instrument: str = Field(description="Such as `SPY` or `EUR.USD`.")
    quantity: Amount = Field(description="Signed: a sale is negative.")
    order_type: OrderType
    tif: TimeInForce
    limit_price: Amount | None = None
    state: OrderState
    filled: Amount = Field(description="Signed, like quantity.")
    average_price: Amount | None = None
    currency: str
    reference: str | None = Field(None, description="What the broker knows the order by.")
    text: str = Field("", description="Why it stands as it does, in the broker's words or ours.")


def reference_of(run_key: str, index: int) -> str:
    """Return the reference of a run's order: short, and unlike that of any other run and index."""
    return f"i{sha256(f'{run_key}#{index}'.encode()).hexdigest()[:15]}"


def is_reference(text: str) -> bool:
    """Return whether ``text`` looks like a reference of ours, and not like one of another program."""
    return len(text) == 16 and text[0] == "i" and set(text[1:]) <= set("0123456789abcdef")


def report_of(order: Order, state: OrderState, filled: Decimal = Decimal(0)) -> OrderReport:
    """Return what a result tells of ``order``."""
    return OrderReport(
        instrument=str(order.contract),
        quantity=order.quantity,
        order_type=order.order_type,
        tif=order.tif,
        limit_price=order.limit_price,
        state=state,
        filled=filled,
        currency=order.contract.currency,
        reference=order.reference,
    )
