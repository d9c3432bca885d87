"""Where orders trade: it accepts, changes, cancels and fills them, and tells a listener what happened."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from gateway_simulator import matching
from gateway_simulator.accounts import Account
from gateway_simulator.book import Book, Execution, Order, Position, Schedule, Status
from gateway_simulator.clock import Clock
from gateway_simulator.commissions import commission
from gateway_simulator.contracts import Contract
from gateway_simulator.market import Market
from gateway_simulator.prices import mark
from gateway_simulator.refusal import Refusal
from gateway_simulator.wire.errors import ProtocolError
from gateway_simulator.wire.orders import PlaceOrder
from gateway_simulator.wire.times import read_time

CADENCE = timedelta(seconds=1)
MOST_LOOKS = 120  # at each open order after a long jump of the clock


class Listener(Protocol):
    """Who is told of everything that happens to orders."""

    def order_changed(self, order: Order) -> None: ...
    def executed(self, order: Order, execution: Execution) -> None: ...
    def corrected(self, order: Order, revised: Execution) -> None: ...
    def notice(self, order: Order, code: int, text: str) -> None: ...
    def position_changed(self, position: Position) -> None: ...


class Exchange:
    """The rules of trading, on the book, accounts, market and clock that it is given."""

    def __init__(
        self,
        clock: Clock,
        market: Market,
        book: Book,
        accounts: dict[str, Account],
        listener: Listener,
        time_zone: str,
    ) -> None:
        self._clock = clock
        self._market = market
        self._book = book
        self._accounts = accounts
        self._listener = listener
        self._time_zone = time_zone
        self._evaluated_at = clock.now()

    def draft(self, client_id: int, account: str, contract: Contract, terms: PlaceOrder) -> Order:
        """An order that nobody has placed yet. Refuses times that can't be read."""
        now = self._clock.now()
        return Order(
            perm_id=self._book.new_perm_id(),
            order_id=terms.order_id,
            client_id=client_id,
            account=account,
            contract=contract,
            terms=terms,
            placed_at=now,
            schedule=self._schedule(contract, terms, now),
        )

    def place(self, order: Order) -> Order:
        """Accept a new order, and fill it at once if it can trade now."""
        preset = not order.terms.tif
        if preset:
            order = replace(order, terms=replace(order.terms, tif="DAY"))
        order = self._book.put(order)
        self._announce(order)
        if preset:
            self._listener.notice(order, 10349, "Order TIF was set to DAY based on order preset.")
        return self._attempt(order, self._clock.now())

    def reject(self, order: Order, code: int, text: str) -> Order:
        """Take an order into the book only to refuse it there, as IB does for want of margin."""
        now = self._clock.now()
        order = self._book.put(replace(order, status=Status.INACTIVE, ended_at=now, ended_because=text))
        self._listener.notice(order, code, text)
        self._listener.order_changed(order)
        return order

    def change(self, order: Order, terms: PlaceOrder) -> Order:
        """Change the price, quantity or times of an open order; what has filled stays filled."""
        now = self._clock.now()
        schedule = self._schedule(order.contract, terms, now)
        terms = replace(terms, tif=terms.tif or order.terms.tif)
        order = self._book.put(replace(order, terms=terms, schedule=schedule))
        self._announce(order)
        return self._attempt(order, now)

    def cancel(self, order: Order, because: str = "Cancelled by Trader", at: datetime | None = None) -> Order:
        """Close what is left of an order."""
        at = at or self._clock.now()
        order = self._book.put(replace(order, status=Status.CANCELLED, ended_at=at, ended_because=because))
        self._listener.order_changed(order)
        self._listener.notice(order, 202, "Order Canceled - reason:")
        return order

    def fill(self, order: Order, shares: Decimal, price: Decimal, at: datetime | None = None) -> Order:
        """Execute so many shares at a price; cash and position follow."""
        contract = order.contract
        cost = commission(contract, shares, price, self._market)
        order, execution = self._book.fill(
            order, shares, price, at or self._clock.now(), cost, contract.currency
        )
        account = self._accounts[order.account]
        account.post(contract.currency, execution.cash - cost)
        if contract.sec_type == "CASH":
            account.post(contract.symbol, execution.signed)
        self._listener.executed(order, execution)
        return order

    def fill_at_market(self, order: Order) -> Order:
        """Fill what is left of an order wherever its limit is, if there is any price."""
        quote = self._market.quote(order.contract)
        price = (quote.ask if order.sign > 0 else quote.bid) or mark(quote)
        return self.fill(order, order.remaining, price) if price else order

    def correct(self, execution: Execution, shares: Decimal, price: Decimal) -> Execution:
        """Revise an execution: cash and position are as if it had been so from the start."""
        cost = commission(execution.contract, shares, price, self._market)
        revised = self._book.correct(execution, shares, price, cost)
        account = self._accounts[execution.account]
        account.post(execution.currency, revised.cash - revised.commission)
        account.post(execution.currency, execution.commission - execution.cash)
        if execution.contract.sec_type == "CASH":
            account.post(execution.contract.symbol, revised.signed - execution.signed)
        self._listener.corrected(self._book.orders[revised.perm_id], revised)
        return revised

    def evaluate(self) -> None:
        """Let every open order trade, start or expire as the time has come.

        After a jump of the clock, the instants in between are gone through in order, so that an order trades
        when it would have.
        """
        now = self._clock.now()
        for at in self._instants(self._evaluated_at, now):
            for order in self._book.open_orders():
                self._attempt(order, at)
        self._settle(now)
        self._evaluated_at = now

    def _settle(self, now: datetime) -> None:
        """Pay out positions in what has expired, at what it was worth in the end; nothing is delivered."""
        for position in self._book.expired(now):
            contract = position.contract
            price = self._final(contract)
            if price is not None:
                value = position.quantity * price * contract.multiplier
                self._accounts[position.account].post(contract.currency, value)
                self._listener.position_changed(self._book.close(position))

    def _final(self, contract: Contract) -> Decimal | None:
        """A future's last price, or what the right to trade at the strike is worth; None: nobody knows."""
        end, under = contract.expires_at, contract.underlying
        if end is None or under is None:
            raise AssertionError(f"{contract.local_symbol} never expires")
        spot = mark(self._market.quote(under if contract.right else contract, end - timedelta(seconds=1)))
        if spot is None or not contract.right:
            return spot
        return max((spot - contract.strike) * (1 if contract.right == "C" else -1), Decimal(0))

    def _instants(self, before: datetime, now: datetime) -> list[datetime]:
        """When to look at the orders: at their own instants, now, and in between at a bearable cadence."""
        step = max(CADENCE, (now - before) / MOST_LOOKS)
        looks = {before + step * n for n in range(1, int((now - before) / step))}
        for order in self._book.open_orders():
            own = (
                order.schedule.active_at,
                order.schedule.due_at,
                order.schedule.expires_at,
                order.held_until,
            )
            looks |= {at for at in own if at is not None and before < at < now}
        return [*sorted(looks), now]

    def _attempt(self, order: Order, at: datetime) -> Order:
        shares = order.free(at)
        if not order.is_open or not shares or not order.terms.transmit:
            return order
        if order.status is Status.INACTIVE:  # it was held, and is free now
            order = self._book.put(replace(order, status=Status.PRE_SUBMITTED, why_held=""))
            self._listener.order_changed(order)
        due, expires = order.schedule.due_at, order.schedule.expires_at
        if due is not None and at >= due:
            last = self._market.quote(order.contract, due).last
            return self.fill(order, shares, last, due) if last else self.cancel(order, "No close", due)
        if expires is not None and at >= expires:
            return self.cancel(order, "Expired", expires)
        if matching.is_trading(order, at):
            price = matching.price(order, self._market.quote(order.contract, at))
            if price is not None:
                return self.fill(order, shares, price, at)
            if order.terms.tif == "IOC":
                return self.cancel(order, "Immediate or cancel", at)
            return self._start(order)
        return order

    def _start(self, order: Order) -> Order:
        """An order that only waited for its hours works from now on."""
        if order.status is Status.PRE_SUBMITTED and order.terms.order_type == "LMT":
            order = self._book.put(replace(order, status=Status.SUBMITTED))
            self._listener.order_changed(order)
        return order

    def _announce(self, order: Order) -> None:
        """Tell where a new or changed order stands; IB warns of one that has to wait for its hours."""
        self._listener.order_changed(order)
        opens = order.schedule.active_at
        if order.terms.transmit and self._clock.now() < opens and not order.terms.good_after_time:
            local = opens.astimezone(ZoneInfo(order.contract.time_zone))
            self._listener.notice(
                order,
                399,
                f"Order Message:\n{order.terms.action} {order.quantity} {order.contract.symbol} "
                f"{order.contract.primary_exchange or order.contract.exchange}\n"
                "Warning: your order will not be placed at the exchange until "
                f"{local:%Y-%m-%d %H:%M:%S} {order.contract.time_zone}",
            )

    def _schedule(self, contract: Contract, terms: PlaceOrder, now: datetime) -> Schedule:
        start = self._time(terms.good_after_time, 10313, "Start") or now
        end = self._time(terms.good_till_date, 10314, "End")
        return matching.schedule(contract, terms, max(start, now), end)

    def _time(self, text: str, code: int, which: str) -> datetime | None:
        try:
            return read_time(text, self._time_zone) if text else None
        except ProtocolError:
            raise Refusal(
                code,
                f"{which} Date/Time: The date, time, or time-zone entered is invalid. The correct format is "
                "yyyymmdd hh:mm:ss xx/xxxx where yyyymmdd and xx/xxxx are optional.",
            ) from None
