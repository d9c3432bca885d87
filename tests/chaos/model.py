"""What must be true of every history, once all has been redelivered or swept.

It holds under these assumptions about the gateway and the store, each of which the simulator keeps:

- What is sent on one connection is handled in its order, and all of it before a later request is answered.
- A client id is one connection's at a time: while the gateway has an older one, a newer is refused (326).
  So what a dead worker sent was handled before the next one is let in.
- Within SETTLE of a login the gateway's reports show what the broker has taken.
- ``nextValidId`` is above every id that the gateway has taken since it last began to count. It may begin
  anew at any time, as far back as it likes.
- An address is one gateway. Two gateways of one account have addresses of their own.
- Positions and open orders are the broker's, and are never forgotten. Executions and completed orders of
  a session date may be.
- A commit of the store is atomic, and what it has written is read by everybody from then on.
- A worker's clock runs as fast as any other's; what it says of the hour may be wrong.
- Between the check just before sending and the socket there is no await. A process that is frozen right
  there, wakes up and sends: that is an order that was sent before, and arrives late.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from tests.chaos.plan import Plan
from tests.chaos.post import Letter
from tests.chaos.stage import Stage
from tests.support.crash import ACCOUNT
from trader import orderbook, runs
from trader.domain.ledger import holdings
from trader.domain.order_record import OrderRecord
from trader.domain.orders import OrderReport, OrderState, reference_of
from trader.domain.status import Status

BY_PERSON = "by repair"
"""Of an order whose end a person has named; it was in doubt."""
DRY_ORDERS = 20
"""How many orders of a dry run are looked for."""


async def judge(stage: Stage, plan: Plan, letters: Sequence[Letter]) -> None:
    """Let the witness accuse whatever isn't as it must be."""
    for found in (
        *_doubled(stage),
        *_results(stage, letters),
        *await _books(stage),
        *await _orders(stage),
        *_dry(stage, letters),
        *_closings(stage),
    ):
        stage.witness.accuse(found)


def _doubled(stage: Stage) -> Iterator[str]:
    """Each order reference stands at most once at the broker."""
    placed = Counter(order.terms.order_ref for order in stage.gateway.book.orders.values())
    del placed[""]
    yield from (f"DOUBLED: {ref} stands {times} times" for ref, times in placed.items() if times > 1)


def _results(stage: Stage, letters: Sequence[Letter]) -> Iterator[str]:
    """Each run that was claimed has one end, told at least once and never differently."""
    witness = stage.witness
    for path, document in witness.truth.items():
        if "/runs/" in path:
            key = document["key"]
            if document["state"] != "reported":
                yield f"WITHOUT RESULT: {key} is {document['state']}"
            told = [result for result in witness.told if result.id == key]
            if not told:
                yield f"WITHOUT RESULT: {key} was never told"
            elif key not in witness.ends or any(result != witness.ends[key].result for result in told):
                yield f"{key} was told differently"
    for letter in letters:
        if letter.first is not None and letter.mail.comes_again and not letter.is_done:
            yield f"{letter.mail.id} was never acknowledged"


async def _books(stage: Stage) -> Sequence[str]:
    """Holdings equal positions, or the contract is locked and an alert is out."""
    ours: Counter[int] = Counter()
    for (_, con_id), quantity in holdings(await orderbook.all_fills(stage.store, ACCOUNT)).items():
        ours[con_id] += quantity  # type: ignore[assignment]
    held = stage.gateway.book.positions_of(ACCOUNT)
    theirs = {position.contract.con_id: position.quantity for position in held}
    locks = await orderbook.contract_locks(stage.store, ACCOUNT)
    alerted = {str(alert.get("instrument")) for alert in stage.witness.alerts}
    wrong = []
    for con_id in sorted({*ours, *theirs}):
        here, there = ours[con_id], theirs.get(con_id, Decimal(0))
        if here != there and con_id not in locks:
            wrong.append(
                f"LOST: of {con_id} the books hold {here}, the broker {there}, and nothing is locked"
            )
    for con_id, lock in locks.items():
        if lock.value.instrument not in alerted:
            wrong.append(f"{lock.value.instrument} ({con_id}) is locked, and nobody was alerted")
    return wrong


