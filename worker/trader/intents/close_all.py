"""Closes everything, manual orders and positions too, or only what the named strategies hold."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from pydantic import ConfigDict, Field

from trader.books import Books, read_books
from trader.domain.closing import closing_parts, reducible
from trader.domain.configuration import StrategyId
from trader.domain.errors import Failed, Skipped
from trader.domain.instruments import Contract, Listed
from trader.domain.messages import Command, Outcome
from trader.domain.orders import (
    BrokerOrder,
    OrderContract,
    OrderReport,
    OrderState,
    OrderType,
    TimeInForce,
)
from trader.domain.portfolio import Position
from trader.domain.refusal import Refusal
from trader.domain.session import may_go
from trader.domain.status import IntentClass
from trader.domain.wire import Amount, JsonObject, Wire
from trader.intent import Completed, Intent, Run
from trader.plans import Decided, OrderWish
from trader.ports import Ports
from trader.stored.orderbook import own_references

EXAMPLE: JsonObject = {
    "cancelled": 1,
    "residue": [
        {
            "instrument": "SPY",
            "quantity": "20",
            "code": "market-closed",
            "message": "expected SPY in its liquid hours",
        }
    ],
}


_LOOKS, _LOOK_S = 5, 1.0  # a position is told a moment after the fill that moved it


class CloseAll(Command):
    """What to close."""

    strategies: tuple[StrategyId, ...] | None = Field(
        None, min_length=1, description="Only what these hold; left out, every position of the account."
    )


class Residue(Wire):
    """Something that is still there, and why."""

    instrument: str
    quantity: Amount
    code: str
    message: str


class CloseAllOutcome(Outcome):
    """How many orders were cancelled, and what is left. The closing orders are the result's own."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    cancelled: int
    residue: tuple[Residue, ...]


class Closing(Wire):
    """The record of the decision to close: what could not be closed, and why."""

    residue: tuple[Residue, ...]


async def handle(command: CloseAll, run: Run, ports: Ports) -> Completed:
    """Cancel, wait, read the positions again, close, and look whether anything is left."""

    async def cancel() -> Decided:
        return Decided({"cancel": "everything" if command.strategies is None else list(command.strategies)})

    async def close() -> Decided:
        return await _closing(command, run, ports)

    before = await _open_orders(command, run, ports)
    await run.desk.planned("cancel", cancel)
    standing = await run.desk.cancel(command.strategies)
    stage = await run.desk.planned("close", close)
    orders = await run.desk.carry_out(stage)
    left = _left(Closing.model_validate(stage.record), standing, run)
    if command.strategies is None and not run.dry_run:
        left = (*left, *await _still_held(orders, left, ports))
    if not orders and left and all(line.code == "market-closed" for line in left):
        raise Skipped("market-closed", left[0].message)
    failure = (
        Failed("residue", f"{left[0].quantity} {left[0].instrument}: {left[0].message}") if left else None
    )
    cancelled = len(standing) if run.dry_run else before - len(standing)
    outcome = CloseAllOutcome(cancelled=cancelled, residue=left)
    return Completed(outcome, orders, None if run.dry_run else failure)


async def _open_orders(command: CloseAll, run: Run, ports: Ports) -> int:
    """Return how many orders are meant to be cancelled."""
    found = (await ports.orders.look_up()).open
    if command.strategies is None:
        return len(found)
    own = await own_references(ports.store, run.account, command.strategies)
    return sum(order.reference in own for order in found)


async def _closing(command: CloseAll, run: Run, ports: Ports) -> Decided:
    books = await read_books(ports, run.account)
    wishes: list[OrderWish] = []
    residue: list[Residue] = []
    closed: dict[tuple[str, int], Decimal] = {}
    for position in ports.broker.positions():
        parts = _parts(position, books, command)
        closed |= {(owner, position.con_id): part for owner, part in parts.items()}
        quantity = sum(parts.values(), Decimal(0))
        if not quantity:
            continue
        contract = await ports.market_data.contract(Listed(position.con_id, position.exchange))
        why = _refusal(contract, books, ports)
        if why:
            residue.append(_residue(str(contract), -quantity, why))
            continue
        wishes.append(
            OrderWish(
                contract=OrderContract.of(contract),
                quantity=quantity,
                wanted=parts,
                reduces=True,
            )
        )
    residue += _out_of_reach(command, books, closed, ports)
    return Decided(Closing(residue=tuple(residue)).to_json(), tuple(wishes))


