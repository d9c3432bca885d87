"""The check just before an order goes: lease, trading state, yield, deadline, position."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from trader.domain.errors import Failed, GatewayNotReady, LeaseLost, Retryable
from trader.domain.order_record import OrderRecord
from trader.domain.portfolio import OpenOrder
from trader.domain.trading_state import TradingState
from trader.ports import Ports
from trader.runs.runs import OwnedRun
from trader.settings import Durations
from trader.stored import records

STATE_IS_FRESH_S = 1.0
"""How long before an order the trading state may have been read."""
DEADLINE = "deadline"
"""The code of a Stop for want of time: what it keeps back is for a continuation."""
MARGIN = 0.25
"""The part of a lease that must be left when an order goes: a worker that froze wakes up past it."""


class Stop(Exception):
    """Nothing more may be sent by this run; its other orders stay unsent."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Guard:
    """What one attempt must be sure of at the moment when an order goes."""

    def __init__(
        self,
        ports: Ports,
        account: str,
        owned: OwnedRun,
        durations: Durations,
        *,
        deadline: float,
        good_until: datetime | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ports = ports
        self._account = account
        self._owned = owned
        self._durations = durations
        self._deadline = deadline
        self._good_until = good_until
        self._stopping = stopping
        self._state: TradingState | Failed = TradingState.HALTED
        self._read_at = float("-inf")

    @property
    def state(self) -> TradingState:
        """The trading state as it was last read; raises Failed for a damaged one."""
        if isinstance(self._state, Failed):
            raise self._state
        return self._state

    async def refresh(self) -> None:
        """Read the trading state and the account's lock again, unless they were read just now."""
        clock, lock = self._ports.clock, self._owned.account_lock
        if clock.monotonic() - self._read_at < STATE_IS_FRESH_S / 2 or lock is None:
            return
        read_at = clock.monotonic()
        self._state, _ = await asyncio.gather(self._read_state(), lock.refresh(self._owned.nonce))
        self._read_at = read_at

    async def _read_state(self) -> TradingState | Failed:
        try:
            return await records.trading_state(self._ports.store, self._account)
        except Failed as damaged:  # it is nobody's concern until something is to be ordered
            return damaged

    def check_run(self) -> None:
        """Raise Stop when nothing more may go, Retryable when this attempt must end. Awaits nothing."""
        now, lock = self._ports.clock.monotonic(), self._owned.account_lock
        if lock is None or now - self._owned.renewed_at > self._durations.lease_s * (1 - MARGIN):
            raise LeaseLost("lease-margin", "too little of the lease is left to send an order")
        if now - self._read_at >= STATE_IS_FRESH_S:
            raise LeaseLost("state-stale", "the trading state was read too long ago to send an order")
        if self._stopping():
            raise Retryable("stopping", "this worker is shutting down; another one goes on with the plan")
        if self.state is TradingState.HALTED:
            raise Stop("halted", "trading is halted; `trader state active` allows orders")
        if lock.is_asked_to_yield:
            raise Stop("yielded", f"yielded the account to {lock.record.urgent}")
        if now >= self._deadline:
            raise Stop(DEADLINE, "no time was left to send it")
        if self._good_until is not None and self._ports.clock.now() > self._good_until:
            raise Stop("too-old", f"its message was good until {self._good_until:%Y-%m-%d %H:%M:%S} UTC")

    def check(self, record: OrderRecord) -> str | None:
        """Return why ``record`` alone may not go, or None. Awaits nothing, so it holds when the order goes.

        Raises as ``check_run`` does, and GatewayNotReady when the order must be settled before it may go.
        """
        self.check_run()
        orders, reference = self._ports.orders, record.order.reference
        if record.sending is None or record.sending.link != orders.link().id:
            raise GatewayNotReady("gateway-reconnected", "the connection changed before an order was sent")
        # Of its own contract alone: two hundred orders would else look at two hundred others each.
        standing = self._ports.broker.open_orders(record.order.contract.con_id)
        if any(order.reference == reference for order in standing) or orders.has_placed(reference):
            raise GatewayNotReady("order-stands", "the order has gone on this connection, or is told of")
        if record.goes_until is not None and self._ports.clock.now() >= record.goes_until:
            return (
                f"its market closed to it at {record.goes_until:%Y-%m-%d %H:%M} UTC, before it could be sent"
            )
        if record.reduces:
            return self._beyond_position(record, standing)
        return "only orders that reduce may go" if self.state is TradingState.REDUCE_ONLY else None

    def _beyond_position(self, record: OrderRecord, standing: Sequence[OpenOrder]) -> str | None:
        """Return why an order that is to reduce would do more than that; ``standing`` are its contract's.

        It may take the position minus all that is open on its side already, manual orders included.
        """
        con_id, quantity = record.order.contract.con_id, record.order.quantity
        position = sum((held.quantity for held in self._ports.broker.positions(con_id)), Decimal(0))
        competing = sum(
            (
                abs(order.quantity) - abs(order.filled)
                for order in standing
                if order.quantity * quantity > 0 and order.reference != record.order.reference
            ),
            Decimal(0),
        )
        reducible = abs(position) - competing if position * quantity < 0 else Decimal(0)
        if abs(quantity) > reducible:
            return f"expected at most {max(reducible, Decimal(0))} left to close, found {abs(quantity)}"
        return None
