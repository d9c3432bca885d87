"""A dry run's desk: it plans as a live run does, then reports instead of sending, and writes nothing."""

from collections.abc import Collection
from decimal import Decimal

from trader.domain.configuration import Configuration
from trader.domain.orders import BrokerOrder, OrderReport, OrderState, report_of
from trader.domain.settlement import Settlement
from trader.plans import Decide, OrderWish, Stage
from trader.ports import Ports
from trader.stored import records
from trader.stored.orderbook import own_references


class DryRun:
    """The Trading protocol without a broker behind it."""

    def __init__(self, ports: Ports, account: str, configuration: Configuration) -> None:
        self._ports = ports
        self._account = account
        self._wishes: dict[str, tuple[OrderWish, ...]] = {}
        self.configuration = configuration
        self.settled = Settlement()

    @classmethod
    async def open(cls, ports: Ports, account: str) -> "DryRun":
        """Read the configuration; raises Rejected when it is missing or invalid."""
        return cls(ports, account, await records.configuration(ports.store, account))

    def has_planned(self, name: str) -> bool:
        return name in self._wishes

    async def planned(self, name: str, decide: Decide) -> Stage:
        decided = await decide()
        self._wishes[name] = decided.wishes
        return Stage(name=name, record=decided.record, orders=(), decided_at=self._ports.clock.now())

    async def carry_out(self, stage: Stage) -> tuple[OrderReport, ...]:
        return tuple(_planned(wish) for wish in self._wishes[stage.name])

    async def cancel(
        self, mine: Collection[str] | None, *, seen: tuple[BrokerOrder, ...] | None = None
    ) -> tuple[BrokerOrder, ...]:
        if seen is not None:
            return seen
        wanted = None if mine is None else await own_references(self._ports.store, self._account, mine)
        return await self._standing(wanted)

    async def withdraw(self, references: Collection[str]) -> tuple[BrokerOrder, ...]:
        return await self._standing(references)

    async def _standing(self, wanted: Collection[str] | None) -> tuple[BrokerOrder, ...]:
        self._ports.broker.require_ready()
        standing = await self._ports.orders.standing()
        return tuple(order for order in standing if wanted is None or order.reference in wanted)


def _planned(wish: OrderWish) -> OrderReport:
    return report_of(wish.order(), OrderState.PLANNED, Decimal(0)).model_copy(update={"reference": None})
