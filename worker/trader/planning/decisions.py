"""What strategies have decided, as the plans of stored runs keep it."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from trader.domain.errors import Failed
from trader.planning.records import Decision, Ordered, OrderRefusal, StrategyDecision, TargetLine
from trader.plans import StoredPlan
from trader.ports import Store

_ALL = 1_000_000
_STAGES = ("decide", "order")


@dataclass(frozen=True, slots=True)
class Explained:
    """One decision of a strategy, and what came of it."""

    run: str
    intent: str
    decided_at: datetime
    decision: StrategyDecision
    targets: tuple[TargetLine, ...]
    refusals: tuple[OrderRefusal, ...]
    orders: tuple[str, ...]  # references, of whichever strategies


async def latest_decision(store: Store, account: str, strategy: str) -> Explained | None:
    """Return the newest decision of ``strategy`` that a run which may trade has stored; None without one.

    A dry run stores no plan, and so tells only in its result. Every run of the account is read.
    """
    newest: Explained | None = None
    for document in await store.query(f"accounts/{account}/runs", limit=_ALL):
        try:
            plan = StoredPlan.model_validate(document.data.get("plan") or {})
            found = _explained(str(document.data["key"]), str(document.data["intent"]), plan, strategy)
        except (Failed, KeyError, ValidationError):
            continue  # another intent's plan, or a damaged run, which is its own run's affair
        if found and (newest is None or found.decided_at > newest.decided_at):
            newest = found
    return newest


def _explained(run: str, intent: str, plan: StoredPlan, strategy: str) -> Explained | None:
    deciding, ordering = (plan.stage(name) for name in _STAGES)
    if deciding is None:
        return None
    decided = Decision.model_validate(deciding.record)
    mine = next((line for line in decided.strategies if line.strategy == strategy), None)
    if mine is None:
        return None
    ordered = Ordered.model_validate(ordering.record) if ordering else None
    return Explained(
        run=run,
        intent=intent,
        decided_at=deciding.decided_at,
        decision=mine,
        targets=tuple(t for t in ordered.targets if t.strategy == strategy) if ordered else (),
        refusals=tuple(r for r in ordered.refusals if r.strategy == strategy) if ordered else (),
        orders=ordering.orders if ordering else (),
    )
