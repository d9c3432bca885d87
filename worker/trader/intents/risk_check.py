"""Holds the day's loss, orders, exposure and owners against the limits; a breach allows closing only."""

from pydantic import ConfigDict, Field

from trader.books import read_books
from trader.domain.messages import NoCommand, Outcome
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderType
from trader.domain.risk_check import (
    Breach,
    Measures,
    Scene,
    Unowned,
    WorkingOrder,
    breaches,
    measure,
    unowned,
)
from trader.domain.status import IntentClass, Severity
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject
from trader.intent import Completed, Intent, Run
from trader.ports import Ports
from trader.stored import days, orderbook, records

EXAMPLE: JsonObject = {
    "measures": {
        "day": {
            "sessionDate": "2026-11-23",
            "start": "100000.00",
            "now": "94500.00",
            "change": "-5500.00",
            "changePercent": "-5.5000",
            "currency": "USD",
            "startAt": "2026-11-23T14:30:00.000000Z",
        },
        "netLiquidation": "94500.00",
        "grossValue": "67130.00",
        "grossExposure": "0.7104",
        "positions": 1,
        "strategies": [{"strategy": "testsignalgenerator", "value": "40278.0000", "maxNotional": "50000"}],
        "working": [],
        "unowned": [],
        "currency": "USD",
    },
    "breaches": [
        {
            "code": "daily-drawdown",
            "message": "expected a loss below limits.dailyDrawdownPercent 5 of 100000.00 USD, "
            "found 5500.00 USD, or 5.5000 percent",
        }
    ],
    "stateBefore": "active",
    "stateAfter": "reduce-only",
}


class RiskCheckOutcome(Outcome):
    """What was measured, which limits don't hold, and the trading state that follows from it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    measures: Measures
    breaches: tuple[Breach, ...]
    state_before: TradingState
    state_after: TradingState = Field(description="A breach tightens it, and nothing here loosens it.")


async def handle(_: NoCommand, run: Run, ports: Ports) -> Completed:
    """Measure; on a breach be loud and, unless it is switched off, allow closing only. Nothing is closed."""
    configuration = run.desk.configuration
    found = measure(await _scene(run, ports), configuration)
    broken = breaches(found, configuration)
    before, write = await records.tightening(
        ports.store,
        run.account,
        TradingState.REDUCE_ONLY,
        reason="risk-check: " + "; ".join(breach.code for breach in broken),
        at=ports.clock.now(),
        by=run.key,
    )
    tightens = bool(broken) and configuration.reduce_only_on_breach and write is not None
    return Completed(
        RiskCheckOutcome(
            measures=found,
            breaches=broken,
            state_before=before,
            state_after=TradingState.REDUCE_ONLY if tightens else before,
        ),
        severity=Severity.CRITICAL if broken else Severity.INFO,
        writes=(write,) if write and tightens and not run.dry_run else (),
    )


async def _scene(run: Run, ports: Ports) -> Scene:
    nobodys = await _unowned_for_long(run, ports)
    account = ports.broker.account()
    return Scene(
        account=account,
        positions=tuple(ports.broker.positions()),
        held=(await read_books(ports, run.account)).held,
        day=await days.day_so_far(ports.store, account, ports.clock.now()),
        working=await _working(run, ports),
        unowned=nobodys,
    )


async def _unowned_for_long(run: Run, ports: Ports) -> tuple[Unowned, ...]:
    """Return what has no owner in two looks, SETTLE apart: a position is told a moment after its fill."""
    first = await _unowned(run, ports)
    if not first:
        return ()
    await ports.clock.sleep(run.settle_s)
    return tuple(line for line in await _unowned(run, ports) if line in first)


async def _unowned(run: Run, ports: Ports) -> tuple[Unowned, ...]:
    held = (await read_books(ports, run.account)).held
    return unowned(tuple(ports.broker.positions()), held)


async def _working(run: Run, ports: Ports) -> tuple[WorkingOrder, ...]:
    """Return our orders that stand at the broker, but those whose time is yet to come."""
    now = ports.clock.now()
    standing = {order.reference: order for order in ports.broker.open_orders()}
    found = []
    for kept in await orderbook.open_orders(ports.store, run.account):
        record, reference = kept.value, kept.value.order.reference
        if reference not in standing or _waits(record):
            continue
        since = max(record.planned_at, record.order.good_after or record.planned_at)
        if since > now:
            continue
        line = WorkingOrder(
            reference=reference,
            instrument=str(record.order.contract),
            quantity=record.order.quantity,
            filled=standing[reference].filled,
            since=since,
            minutes=int((now - since).total_seconds() // 60),
        )
        found.append(line)
    return tuple(found)


def _waits(record: OrderRecord) -> bool:
    """Return whether an order waits for the close, as it was meant to."""
    return record.order.order_type is OrderType.MOC


INTENT = Intent(
    name="risk-check",
    kind=IntentClass.TRADING,
    command=NoCommand,
    outcome=RiskCheckOutcome,
    handle=handle,
    example={"intent": "risk-check"},
)
