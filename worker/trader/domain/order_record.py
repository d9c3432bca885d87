"""An order as the store keeps it, from its plan to its end."""

from decimal import Decimal
from typing import Literal

from pydantic import Field

from trader.domain.orders import Order, OrderReport, OrderState, report_of
from trader.domain.wire import Amount, Time, Wire


class Sending(Wire):
    """Under which id, on which login, an order was or was to be sent."""

    link: str
    gateway: str
    client_id: int
    order_id: int


class Evidence(Wire):
    """What was known when the order was planned; it can later prove that it never stood."""

    session_date: str = Field(description="The exchange's date, as 2026-11-23.")
    position: Amount = Field(description="The broker's position in the contract.")
    next_order_id: int = Field(description="The gateway's own counter.")
    taken_order_id: int = Field(
        description="The highest id that the gateway is known to have taken; 0 for none."
    )
    last_execution: str = Field(
        "", description="The stem of the newest execution that the gateway reported; empty for none."
    )


class OrderRecord(Wire):
    """One order of one run. ``state`` is open until its standing is an end, or a person has named one."""

    version: Literal[1] = 1
    state: Literal["open", "ended"] = "open"
    standing: OrderState = OrderState.PLANNED
    run: str = Field(description="The run key.")
    index: int
    order: Order
    wanted: dict[str, Amount] = Field(description="Each contributor's part of the quantity.")
    reduces: bool = Field(description="Whether it can only make a position smaller.")
    goes_until: Time | None = Field(
        None, description="When its market closes to it; null for one that may be placed at any time."
    )
    sending: Sending | None
    evidence: Evidence
    planned_at: Time
    day: str = Field("", description="The account's session date when it was planned, as 2026-11-23.")
    perm_id: int = 0
    filled: Amount = Decimal(0)
    average_price: Amount | None = None
    text: str = ""
    counted_until: Time | None = Field(
        None, description="Executions until then that aren't booked are in a repair's booking already."
    )

    @property
    def is_told_of(self) -> bool:
        """Whether the broker has ever said anything of it."""
        return self.perm_id != 0

    def at(self, standing: OrderState, text: str = "") -> "OrderRecord":
        """Return the record with another standing."""
        state = "ended" if standing.is_end else "open"
        return self.model_copy(update={"standing": standing, "state": state, "text": text or self.text})

    def report(self) -> OrderReport:
        """Return what a result tells of it."""
        told = report_of(self.order, self.standing, self.filled)
        return told.model_copy(update={"average_price": self.average_price, "text": self.text})
