"""Order records: references from the run, ids from the link, and the evidence of the moment."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal

from trader.domain.ledger import stem_of
from trader.domain.order_record import Evidence, OrderRecord, Sending
from trader.domain.orders import reference_of
from trader.domain.session import trading_day
from trader.plans import OrderWish
from trader.ports import Ports


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
        evidence = self._evidence(taken)
        return [
            OrderRecord(
                run=self._run,
                index=first + n,
                order=wish.order(reference_of(self._run, first + n)),
                wanted=dict(wish.wanted),
                reduces=wish.reduces,
                goes_until=wish.goes_until,
                sending=sending,
                evidence=evidence(wish.contract.con_id),
                planned_at=now,
                day=day,
            )
            for n, (wish, sending) in enumerate(zip(wishes, self._sendings(len(wishes)), strict=True))
        ]

    def anew(self, records: Sequence[OrderRecord], *, taken: int) -> list[OrderRecord]:
        """Return ``records``, none of which has ever stood, under fresh ids and with fresh evidence."""
        evidence = self._evidence(taken)
        return [
            record.model_copy(update={"sending": sending, "evidence": evidence(record.order.contract.con_id)})
            for record, sending in zip(records, self._sendings(len(records)), strict=True)
        ]

    def _sendings(self, count: int) -> list[Sending]:
        orders = self._ports.orders
        link = orders.link()
        return [
            Sending(link=link.id, gateway=link.gateway, client_id=link.client_id, order_id=order_id)
            for order_id in orders.reserve(count)
        ]

    def _evidence(self, taken: int) -> Callable[[int], Evidence]:
        """Return what is known now, as evidence about an order in the contract of an id."""
        positions: defaultdict[int, Decimal] = defaultdict(Decimal)
        for position in self._ports.broker.positions():
            positions[position.con_id] += position.quantity
        fills = ((fill.at, stem_of(fill.exec_id)) for fill in self._ports.broker.fills())
        _, last_execution = max(fills, default=(None, ""))
        known = {
            "session_date": trading_day(self._ports.clock.now()),
            "next_order_id": self._ports.orders.link().first_order_id,
            "taken_order_id": taken,
            "last_execution": last_execution,
        }
        return lambda con_id: Evidence.model_validate({**known, "position": positions[con_id]})
