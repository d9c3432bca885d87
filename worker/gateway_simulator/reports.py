"""The book in the gateway's words: one function for each message about an order, a fill or a position."""

from dataclasses import fields
from decimal import Decimal
from functools import cache
from typing import Any

from gateway_simulator.book import Execution, Order, Position
from gateway_simulator.contracts import Contract
from gateway_simulator.credit import Preview
from gateway_simulator.valuation import Holding
from gateway_simulator.wire import responses
from gateway_simulator.wire.contracts import ShownContract
from gateway_simulator.wire.orders import CompletedOrder, OpenOrder, PlaceOrder
from gateway_simulator.wire.times import write_time
from gateway_simulator.wire.values import write_number

ZERO = Decimal(0)


def shown(contract: Contract, exchange: str | None = None) -> ShownContract:
    """A contract as it stands in reports, at its own exchange or another."""
    return ShownContract(
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=contract.sec_type,
        last_trade_date=contract.last_trade_date,
        strike=contract.strike,
        right=contract.right,
        multiplier=multiplier(contract),
        exchange=contract.exchange if exchange is None else exchange,
        currency=contract.currency,
        local_symbol=contract.local_symbol,
        trading_class=contract.trading_class,
    )


def multiplier(contract: Contract) -> str:
    """Empty for what trades one by one, as IB writes it."""
    return "" if contract.multiplier == 1 else write_number(contract.multiplier)


def open_order(order: Order, preview: Preview | None = None) -> OpenOrder:
    """What the client sent, with where it stands; `preview` adds the numbers of a what-if order."""
    return OpenOrder(
        **_copied(order.terms, OpenOrder),
        order_id=order.order_id,
        client_id=order.client_id,
        perm_id=order.perm_id,
        account=order.account,
        contract=shown(order.contract),
        lmt_price=order.terms.lmt_price or ZERO,
        aux_price=order.terms.aux_price or ZERO,
        adjusted_trail_stop_price=order.terms.trail_stop_price,  # its place among the adjustments
        status=order.status.value,
        **(preview.fields() if preview else {}),
    )


def completed_order(order: Order, zone: str) -> CompletedOrder:
    """An order that has ended."""
    ended = "" if order.ended_at is None else write_time(order.ended_at, zone, version=178)
    return CompletedOrder(
        **_copied(order.terms, CompletedOrder),
        perm_id=order.perm_id,
        account=order.account,
        contract=shown(order.contract),
        lmt_price=order.terms.lmt_price or ZERO,
        aux_price=order.terms.aux_price or ZERO,
        adjusted_trail_stop_price=order.terms.trail_stop_price,  # its place among the adjustments
        status=order.status.value,
        filled_quantity=order.filled,
        completed_time=ended,
        completed_status=order.ended_because,
    )


def order_status(order: Order) -> responses.OrderStatus:
    """Where an order stands."""
    return responses.OrderStatus(
        order_id=order.order_id,
        status=order.status.value,
        filled=order.filled,
        remaining=order.remaining,
        average_price=order.average_price,
        perm_id=order.perm_id,
        parent_id=order.terms.parent_id,
        last_price=order.last_price,
        client_id=order.client_id,
        why_held=order.why_held,
    )


def exec_details(execution: Execution, zone: str, version: int, req_id: int = -1) -> responses.ExecDetails:
    """One execution, in answer to a request or as it happens."""
    return responses.ExecDetails(
        req_id=req_id,
        order_id=execution.order_id,
        contract=shown(execution.contract),
        exec_id=execution.exec_id,
        time=write_time(execution.at, zone, version),
        account=execution.account,
        exchange=execution.contract.primary_exchange or execution.contract.exchange,
        side=execution.side,
        shares=execution.shares,
        price=execution.price,
        perm_id=execution.perm_id,
        client_id=execution.client_id,
        cumulative=execution.cumulative,
        average_price=execution.average_price,
        order_ref=execution.order_ref,
        last_liquidity=2,
    )


def commission_report(execution: Execution) -> responses.CommissionReport:
    """What an execution cost."""
    return responses.CommissionReport(
        exec_id=execution.exec_id,
        commission=execution.commission,
        currency=execution.currency,
        realized_pnl=execution.realized_pnl,
    )


def position(held: Position) -> responses.Position:
    """A position, at no exchange in particular."""
    return responses.Position(
        account=held.account,
        contract=shown(held.contract, _position_exchange(held.contract)),
        position=held.quantity,
        average_cost=held.average_cost,
    )


def position_multi(held: Position, req_id: int) -> responses.PositionMulti:
    """The same, in answer to a request for one account."""
    return responses.PositionMulti(
        req_id=req_id,
        account=held.account,
        contract=shown(held.contract, _position_exchange(held.contract)),
        position=held.quantity,
        average_cost=held.average_cost,
    )


def portfolio_value(holding: Holding) -> responses.PortfolioValue:
    """A position with its value."""
    held = holding.position
    return responses.PortfolioValue(
        contract=shown(held.contract, held.contract.primary_exchange or held.contract.exchange),
        position=held.quantity,
        market_price=holding.price,
        market_value=holding.value,
        average_cost=held.average_cost,
        unrealized_pnl=holding.unrealized,
        realized_pnl=holding.realized,
        account=held.account,
    )


def _position_exchange(contract: Contract) -> str:
    """IB leaves out the exchange of a stock position, and names that of the others."""
    return "" if contract.sec_type == "STK" else contract.exchange


@cache
def _shared(table: type) -> tuple[str, ...]:
    """Names that an order report shares with the request, except those that the gateway decides."""
    decided = {"order_id", "account", "contract", "lmt_price", "aux_price"}
    names = {item.name for item in fields(PlaceOrder)} - decided
    return tuple(item.name for item in fields(table) if item.name in names)


def _copied(terms: PlaceOrder, table: type) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in _shared(table)}
