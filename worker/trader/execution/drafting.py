"""Order records: references from the run, ids from the link, and the evidence of the moment."""

from collections.abc import Sequence
from decimal import Decimal

from trader.domain.ledger import stem_of
from trader.domain.order_record import Evidence, OrderRecord, Sending
from trader.domain.orders import Order, reference_of
from trader.domain.session import trading_day
from trader.plans import OrderWish
from trader.ports import Ports

_ORDER_FIELDS = set(Order.model_fields) - {"reference"}


class Drafts:
    """Makes the records of one run's orders."""

    def __init__(self, ports: Ports, run: str) -> None:
        self._ports = ports
        self._run = run

    def of(self, wishes: Sequence[OrderWish], *, first: int, taken: int) -> list[OrderRecord]:
        """Return the records of ``wishes``, counted from ``first``, under ids of the link as it is now.

        ``taken`` is the highest id that the gateway is known to have taken.
        """
        if not wishes:
            return []
        now = self._ports.clock.now()
        day = trading_day(now)
        return [
            OrderRecord(
                run=self._run,
                index=first + n,
                order=Order(
                    reference=reference_of(self._run, first + n), **wish.model_dump(include=_ORDER_FIELDS)
                ),
                wanted=wish.wanted,
                reduces=wish.reduces,
                sending=sending,
                evidence=self._evidence(wish.contract.con_id, taken),
                planned_at=now,
                day=day,
            )
            for n, (wish, sending) in enumerate(zip(wishes, self._sendings(len(wishes)), strict=True))
        ]

    def anew(self, records: Sequence[OrderRecord], *, taken: int) -> list[OrderRecord]:
        """Return ``records``, none of which has ever stood, under fresh ids and with fresh evidence."""
        return [
            record.model_copy(
                update={
                    "sending": sending,
                    "evidence": self._evidence(record.order.contract.con_id, taken),
                }
            )
            for record, sending in zip(records, self._sendings(len(records)), strict=True)
        ]

    def _sendings(self, count: int) -> list[Sending]:
        orders = self._ports.orders
        link = orders.link()
        return [
            Sending(link=link.id, gateway=link.gateway, client_id=link.client_id, order_id=order_id)
            for order_id in orders.reserve(count)
        ]

    def _evidence(self, con_id: int, taken: int) -> Evidence:
        positions = self._ports.broker.positions()
        return Evidence(
            session_date=trading_day(self._ports.clock.now()),
            position=sum((p.quantity for p in positions if p.con_id == con_id), Decimal(0)),
            next_order_id=self._ports.orders.link().first_order_id,
            taken_order_id=taken,
            last_execution=max(
                ((fill.at, stem_of(fill.exec_id)) for fill in self._ports.broker.fills()), default=(None, "")
            )[1],
        )