async def _orders(stage: Stage) -> Sequence[str]:
    """What is said of an order, in its document and in its run's result, is so."""
    locks = await orderbook.contract_locks(stage.store, ACCOUNT)
    standing = {order.terms.order_ref: order for order in stage.gateway.book.orders.values()}
    wrong = []
    for path, document in stage.witness.truth.items():
        if "/orders/" not in path:
            continue
        record = OrderRecord.model_validate(document)
        reference, there = record.order.reference, standing.get(record.order.reference)
        is_said = (
            f"{reference} is {record.standing}, filled {record.filled}, and at the broker "
            f"{f'{there.status.value}, filled {there.sign * there.filled}' if there else 'nowhere'}"
        )
        if record.standing is OrderState.UNRESOLVED:
            if record.order.contract.con_id not in locks:
                wrong.append(f"{is_said}: and its contract isn't locked")
            continue
        is_locked = record.order.contract.con_id in locks
        by_person = BY_PERSON in record.text  # whatever it has filled is EXTERNAL's then
        if there and record.filled != there.sign * there.filled and not (is_locked or by_person):
            wrong.append(f"LOST: {is_said}")
        if not _agrees(record.standing, there) and not by_person:
            wrong.append(f"LOST: {is_said}")
        if there is not None and (record.order.quantity, record.order.contract.con_id) != (
            there.sign * there.quantity,
            there.contract.con_id,
        ):
            wrong.append(f"{reference} was sent as something else: {there.terms}")
    for end in stage.witness.ends.values():
        for line in end.result.orders:
            wrong += _line(line, end.result.id, standing)
    return wrong


def _agrees(said: OrderState, there: Any) -> bool:
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
    return True


def _line(line: OrderReport, run: str, standing: Any) -> Iterator[str]:
    if line.reference is None:
        return
    there = standing.get(line.reference)
    accepted = line.state in (OrderState.WORKING, OrderState.HELD, OrderState.FILLED, OrderState.CANCELLED)
    if accepted and there is None and BY_PERSON not in line.text:
        yield f"LOST: the result of {run} says that {line.reference} is {line.state}; it never stood"
    if line.state is OrderState.UNSENT and there is not None:
        yield f"the result of {run} says that {line.reference} was not sent; it stood"


def _dry(stage: Stage, letters: Sequence[Letter]) -> Iterator[str]:
    """No order of a dry run stands."""
    placed = {order.terms.order_ref for order in stage.gateway.book.orders.values()}
    for path, document in stage.witness.truth.items():
        if "/runs/" in path and (result := document.get("result")) and result["dryRun"]:
            for n in range(DRY_ORDERS):
                if reference_of(document["key"], n) in placed:
                    yield f"{document['key']} was dry, and its order {n} stands"


def _closings(stage: Stage) -> Iterator[str]:
    """close-all of everything leaves nothing, or says what is left."""
    for key, end in stage.witness.ends.items():
        document = stage.witness.truth[runs.path_of(ACCOUNT, key)]
        is_all = end.result.intent == "close-all" and end.result.outcome is not None
        if not is_all or end.result.dry_run or _of_strategies(document):
            continue
        said = {line["instrument"] for line in (end.result.outcome or {})["residue"]}
        said |= {line.instrument for line in end.result.orders if line.state is not OrderState.FILLED}
        left = {*end.positions, *end.open_orders} - said - end.strangers
        if left:
            yield f"{key} ended {end.result.status} and left {', '.join(sorted(left))} without a word"
        if end.result.status is Status.SUCCEEDED and said and end.result.orders == ():
            yield f"{key} succeeded and left {said}"


def _of_strategies(document: dict[str, Any]) -> bool:
    import base64
    import json

    body = json.loads(base64.b64decode(document["delivery"]["message"]["data"]))
    return "strategies" in body