def _parts(position: Position, books: Books, command: CloseAll) -> Mapping[str, Decimal]:
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for (owner, con_id), quantity in books.held.items():
        if con_id == position.con_id:
            held[owner] += quantity
    if command.strategies is None:
        return closing_parts(position.quantity, held) if position.quantity else {}
    theirs = {owner: -held[owner] for owner in command.strategies if held[owner] * position.quantity > 0}
    wanted = sum(theirs.values(), Decimal(0))
    possible = reducible(position.quantity, wanted)
    if possible == wanted:
        return theirs
    return closing_parts(-possible, {owner: -part for owner, part in theirs.items()})


def _out_of_reach(
    command: CloseAll, books: Books, closed: Mapping[tuple[str, int], Decimal], ports: Ports
) -> list[Residue]:
    """Return what our books hold and the broker's positions don't: it can't be closed there."""
    if command.strategies is None:
        return _unseen(books, ports)
    names = {position.con_id: position.symbol for position in ports.broker.positions()}
    left = {key: held + closed.get(key, Decimal(0)) for key, held in books.held.items()}
    return [
        Residue(
            instrument=names.get(con_id, f"contract {con_id}"),
            quantity=quantity,
            code="beyond-position",
            message=f"held by {owner}, but not in the broker's position: another owner holds the other side",
        )
        for (owner, con_id), quantity in left.items()
        if quantity and owner in command.strategies
    ]


def _unseen(books: Books, ports: Ports) -> list[Residue]:
    """Return what our books hold of contracts in which the broker shows no position.

    Our books may have a fill that the positions don't show yet, as while the broker is out of reach.
    """
    shown = {position.con_id for position in ports.broker.positions() if position.quantity}
    sums: defaultdict[int, Decimal] = defaultdict(Decimal)
    for (_, con_id), quantity in books.held.items():
        sums[con_id] += quantity
    return [
        Residue(
            instrument=books.names[con_id],
            quantity=quantity,
            code="books-differ",
            message="our books hold it, and the broker shows no position; `reconcile` tells more",
        )
        for con_id, quantity in sums.items()
        if quantity and con_id not in shown
    ]


def _refusal(contract: Contract, books: Books, ports: Ports) -> Refusal | None:
    """Return why a position can't be closed now.

    That of a locked contract can, once no order of ours is open in it.
    """
    in_doubt = books.closed.get(contract.con_id)
    if in_doubt and any(con_id == contract.con_id for _, con_id in books.in_flight):
        return in_doubt
    return may_go(OrderType.MKT, TimeInForce.DAY, None, contract, ports.clock.now())


def _left(closing: Closing, standing: tuple[BrokerOrder, ...], run: Run) -> tuple[Residue, ...]:
    orders = () if run.dry_run else standing
    uncancelled = tuple(
        Residue(
            instrument=str(order.contract),
            quantity=order.quantity - order.filled,
            code="not-cancelled",
            message="the cancel of this order was not confirmed in time",
        )
        for order in orders
    )
    return (*closing.residue, *uncancelled)


async def _still_held(
    orders: tuple[OrderReport, ...], left: tuple[Residue, ...], ports: Ports
) -> tuple[Residue, ...]:
    """Return the positions that stand although their closing orders are filled, and nothing explains it."""
    explained = {line.instrument for line in left}
    explained |= {order.instrument for order in orders if order.state is not OrderState.FILLED}
    held: list[Position] = []
    for _ in range(_LOOKS):
        held = [p for p in ports.broker.positions() if p.quantity and p.symbol not in explained]
        if not held or not await ports.orders.change(within_s=_LOOK_S):
            break
    return tuple(
        Residue(
            instrument=position.symbol,
            quantity=position.quantity,
            code="not-flat",
            message="it was closed and is held again: another order may have filled",
        )
        for position in held
    )


def _residue(instrument: str, quantity: Decimal, why: Refusal) -> Residue:
    return Residue(instrument=instrument, quantity=quantity, code=why.code, message=why.message)


INTENT = Intent(
    name="close-all",
    kind=IntentClass.TRADING,
    command=CloseAll,
    outcome=CloseAllOutcome,
    handle=handle,
    example={"intent": "close-all", "dryRun": True},
    urgent=True,
)
