"""Orders cancelled and positions closed: everything, or only what the named strategies hold."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from pydantic import Field

from trader.books import Books, settled_books
from trader.domain.closing import closing_parts, reducible
from trader.domain.errors import Rejected
from trader.domain.instruments import Contract, Listed
from trader.domain.ledger import NOBODYS
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
from trader.domain.session import CLOSED, goes_until, may_go
from trader.domain.valuation import FOREX
from trader.domain.wire import Amount, Wire
from trader.intent import Run
from trader.plans import Decided, OrderWish
from trader.ports import Ports
from trader.stored.orderbook import own_references

AT_ONCE = (OrderType.MKT, TimeInForce.DAY, None)
"""How everything is closed."""


WORKING = "still-working"
"""The code of what is left while its closing order works: nothing is wrong, and nothing is flat yet."""
_WORK = (OrderState.WORKING, OrderState.HELD)


class Residue(Wire):
    """Something that is still there, and why."""

    con_id: int = Field(
        0, description="The broker's number of the contract; 0 of one told before it was kept."
    )
    instrument: str
    quantity: Amount
    code: str
    message: str


class Cancel(Wire):
    """An order that was to be cancelled."""

    con_id: int = 0
    instrument: str
    quantity: Amount = Field(description="What of it was open, signed.")
    reference: str = Field(description="Empty for an order that was entered by hand.")
    perm_id: int = Field(description="The broker's number of it.")
    stands: bool = Field(True, description="Whether it still stood when the wait was over; dry, it does.")


class Cancelling(Wire):
    """The record of the decision what to cancel."""

    cancels: tuple[Cancel, ...]


class Closing(Wire):
    """The record of the decision to close: what could not be closed, and why, and what was not cancelled."""

    residue: tuple[Residue, ...]
    standing: tuple[Cancel, ...] = ()
    contracts: tuple[int, ...] = ()  # of the orders, one each


@dataclass(frozen=True, slots=True)
class Closed:
    """What was cancelled and closed, and what is left for a reason that is known.

    ``unfilled`` are the contracts whose closing order says itself that something is left.
    """

    cancels: tuple[Cancel, ...] = ()
    orders: tuple[OrderReport, ...] = ()
    residue: tuple[Residue, ...] = ()
    unfilled: frozenset[int] = frozenset()


async def close(strategies: Collection[str] | None, run: Run, ports: Ports) -> Closed:
    """Cancel, wait, read the positions again, and close; None for ``strategies`` is everything.

    Cancels and closes are stages of the stored plan: a resumed run goes on with them. Once it has planned its
    closing orders it cancels nothing more, or it would cancel those. Where nothing stands, nothing is planned
    to be cancelled.
    """
    desk = run.desk
    meant: tuple[Cancel, ...] = ()
    standing: tuple[BrokerOrder, ...] = ()
    seen: tuple[BrokerOrder, ...] | None = None

    async def cancel() -> Decided:
        return Decided(Cancelling(cancels=tuple(_cancel(order) for order in seen or ())).to_json())

    async def decide() -> Decided:
        return await _closing(strategies, run, ports, standing)

    if not (desk.has_planned("cancel") or desk.has_planned("close")):
        seen = await _standing(strategies, run, ports)
    if seen or desk.has_planned("cancel"):
        meant = Cancelling.model_validate((await desk.planned("cancel", cancel)).record).cancels
    if not desk.has_planned("close"):
        standing = await desk.cancel(strategies, seen=seen)
    stage = await desk.planned("close", decide)
    orders = await desk.carry_out(stage)
    closing = Closing.model_validate(stage.record)
    uncancelled = () if run.dry_run else tuple(_uncancelled(order) for order in closing.standing)
    unfilled = {
        con_id: order
        for con_id, order in zip(closing.contracts, orders, strict=False)
        if order.state is not OrderState.FILLED
    }
    working = tuple(_working(con_id, order) for con_id, order in unfilled.items() if order.state in _WORK)
    return Closed(
        _ended(meant, closing.standing),
        orders,
        (*closing.residue, *uncancelled, *working),
        frozenset(unfilled),
    )


async def _standing(strategies: Collection[str] | None, run: Run, ports: Ports) -> tuple[BrokerOrder, ...]:
    standing = tuple(await ports.orders.standing())
    if strategies is None or not standing:
        return standing
    own = await own_references(ports.store, run.account, strategies)
    return tuple(order for order in standing if order.reference in own)


def _cancel(order: BrokerOrder) -> Cancel:
    return Cancel(
        con_id=order.contract.con_id,
        instrument=str(order.contract),
        quantity=order.quantity - order.filled,
        reference=order.reference,
        perm_id=order.perm_id,
    )


def _ended(meant: Collection[Cancel], standing: Collection[Cancel]) -> tuple[Cancel, ...]:
    left = {(order.reference, order.perm_id) for order in standing}
    return tuple(
        cancel.model_copy(update={"stands": (cancel.reference, cancel.perm_id) in left}) for cancel in meant
    )


async def _closing(
    strategies: Collection[str] | None, run: Run, ports: Ports, standing: Collection[BrokerOrder]
) -> Decided:
    books = await settled_books(ports, run.account, run.settle_s, waits=not run.dry_run)
    wishes: list[OrderWish] = []
    residue: list[Residue] = []
    closed: dict[tuple[str, int], Decimal] = {}
    for position in ports.broker.positions():
        parts = _parts(position, books, strategies)
        closed |= {(owner, position.con_id): part for owner, part in parts.items()}
        quantity = sum(parts.values(), Decimal(0))
        if not quantity:
            continue
        left = partial(Residue, con_id=position.con_id, quantity=-quantity)
        try:
            contract = await ports.market_data.contract(Listed(position.con_id, position.exchange))
            why = _refusal(contract, books, ports)
        except Rejected as unfit:  # it has expired, or its hours can't be told: the others are closed
            residue.append(left(instrument=position.symbol, code=unfit.code, message=unfit.message))
            continue
        if why:
            residue.append(left(instrument=str(contract), code=why.code, message=why.message))
        if why and not (run.dry_run and why.code == CLOSED):
            continue
        wishes.append(
            OrderWish(
                contract=OrderContract.of(contract),
                quantity=quantity,
                wanted=parts,
                reduces=True,
                goes_until=goes_until(*AT_ONCE, contract, ports.clock.now()),
            )
        )
    residue += _out_of_reach(strategies, books, closed, ports)
    closing = Closing(
        residue=tuple(residue),
        standing=tuple(_cancel(order) for order in standing),
        contracts=tuple(wish.contract.con_id for wish in wishes),
    )
    return Decided(closing.to_json(), tuple(wishes))


def _parts(position: Position, books: Books, strategies: Collection[str] | None) -> Mapping[str, Decimal]:
    """Return whose holdings are closed of ``position``, as signed parts of the closing order.

    One in currencies mirrors cash: what no strategy holds of it is nobody's to close.
    """
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for (owner, con_id), quantity in books.held.items():
        if con_id == position.con_id:
            held[owner] += quantity
    if strategies is None and position.sec_type == FOREX:
        strategies = [owner for owner in held if owner not in NOBODYS]
    if strategies is None:
        return closing_parts(position.quantity, held) if position.quantity else {}
    theirs = {owner: -held[owner] for owner in strategies if held[owner] * position.quantity > 0}
    wanted = sum(theirs.values(), Decimal(0))
    possible = reducible(position.quantity, wanted)
    if possible == wanted:
        return theirs
    return closing_parts(-possible, {owner: -part for owner, part in theirs.items()})


def _out_of_reach(
    strategies: Collection[str] | None,
    books: Books,
    closed: Mapping[tuple[str, int], Decimal],
    ports: Ports,
) -> list[Residue]:
    """Return what our books hold and the broker's positions don't: it can't be closed there.

    Where everything is closed it's the sums that count, but in currencies, which strategies alone hold.
    """
    unseen = _unseen(books, ports) if strategies is None else []

    def is_meant(owner: str, con_id: int) -> bool:
        if strategies is None:
            return con_id in books.virtual and owner not in NOBODYS
        return owner in strategies

    left = {key: held + closed.get(key, Decimal(0)) for key, held in books.held.items()}
    beyond = [
        Residue(
            con_id=con_id,
            instrument=books.names[con_id],
            quantity=quantity,
            code="beyond-position",
            message=f"held by {owner}, but not in the broker's position: another owner holds the other side",
        )
        for (owner, con_id), quantity in left.items()
        if quantity and is_meant(owner, con_id)
    ]
    return [*unseen, *beyond]


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
            con_id=con_id,
            instrument=books.names[con_id],
            quantity=quantity,
            code="books-differ",
            message="our books hold it, and the broker shows no position; `reconcile` tells more",
        )
        for con_id, quantity in sums.items()
        if quantity and con_id not in shown and con_id not in books.virtual
    ]


def _refusal(contract: Contract, books: Books, ports: Ports) -> Refusal | None:
    """Return why a position can't be closed now.

    That of a locked contract can, once no order of ours is open in it.
    """
    in_doubt = books.closed.get(contract.con_id)
    if in_doubt and any(con_id == contract.con_id for _, con_id in books.in_flight):
        return in_doubt
    return may_go(*AT_ONCE, contract, ports.clock.now())


def _working(con_id: int, order: OrderReport) -> Residue:
    return Residue(
        con_id=con_id,
        instrument=order.instrument,
        quantity=order.filled - order.quantity,
        code=WORKING,
        message="its closing order is with the broker, and hasn't filled yet",
    )


def _uncancelled(order: Cancel) -> Residue:
    return Residue(
        con_id=order.con_id,
        instrument=order.instrument,
        quantity=order.quantity,
        code="not-cancelled",
        message="the cancel of this order was not confirmed in time",
    )
