"""Closes everything, manual orders and positions too, or only what the named strategies hold."""

from collections.abc import Collection

from pydantic import ConfigDict, Field

from trader.closing import WORKING, Cancel, Closed, Residue, close
from trader.domain.configuration import StrategyId
from trader.domain.errors import Failed, Skipped, Terminal
from trader.domain.ledger import NOBODYS
from trader.domain.messages import Command, Outcome
from trader.domain.portfolio import OpenOrder, Position
from trader.domain.session import CLOSED
from trader.domain.status import IntentClass, Severity
from trader.domain.strategy import unknown_strategy
from trader.domain.valuation import securities
from trader.domain.wire import JsonObject
from trader.intent import Completed, Intent, Run
from trader.ports import Ports
from trader.stored.orderbook import all_fills

EXAMPLE: JsonObject = {
    "cancels": [
        {
            "conId": 756733,
            "instrument": "SPY",
            "quantity": "-50",
            "reference": "",
            "permId": 417,
            "stands": False,
        }
    ],
    "residue": [
        {
            "conId": 756733,
            "instrument": "SPY",
            "quantity": "20",
            "code": "market-closed",
            "message": "expected SPY in its liquid hours",
        }
    ],
}


_LOOK_S = 1.0
"""How long to wait at most before looking again, and at least before telling of what is left."""


class CloseAll(Command):
    """What to close."""

    strategies: tuple[StrategyId, ...] | None = Field(
        None, min_length=1, description="Only what these hold; left out, every position of the account."
    )


class CloseAllOutcome(Outcome):
    """Which orders were cancelled, and what is left. The closing orders are the result's own."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    cancels: tuple[Cancel, ...]
    residue: tuple[Residue, ...]


async def handle(command: CloseAll, run: Run, ports: Ports) -> Completed:
    """Cancel, wait, read the positions again, close, and look whether anything is left."""
    if command.strategies is not None and not (
        run.desk.has_planned("cancel") or run.desk.has_planned("close")
    ):
        await _check_known(command.strategies, run, ports)
    closed = await close(command.strategies, run, ports)
    left = closed.residue
    if command.strategies is None and not run.dry_run:
        left = (*left, *await _still_there(closed, run, ports))
    outcome = CloseAllOutcome(cancels=closed.cancels, residue=left)
    severity = Severity.WARNING if any(line.code == WORKING for line in left) else Severity.INFO
    return Completed(
        outcome, closed.orders, None if run.dry_run else _failure(closed, left), severity=severity
    )


async def _check_known(strategies: Collection[str], run: Run, ports: Ports) -> None:
    """Raise Rejected for a name that is no strategy's, and under which nothing was ever booked: a slip.

    It would close nothing, and be told as success. What a strategy that is gone has left can be closed.
    """
    if all(strategy in run.strategies for strategy in strategies):
        return
    fills = await all_fills(ports.store, run.account)
    known = {*run.strategies, *(owner for fill in fills for owner in fill.shares if owner not in NOBODYS)}
    for strategy in strategies:
        if strategy not in known:
            raise unknown_strategy(strategy, sorted(known))


def _failure(closed: Closed, left: tuple[Residue, ...]) -> Terminal | None:
    """Return why not all is closed: skipped only where nothing was done, and a closed market is all of it."""
    left = tuple(line for line in left if line.code != WORKING)
    if not left:
        return None
    if not (closed.orders or closed.cancels) and all(line.code == CLOSED for line in left):
        return Skipped(CLOSED, left[0].message)
    return Failed("residue", f"{left[0].quantity} {left[0].instrument}: {left[0].message}")


async def _still_there(closed: Closed, run: Run, ports: Ports) -> tuple[Residue, ...]:
    """Return the positions and orders that stand although all was closed, and nothing explains them.

    Another run, or a person, may have ordered since: a run that is taken over is away for a while. A position
    is told a moment after the fill that moved it, so that SETTLE goes by before one is called left.
    """
    own = {order.reference for order in closed.orders}
    told = {line.con_id for line in closed.residue if line.code == "not-cancelled"}
    explained = closed.unfilled | {line.con_id for line in closed.residue}
    held: list[Position] = []
    standing: list[OpenOrder] = []
    until = ports.clock.monotonic() + max(run.settle_s, _LOOK_S)
    while True:
        held = [p for p in securities(ports.broker.positions()) if p.con_id not in explained]
        others = (order for order in ports.broker.open_orders() if order.reference not in own)
        standing = [order for order in others if order.con_id not in told]
        left_s = until - ports.clock.monotonic()
        if left_s <= 0 or not (held or standing):
            break
        await ports.orders.change(within_s=min(left_s, _LOOK_S))
    return (
        *(
            Residue(
                con_id=position.con_id,
                instrument=position.symbol,
                quantity=position.quantity,
                code="not-flat",
                message="it was closed and is held again: another order may have filled",
            )
            for position in held
        ),
        *(
            Residue(
                con_id=order.con_id,
                instrument=order.symbol,
                quantity=order.quantity - order.filled,
                code="not-cancelled",
                message="this order came after all was cancelled, and stands",
            )
            for order in standing
        ),
    )


INTENT = Intent(
    name="close-all",
    kind=IntentClass.TRADING,
    command=CloseAll,
    outcome=CloseAllOutcome,
    handle=handle,
    example={"intent": "close-all", "dryRun": True},
    urgent=True,
)
