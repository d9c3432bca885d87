"""What must be true of every history, once all has been redelivered or swept.

It holds under these assumptions about the gateway and the store, each of which the simulation keeps:

- What is sent on one connection is handled in its order, and all of it before a later request is answered.
- A client id is one connection's at a time: while the gateway has an older one, a newer is refused (326).
  So what a dead worker has sent was handled before the next one is let in.
- Within SETTLE of a login the gateway's reports show what the broker has taken.
- ``nextValidId`` is above every id that the gateway has taken since it last began to count. It may begin
  anew at any time, as far back as it likes, and forget executions and completed orders as it does.
- An address is one gateway: two gateways of one account have addresses of their own.
- Positions and open orders are the broker's, and are never forgotten.
- A commit of the store is atomic, and what it has written is read by everybody from then on.
- Clocks run at one speed; what they say of the hour may be wrong.
- Between the check just before sending and the socket there is no await. A process that freezes right
  there sends when it goes on: that order counts as sent before, and arrives late.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from gateway_simulator.book import Order
from tests.chaos.post import Letter
from tests.chaos.stage import Stage
from tests.support.crash import ACCOUNT
from trader.discovery import find_intents
from trader.domain.ledger import holdings
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderReport, OrderState, reference_of
from trader.domain.valuation import FOREX
from trader.intents.close_all import CloseAll, CloseAllOutcome
from trader.runs.decoding import Delivery, decode
from trader.runs.runs import RunRecord, path_of
from trader.stored import orderbook

DRY_ORDERS = 20
"""How many orders of a dry run are looked for."""
BY_PERSON = "by repair"
"""Of an order in doubt whose end a person has named; whatever it filled is EXTERNAL's then."""
INTENTS = find_intents()


async def judge(stage: Stage, letters: Sequence[Letter]) -> None:
    """Let the witness accuse whatever isn't as it must be."""
    for found in (
        *_doubled(stage),
        *_results(stage),
        *_letters(letters),
        *await _books(stage),
        *await _orders(stage),
        *_lines(stage),
        *_dry(stage),
        *_closings(stage),
    ):
        stage.witness.accuse(found)


def _doubled(stage: Stage) -> Iterator[str]:
    """Each order reference stands at most once at the broker."""
    placed = Counter(order.terms.order_ref for order in stage.gateway.book.orders.values())
    del placed[""]
    yield from (f"DOUBLED: {ref} stands {times} times" for ref, times in placed.items() if times > 1)


def _results(stage: Stage) -> Iterator[str]:
    """Each run that was claimed has one end, told at least once and never differently."""
    witness = stage.witness
    for run in _runs(stage):
        if run.state != "reported":
            yield f"WITHOUT RESULT: {run.key} is {run.state}"
        told = [result for result in witness.told if result.id == run.key]
        if not told:
            yield f"WITHOUT RESULT: {run.key} was never told"
        elif run.key not in witness.ends or any(result != witness.ends[run.key].result for result in told):
            yield f"{run.key} was told differently"
        if run.follow_up and path_of(ACCOUNT, str(run.follow_up["key"])) not in witness.truth:
            yield f"LOST: {run.key} has started nothing, expected {run.follow_up['key']}"


def _letters(letters: Sequence[Letter]) -> Iterator[str]:
    """Each message that comes again is taken, or is with the dead letters."""
    for letter in letters:
        if letter.mail.comes_again and not letter.is_done:
            yield f"WITHOUT RESULT: {letter.mail.id} was never acknowledged"


async def _books(stage: Stage) -> Sequence[str]:
    """Holdings equal positions, or the contract is locked and an alert is out."""
    ours: dict[int, Decimal] = {}
    booked = [fill for fill in await orderbook.all_fills(stage.store, ACCOUNT) if fill.sec_type != FOREX]
    for (_, con_id), quantity in holdings(booked).items():
        ours[con_id] = ours.get(con_id, Decimal(0)) + quantity
    positions = [p for p in stage.gateway.book.positions_of(ACCOUNT) if p.contract.sec_type != FOREX]
    theirs = {p.contract.con_id: p.quantity for p in positions}
    locks = await orderbook.contract_locks(stage.store, ACCOUNT)
    wrong = []
    for con_id in sorted({*ours, *theirs}):
        here, there = ours.get(con_id, Decimal(0)), theirs.get(con_id, Decimal(0))
        if here != there and con_id not in locks:
            wrong.append(
                f"LOST: of {con_id} the books hold {here}, the broker {there}, and nothing is locked"
            )
    alerted = {alert.get("instrument") for alert in stage.witness.alerts}
    silent = [lock.value.instrument for lock in locks.values() if lock.value.instrument not in alerted]
    return [*wrong, *(f"{instrument} is locked, and nobody was alerted" for instrument in silent)]


