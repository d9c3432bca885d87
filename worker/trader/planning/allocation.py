"""An allocation: strategies decide, what stands in the way is cancelled, and the difference is ordered."""

from collections.abc import Sequence
from dataclasses import dataclass

from trader.books import read_books, settled_books
from trader.domain.errors import Failed, Rejected, Skipped, Terminal
from trader.domain.orders import OrderReport
from trader.domain.refusal import Refusal
from trader.domain.session import CLOSED
from trader.domain.sharing import share
from trader.intent import Run
from trader.planning.deciding import Asked, decide
from trader.planning.market import Market
from trader.planning.ordering import Ordering
from trader.planning.records import Cancelled, Decision, Ordered, OrderRefusal
from trader.planning.sizing import in_the_way, size
from trader.planning.terms import Terms
from trader.plans import Decided
from trader.ports import Ports


@dataclass(frozen=True, slots=True)
class Allocation:
    """What an allocation decided and did."""

    decision: Decision
    ordered: Ordered
    orders: tuple[OrderReport, ...]
    dry_run: bool

    @property
    def failure(self) -> Terminal | None:
        """How it ended, if not well; the orders' own states tell the rest.

        Codes: ``partly-done`` when something was done and something refused; that of the first refusal when
        nothing was; ``market-closed`` when that is all that stands in the way; ``strategy-failed`` and
        ``not-a-number`` for a strategy that is broken. A dry run tells of limits and of a closed market,
        and goes on.
        """
        held = [why for found in self.decision.strategies for why in found.refusals]
        broken = [why for found in self.decision.strategies if found.failed for why in found.refusals]
        refused = [line for line in self.ordered.refusals if not self.dry_run or line.code in UNRESOLVABLE]
        if self._is_anything_done:
            in_the_way = [] if self.dry_run else [line for line in refused if line.code != CLOSED]
            if in_the_way:
                return Failed("partly-done", f"refused are {len(in_the_way)}, first {_told(in_the_way[0])}")
            return Failed(broken[0].code, broken[0].message) if broken else None
        if broken:
            return Failed(broken[0].code, broken[0].message)
        reasons: list[OrderRefusal | Refusal] = [*refused, *(why for why in held if why.code in UNRESOLVABLE)]
        for why in reasons:
            if why.code != CLOSED:
                return Rejected(why.code, why.message)
        return Skipped(CLOSED, reasons[0].message) if reasons else None

    @property
    def _is_anything_done(self) -> bool:
        crossed = any(line.crossed for line in self.ordered.netting)
        return bool(self.orders or self.decision.cancels or crossed)


UNRESOLVABLE = frozenset({"unknown-instrument", "ambiguous-instrument", "no-market-data", "no-price"})
"""Why a strategy holds that a person must mend; data that is unfit for once is a Hold like any other."""


async def allocate(asked: Sequence[Asked], terms: Terms, run: Run, ports: Ports) -> Allocation:
    """Decide, cancel what stands in the way, order the difference; a dry run tells what it would do.

    Both parts belong to the stored plan: a resumed run cancels what it decided to, and never decides again.
    """
    configuration = run.desk.configuration
    seen: Market | None = None

    async def deciding() -> Decided:
        nonlocal seen
        market = seen = Market(ports, configuration)
        books = await read_books(ports, run.account)
        decisions = await decide(asked, books, market, configuration, ports)
        sized = await size(decisions, books, market, configuration)
        cancels = tuple(
            Cancelled(
                reference=record.order.reference,
                instrument=str(record.order.contract),
                quantity=record.order.quantity - record.filled,
                strategies=tuple(share(record.order.quantity, record.wanted)),
            )
            for record in in_the_way(sized.proposals, books)
        )
        return Decided(Decision(strategies=decisions, cancels=cancels).to_json())

    decision = Decision.model_validate((await run.desk.planned("decide", deciding)).record)
    references = {cancelled.reference for cancelled in decision.cancels}
    if references:
        await run.desk.withdraw(references)

    async def ordering() -> Decided:
        gone = references if run.dry_run else set[str]()
        await ports.orders.standing()  # manual orders too, of which nobody is told unasked
        books = await settled_books(ports, run.account, run.settle_s, waits=not run.dry_run, without=gone)
        # Prices of before a cancel may be old by the time that it is confirmed.
        market = seen if seen and not references else Market(ports, configuration)
        return await Ordering(terms, market, run, ports).ordered(decision.strategies, books, without=gone)

    stage = await run.desk.planned("order", ordering)
    orders = await run.desk.carry_out(stage)
    ordered = Ordered.model_validate(stage.record)
    return Allocation(decision, ordered, orders, run.dry_run)


def _told(line: OrderRefusal) -> str:
    return f"{line.quantity} {line.instrument} of {line.strategy}: {line.message}"
