"""All that the broker has said of orders on one login."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

from collections.abc import Callable, Iterator
from typing import Any

import ib_insync
from ib_insync import IB, Execution, Order, OrderState

from trader.adapters.ib.told_order import ToldOrder
from trader.domain.orders import Complaint

LIVE = -1
"""The request id of an execution that is told as it happens."""


class Told:
    """Hears every message about an order in ib_insync's place, and keeps nothing else.

    ib_insync's own trades mix what the broker says with what it concludes: pending before anything is
    known, cancelled after any error, untouched by the status in ``openOrder`` and ``completedOrder``, and
    with the executions of an older order that had the same id. They are not kept at all: only margins,
    executions and errors are passed on.
    """

    def __init__(self, ib: IB) -> None:
        self._ib = ib
        self._turn = 1
        self._listed = 1
        self._orders: list[ToldOrder] = []
        self._by_perm_id: dict[int, ToldOrder] = {}
        self._by_order_id: dict[int, ToldOrder] = {}  # our client's
        self._by_reference: dict[str, ToldOrder] = {}
        self._unclaimed: dict[int, list[Execution]] = {}
        hears: dict[str, Callable[..., None]] = {
            "openOrder": self._on_open_order,
            "completedOrder": self._on_completed_order,
            "orderStatus": self._on_status,
            "execDetails": self._on_execution,
            "error": self._on_error,
        }
        self._pass_on = {name: getattr(ib.wrapper, name) for name in hears}
        for name, hear in hears.items():
            # The decoder looks its methods up by name at each message.
            setattr(ib.wrapper, name, hear)

    def expect(self, contract: ib_insync.Contract, order: Order) -> None:
        """Be ready for what will be said of an order that is placed now; until then it is nothing."""
        placed = ToldOrder(contract, order)
        self._orders.append(placed)
        self._by_order_id[order.orderId] = placed
        self._by_reference[order.orderRef] = placed

    def knows(self, reference: str) -> bool:
        """Return whether our order of that reference was placed, or told of."""
        return reference in self._by_reference

    def order(self, reference: str) -> ToldOrder | None:
        """Return our order of that reference, the last placed if there are several, if it was told of."""
        found = self._by_reference.get(reference)
        return found if found is not None and self._counts(found, self._listed) else None

    def complaint(self, reference: str) -> Complaint | None:
        found = self._by_reference.get(reference)
        return found.complaint if found is not None else None

    def orders(self, since: int | None = None) -> Iterator[ToldOrder]:
        """Yield all orders that were told of; with ``since`` only those told of since that turn."""
        for order in self._orders:
            if self._counts(order, self._listed) if since is None else order.heard >= since:
                yield order

    def standing(self, con_id: int | None = None) -> Iterator[ToldOrder]:
        """Yield the orders that were told of and are not at their end, all or those in one contract."""
        for order in self._orders:
            is_asked_for = con_id in (None, order.contract.conId)
            if is_asked_for and order.heard >= self._listed and not order.state.is_end:
                yield order

    def start_listing(self) -> int:
        """Begin to ask for all orders; return the turn from which on what is said is new."""
        self._turn += 1
        return self._turn

    def finish_listing(self, turn: int) -> None:
        """Note that since ``turn`` all open orders were told.

        Of an order that was open and isn't listed any more, nobody has said what became of it: from now
        on nothing is said of it here either.
        """
        self._listed = max(self._listed, turn)

    def _counts(self, order: ToldOrder, since: int) -> bool:
        return order.heard >= since or order.state.is_end

    def _find(self, client_id: int, order_id: int, perm_id: int, reference: str = "") -> ToldOrder | None:
        """Return the order that a message is about.

        The broker's permanent id decides. An order that was just placed has none yet, and is known by our
        client's and its own id, unless the message is about an older order with the same ids: the
        gateway's counter can be reset.
        """
        found = self._by_perm_id.get(perm_id)
        if found is None and client_id == self._ib.wrapper.clientId:
            placed = self._by_order_id.get(order_id)
            if (
                placed is not None
                and placed.order.permId in (0, perm_id)
                and reference in ("", placed.order.orderRef)
            ):
                found = placed
        if found is not None and perm_id:
            found.order.permId = perm_id
            self._by_perm_id[perm_id] = found
        return found

    def _listen_to(self, contract: ib_insync.Contract, order: Order) -> ToldOrder:
        """Return the order that is told in full, with all that was told of it before."""
        found = self._find(order.clientId, order.orderId, order.permId, order.orderRef)
        if found is None:
            found = ToldOrder(contract, order)
            self._orders.append(found)
            if order.permId:
                self._by_perm_id[order.permId] = found
            if order.clientId == self._ib.wrapper.clientId:
                self._by_order_id.setdefault(order.orderId, found)
            for execution in self._unclaimed.pop(order.permId, ()):
                found.executed(execution)
        found.placed_as(contract, order)
        if found.order.orderRef:
            self._by_reference.setdefault(found.order.orderRef, found)
        found.heard = self._turn
        return found

    def _on_open_order(
        self, order_id: int, contract: ib_insync.Contract, order: Order, state: OrderState
    ) -> None:
        if order.whatIf:
            self._pass_on["openOrder"](order_id, contract, order, state)
            return
        self._listen_to(contract, order).stands_at(state.status)
        self._ib.client.updateReqId(order_id + 1)  # as ib_insync does: no id may be another client's too

    def _on_completed_order(self, contract: ib_insync.Contract, order: Order, state: OrderState) -> None:
        # Not passed on: ib_insync fails at one that comes unasked (its issue 683).
        self._listen_to(contract, order).completed(state)

    def _on_status(self, *said: Any) -> None:
        order_id, status, filled, _, average_price, perm_id, _, _, client_id, why_held, *_ = said
        found = self._find(client_id, order_id, perm_id)
        if found is not None:
            found.stands_at(status)
            found.has_filled(filled, average_price)
            found.why_held = why_held
            found.heard = self._turn

    def _on_execution(self, request_id: int, contract: ib_insync.Contract, execution: Execution) -> None:
        found = self._find(execution.clientId, execution.orderId, execution.permId, execution.orderRef)
        if found is None:
            self._unclaimed.setdefault(execution.permId, []).append(execution)
        elif found.executed(execution) and request_id == LIVE:
            found.heard = self._turn
        self._pass_on["execDetails"](request_id, contract, execution)

    def _on_error(self, request_id: int, code: int, text: str, advanced: str) -> None:
        found = self._by_order_id.get(request_id)
        if found is not None:
            found.complained(code, text)
        self._pass_on["error"](request_id, code, text, advanced)
