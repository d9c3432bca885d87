"""Sets whether the account may trade: active, closing only (reduce-only), or not at all (halted)."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from trader.domain.messages import Command, Outcome
from trader.domain.status import IntentClass
from trader.domain.trading_state import TradingState
from trader.intent import Completed, Intent, Run
from trader.ports import Ports
from trader.stored import records


class SetTradingState(Command):
    """The state to set, and why."""

    state: TradingState = Field(description="A tighter state wins at once; a looser one must be newer.")
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(
        description="Why, for whoever looks later."
    )


class SetTradingStateOutcome(Outcome):
    """The state before and after; a dry run says what it would have set."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"before": "active", "after": "halted"}]})

    before: TradingState
    after: TradingState


async def handle(command: SetTradingState, run: Run, ports: Ports) -> Completed:
    """Write the state, unless a looser one comes late."""
    before = await records.set_trading_state(
        ports.store,
        run.account,
        command.state,
        reason=command.reason,
        published_at=run.first_published_at,
        at=ports.clock.now(),
        by=run.key,
        dry_run=run.dry_run,
    )
    return Completed(SetTradingStateOutcome(before=before, after=command.state))


INTENT = Intent(
    name="set-trading-state",
    kind=IntentClass.CONTROL,
    command=SetTradingState,
    outcome=SetTradingStateOutcome,
    handle=handle,
    example={"intent": "set-trading-state", "state": "halted", "reason": "news at noon"},
)
