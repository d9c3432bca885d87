"""One order in the broker's words, and what they mean."""

from dataclasses import dataclass, field
from decimal import Decimal

import ib_insync

from trader.adapters.ib import codes
from trader.adapters.ib.fills import parts
from trader.adapters.ib.numbers import decimal, number, price
from trader.domain.orders import BrokerOrder, Complaint, OrderContract, OrderState
from trader.domain.portfolio import OpenOrder

CANCELLED = frozenset({"Cancelled", "ApiCancelled"})
AT_WORK = frozenset({"PreSubmitted", "Submitted"})
ZERO = Decimal(0)


@dataclass(slots=True)
class ToldOrder:
    """What the broker has said of one order; nothing that ib_insync concludes, nothing from an error.

    ``heard`` is when it last said something, on the count of ``Told``; 0 is never.
    """

    contract: ib_insync.Contract
    order: ib_insync.Order
    heard: int = 0
    status: str = ""
    is_completed: bool = False
    filled: Decimal = ZERO
    """The broker's own sum, as last told and corrected since."""
    average_price: Decimal | None = None
    rejection: str | None = None
    complaint: Complaint | None = None
    text: str = ""
    why_held: str = ""
    executions: dict[str, ib_insync.Execution] = field(default_factory=dict)
    """By what an execution and its corrections have in common; the last correction counts."""
    most: Decimal = ZERO
    """The most that was ever executed: a fill that is corrected downwards doesn't open the order again."""

    @property
    def state(self) -> OrderState:
        """Where the order stands, if the broker has said anything of it.

        ``Filled`` alone isn't enough: a status is also told before the fills are. ``Inactive`` is the end
        only of a rejected order; it is also said of one that waits until shares are located.
        """
        if 0 < number(self.order.totalQuantity) <= self.most:
            return OrderState.FILLED
        if self.status in CANCELLED:
            return OrderState.CANCELLED
        if self.status == "Inactive":
            ended = self.is_completed or self.rejection is not None
            return OrderState.REJECTED if ended else OrderState.HELD
        if self.is_completed:
            return OrderState.FILLED if self.status == "Filled" else OrderState.CANCELLED
        return OrderState.HELD if self.why_held else OrderState.WORKING

    def placed_as(self, contract: ib_insync.Contract, order: ib_insync.Order) -> None:
        """Take the order as the broker has it."""
        # Completed orders have neither ids, and were seen without a reference and with a quantity of 0.
        order.orderRef = order.orderRef or self.order.orderRef
        order.totalQuantity = order.totalQuantity or self.order.totalQuantity
        order.permId = order.permId or self.order.permId
        order.orderId = order.orderId or self.order.orderId
        order.clientId = order.clientId or self.order.clientId
        self.order, self.contract = order, contract

    def stands_at(self, status: str) -> None:
        """Take the broker's status."""
        self.status = status
        if status in AT_WORK:
            self.rejection = None  # then it was a change of the order that was rejected

    def completed(self, state: ib_insync.OrderState) -> None:
        """Take the broker's word that the order has ended."""
        self.is_completed = True
        self.stands_at(state.status)
        self.filled = max(self._executed, decimal(self.order.filledQuantity) or ZERO)
        self.text = self.text or state.completedStatus

    def has_filled(self, filled: float, average_price: float) -> None:
        """Take the broker's sum, which may lag behind the executions that it has told already."""
        self.filled = max(number(filled), self._executed)
        self.average_price = price(average_price)

    def executed(self, execution: ib_insync.Execution) -> bool:
        """Take an execution or a correction; False if it was known."""
        stem, revision = parts(execution.execId)
        before = self.executions.get(stem)
        if before is not None:
            if parts(before.execId)[1] >= revision:
                return False
            self.filled += number(execution.shares) - number(before.shares)
        self.executions[stem] = execution
        self.filled = max(self.filled, number(execution.cumQty), self._executed)
        self.most = max(self.most, number(execution.cumQty), self._executed)
        return True

    def complained(self, code: int, text: str) -> None:
        """Take an error or a warning about the order."""
        self.text = " ".join(text.split())
        if code == codes.ORDER_REJECTED:
            self.rejection = self.text
        if not codes.is_note(code):
            self.complaint = Complaint(code=code, text=self.text)

    def to_broker_order(self) -> BrokerOrder:
        """Return the order in our terms: a sale's quantities are negative."""
        order, contract, state = self.order, self.contract, self.state
        return BrokerOrder(
            reference=order.orderRef,
            order_id=order.orderId,
            perm_id=order.permId,
            client_id=order.clientId,
            contract=OrderContract(
                con_id=contract.conId,
                symbol=contract.symbol,
                sec_type=contract.secType,
                currency=contract.currency,
                exchange=contract.exchange,
                local_symbol=contract.localSymbol,
            ),
            quantity=self._sign * self._quantity,
            filled=self._sign * self.filled,
            average_price=self._average_price,
            state=state,
            text=self._text_of(state),
        )

    def to_open_order(self) -> OpenOrder:
        """Return the order in our terms, with what it was placed as."""
        order, contract = self.order, self.contract
        return OpenOrder(
            order_id=order.orderId,
            perm_id=order.permId,
            client_id=order.clientId,
            reference=order.orderRef,
            con_id=contract.conId,
            symbol=contract.symbol,
            sec_type=contract.secType,
            currency=contract.currency,
            quantity=self._sign * self._quantity,
            filled=self._sign * self.filled,
            order_type=order.orderType,
            tif=order.tif,
            limit_price=price(order.lmtPrice) if "LMT" in order.orderType else None,
            status=self.status,
        )

    @property
    def _sign(self) -> int:
        return -1 if self.order.action == "SELL" else 1

    @property
    def _quantity(self) -> Decimal:
        return number(self.order.totalQuantity) or self.filled

    @property
    def _executed(self) -> Decimal:
        return sum((number(execution.shares) for execution in self.executions.values()), ZERO)

    @property
    def _average_price(self) -> Decimal | None:
        executed = self._executed
        if not executed or executed != self.filled:
            return self.average_price
        values = (number(e.shares) * number(e.price) for e in self.executions.values())
        return sum(values, ZERO) / executed

    def _text_of(self, state: OrderState) -> str:
        match state:
            case OrderState.FILLED:
                return ""
            case OrderState.REJECTED:
                return self.rejection or self.text
            case OrderState.HELD:
                return self.text or self.why_held
        return self.text