async def _orders(stage: Stage) -> Sequence[str]:
    """What an order's document says is so at the broker; what is in doubt has its contract locked."""
    locked = set(await orderbook.contract_locks(stage.store, ACCOUNT))
    standing = _standing(stage)
    wrong = []
    for path, document in stage.witness.truth.items():
        if "/orders/" not in path:
            continue
        record = OrderRecord.model_validate(document)
        there = standing.get(record.order.reference)
        found = f"{there.status.value} with {there.sign * there.filled} filled" if there else "nowhere"
        name = f"{record.order.reference}, {record.standing} with {record.filled} filled, is {found}"
        is_locked = record.order.contract.con_id in locked
        if record.standing is OrderState.UNRESOLVED and not is_locked:
            wrong.append(f"LOST: {name} at the broker; its contract isn't locked")
        if there and (record.order.quantity, record.order.contract.con_id) != (
            there.sign * there.quantity,
            there.contract.con_id,
        ):
            wrong.append(f"{name} at the broker, as {there.terms}")
        if BY_PERSON in record.text:
            continue
        if not _agrees(record.standing, there):
            wrong.append(f"LOST: {name} at the broker")
        if there and record.filled != there.sign * there.filled and not is_locked:
            wrong.append(f"LOST: {name} at the broker; its contract isn't locked")
    return wrong


def _agrees(said: OrderState, there: Order | None) -> bool:
    match said:
        case OrderState.PLANNED | OrderState.UNSENT:
            return there is None
        case OrderState.FILLED:
            return there is not None
        case OrderState.WORKING | OrderState.HELD:
            return there is not None and there.is_open
        case OrderState.CANCELLED:
            return there is not None and not there.is_open
        case OrderState.REJECTED:
            return there is None or not there.is_open
        case OrderState.UNRESOLVED:
            return True


def _lines(stage: Stage) -> Iterator[str]:
    """What a result says of an order was so, and an order that it calls unsent never stood."""
    standing = _standing(stage)
    for run, end in stage.witness.ends.items():
        for line in end.result.orders:
            there = standing.get(line.reference or "")
            if there is None and _stood(line):
                yield f"LOST: {run} says that {line.reference} is {line.state}; it never stood"
            if there is not None and line.state is OrderState.UNSENT:
                yield f"LOST: {run} says that {line.reference} was not sent; it stood"


def _stood(line: OrderReport) -> bool:
    taken = (OrderState.WORKING, OrderState.HELD, OrderState.FILLED, OrderState.CANCELLED)
    return line.reference is not None and line.state in taken and BY_PERSON not in line.text


def _dry(stage: Stage) -> Iterator[str]:
    """No order of a dry run stands."""
    standing = _standing(stage)
    for run in _runs(stage):
        if run.result is not None and run.result.dry_run:
            for n in range(DRY_ORDERS):
                if reference_of(run.key, n) in standing:
                    yield f"{run.key} was dry, and its order {n} stands"


def _closings(stage: Stage) -> Iterator[str]:
    """close-all of everything leaves nothing, or says what is left."""
    for run in _runs(stage):
        result = run.result
        if run.intent != "close-all" or result is None or result.dry_run or result.outcome is None:
            continue
        command = decode(Delivery.model_validate(run.delivery), INTENTS, ACCOUNT).command
        if isinstance(command, CloseAll) and command.strategies is None:
            said = {line.instrument for line in CloseAllOutcome.model_validate(result.outcome).residue}
            said |= {line.instrument for line in result.orders if line.state is not OrderState.FILLED}
            end = stage.witness.ends[run.key]
            left = {*end.positions, *end.open_orders} - said - end.strangers
            if left:
                yield f"{run.key} ended {result.status} and left {', '.join(sorted(left))} without a word"


def _runs(stage: Stage) -> list[RunRecord]:
    found = [document for path, document in stage.witness.truth.items() if "/runs/" in path]
    return [RunRecord.model_validate(document) for document in found]


def _standing(stage: Stage) -> Mapping[str, Order]:
    return {order.terms.order_ref: order for order in stage.gateway.book.orders.values()}
