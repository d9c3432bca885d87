"""A run's plan: what was decided, stored whole before the first of its orders goes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pydantic import Field

from trader.domain.events import Alert
from trader.domain.ledger import BookedFill
from trader.domain.orders import Order, OrderContract, OrderType, TimeInForce
from trader.domain.wire import JsonObject, Time, Wire
from trader.ports import Write


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWish:
    """An order that a handler wants, before it has a reference.

    ``wanted`` is each contributor's part of ``quantity``; an order that ``reduces`` must only make the
    position smaller. After ``goes_until`` its market is closed to it.
    """

    contract: OrderContract
    quantity: Decimal
    order_type: OrderType = OrderType.MKT
    tif: TimeInForce = TimeInForce.DAY
    limit_price: Decimal | None = None
    good_after: datetime | None = None
    adaptive_priority: str | None = None
    wanted: Mapping[str, Decimal]
    reduces: bool = False
    goes_until: datetime | None = None

    def order(self, reference: str = "") -> Order:
        """Return it as it is placed."""
        return Order(
            reference=reference,
            contract=self.contract,
            quantity=self.quantity,
            order_type=self.order_type,
            tif=self.tif,
            limit_price=self.limit_price,
            good_after=self.good_after,
            adaptive_priority=self.adaptive_priority,
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """What a handler decided, and on what: for the record, for the broker, and for our books.

    ``crossings`` are booked, and ``writes`` and ``alerts`` become true, with the plan, in the same commit; a
    dry run makes none of them.
    """

    record: JsonObject
    wishes: tuple[OrderWish, ...] = ()
    crossings: tuple[BookedFill, ...] = ()
    writes: tuple[Write, ...] = ()
    alerts: tuple[Alert, ...] = ()


Decide = Callable[[], Awaitable[Decided]]


class Stage(Wire):
    """One part of a plan."""

    name: str
    record: JsonObject = Field(description="What was decided and on which data.")
    orders: tuple[str, ...] = Field(description="References, in the order of sending.")
    decided_at: Time


class StoredPlan(Wire):
    """A run's plan so far. A resumed run executes it; it never decides again."""

    configuration_version: str | None = None
    stages: tuple[Stage, ...] = ()

    def stage(self, name: str) -> Stage | None:
        """Return the stage ``name``, if it is planned."""
        return next((stage for stage in self.stages if stage.name == name), None)

    @property
    def references(self) -> set[str]:
        """The references of all orders planned so far."""
        return {reference for stage in self.stages for reference in stage.orders}

    def without_decisions(self) -> "StoredPlan":
        """Return the plan with its stages and their orders, and without what was decided in them."""
        stages = (stage.model_copy(update={"record": {}}) for stage in self.stages)
        return self.model_copy(update={"stages": tuple(stages)})

    def set_aside(self, replay: int) -> "StoredPlan":
        """Return the plan with its stages kept under other names: all is decided anew, and no order twice.

        Orders are counted on from those that the plan has had, so that none takes another's reference.
        """
        stages = (s.model_copy(update={"name": f"before-replay-{replay}/{s.name}"}) for s in self.stages)
        return self.model_copy(update={"stages": tuple(stages)})
