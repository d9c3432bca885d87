"""The limits and how far each is used, from the store alone."""

from datetime import datetime

from trader.domain.configuration import Configuration
from trader.domain.conversion import conversions_on
from trader.domain.day import day_result
from trader.domain.errors import GatewayNotReady
from trader.domain.ledger import holdings
from trader.domain.limit_use import LimitUse, Usage, limit_uses
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderState, OrderType
from trader.domain.risk_check import Measures, Scene, measure
from trader.domain.session import trading_day
from trader.domain.snapshot import Snapshot
from trader.domain.valuation import figure
from trader.ports import Store
from trader.stored import days, orderbook
from trader.stored.snapshots import latest_snapshot


async def read_limit_uses(
    store: Store, account: str, configuration: Configuration, now: datetime
) -> tuple[LimitUse, ...]:
    """Return every limit; what only the broker can tell is of the latest snapshot. Raises Failed."""
    orders = [kept.value for kept in await orderbook.all_orders(store, account)]
    snapshot = await latest_snapshot(store, account)
    usage = Usage(
        at=now,
        orders_today=await orderbook.orders_of_day(store, account, trading_day(now)),
        conversions_today=conversions_on(orders, now),
        oldest_order_minutes=max((_minutes(order, now) for order in orders), default=0),
        seen=await _measured(store, account, snapshot, configuration, now) if snapshot else None,
        seen_at=snapshot.at if snapshot else None,
    )
    return limit_uses(configuration, usage)


async def _measured(
    store: Store, account: str, snapshot: Snapshot, configuration: Configuration, now: datetime
) -> Measures | None:
    """Return what the snapshot shows; None where it was taken before the account was told in full."""
    seen = snapshot.account
    start = await days.start_of_day(store, account, trading_day(now))
    if start and (start.at > snapshot.at or start.currency != seen.base_currency):
        start = None  # a snapshot from before the day began says nothing of the day
    held = holdings(await orderbook.all_fills(store, account))
    try:
        day = day_result(start, figure(seen, "NetLiquidation")) if start else None
        scene = Scene(seen, snapshot.positions, held, day, working=(), unowned=())
        return measure(scene, configuration)
    except GatewayNotReady:
        return None


def _minutes(record: OrderRecord, now: datetime) -> int:
    """Return for how long an order has been working; 0 for one that isn't, or waits as it was meant to."""
    works = record.standing in (OrderState.WORKING, OrderState.HELD)
    if not works or record.order.order_type is OrderType.MOC:
        return 0
    since = max(record.planned_at, record.order.good_after or record.planned_at)
    return max(int((now - since).total_seconds() // 60), 0)
