"""Proves the whole path every day: the MACD of 30-minute bars, its signal, and the order it would take."""

from decimal import Decimal
from enum import StrEnum

from pydantic import ConfigDict, Field

from trader import records
from trader.domain.configuration import Symbol
from trader.domain.errors import Rejected
from trader.domain.messages import Command, Outcome
from trader.domain.refusal import Refusal
from trader.domain.status import IntentClass
from trader.domain.targets import Flat, Hold, Target, Weight
from trader.domain.wire import Amount, JsonObject, Time
from trader.intent import Completed, Intent, Run
from trader.planning import plan_order, read_signal
from trader.ports import Ports
from trader.strategies.testsignalgenerator import STRATEGY, Parameters

EXAMPLE: JsonObject = {
    "signal": "long",
    "indicators": {"close": 671.3, "macd": 0.412, "signal": 0.305},
    "bars": 65,
    "firstBarAt": "2026-11-17T14:30:00.000000Z",
    "lastBarAt": "2026-11-23T20:30:00.000000Z",
    "price": "671.30",
    "refusals": [],
}


class SignalCommand(Command):
    """What to look at."""

    symbol: Symbol = Field("SPY", description="A US stock, in capitals.")


class Wish(StrEnum):
    """What the strategy wants, within what it is configured to do."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"
    HOLD = "hold"


class SignalOutcome(Outcome):
    """The signal, what it was read from, and whatever stands in the way of its order."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    signal: Wish
    indicators: dict[str, float] = Field(description="The close and the two lines of the last finished bar.")
    bars: int = Field(description="How many finished bars were used.")
    first_bar_at: Time | None
    last_bar_at: Time | None
    price: Amount | None = Field(description="What the order was sized with.")
    refusals: tuple[Refusal, ...] = Field(
        description="Why the order would not go, if anything is in its way."
    )


async def handle(command: SignalCommand, run: Run, ports: Ports) -> Completed:
    """Read the signal and plan its order; a dry run ends there."""
    if not run.dry_run:
        raise Rejected(
            "not-yet", "expected dryRun true: live orders are not built yet; add dryRun", field="dryRun"
        )
    configuration = await records.configuration(ports.store, run.account)
    signal = await read_signal(STRATEGY, Parameters(symbol=command.symbol), configuration, ports)
    # Nothing was ever sent for a strategy, so nothing is held for one.
    planned = await plan_order(STRATEGY.id, signal, Decimal(0), configuration, ports)
    bars, refused = signal.bars, (signal.refusal,) if signal.refusal else ()
    outcome = SignalOutcome(
        signal=_wish(signal.target),
        indicators=dict(signal.decision.indicators),
        bars=len(bars),
        first_bar_at=bars[0].start if bars else None,
        last_bar_at=bars[-1].start if bars else None,
        price=planned.price.value if planned.price else None,
        refusals=(*refused, *planned.refusals),
    )
    return Completed(outcome, (planned.order,) if planned.order else ())


def _wish(target: Target) -> Wish:
    match target:
        case Weight():
            return Wish.LONG if target.value > 0 else Wish.SHORT
        case Flat():
            return Wish.FLAT
        case Hold():
            return Wish.HOLD


INTENT = Intent(
    name="testsignalgenerator",
    kind=IntentClass.TRADING,
    command=SignalCommand,
    outcome=SignalOutcome,
    handle=handle,
    example={"intent": "testsignalgenerator", "dryRun": True},
)
