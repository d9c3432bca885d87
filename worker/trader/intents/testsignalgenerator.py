"""Proves the whole path every day: the MACD of 30-minute bars, its signal, and the order it would take."""

from enum import StrEnum

from pydantic import ConfigDict, Field

from trader.books import read_books
from trader.domain.configuration import Symbol
from trader.domain.errors import Rejected, Skipped
from trader.domain.messages import Command, Outcome
from trader.domain.refusal import Refusal
from trader.domain.status import IntentClass
from trader.domain.targets import Flat, Hold, Target, Weight
from trader.domain.wire import Amount, JsonObject, Time
from trader.intent import Completed, Intent, Run
from trader.planning import Planned, Signal, plan_order, read_signal
from trader.plans import Decided
from trader.ports import Ports
from trader.strategies.testsignalgenerator import STRATEGY, Parameters

EXAMPLE: JsonObject = {
    "signal": "long",
    "indicators": {"close": 671.3, "macd": 0.412, "signal": 0.305},
    "bars": 65,
    "firstBarAt": "2026-11-17T14:30:00.000000Z",
    "lastBarAt": "2026-11-23T20:30:00.000000Z",
    "price": "671.30",
    "priceIsDelayed": False,
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
    price_is_delayed: bool = Field(False, description="Whether that price is 15 minutes old or more.")
    refusals: tuple[Refusal, ...] = Field(
        description="Why the order would not go, if anything is in its way."
    )


async def handle(command: SignalCommand, run: Run, ports: Ports) -> Completed:
    """Read the signal, plan its order, place it; a dry run reports the order instead."""

    async def decide() -> Decided:
        configuration = run.desk.configuration
        signal = await read_signal(STRATEGY, Parameters(symbol=command.symbol), configuration, ports)
        books = await read_books(ports, run.account)
        planned = await plan_order(STRATEGY.id, signal, books, configuration, ports)
        outcome = _outcome(signal, planned)
        if run.dry_run:
            return Decided(outcome.to_json(), (planned.wish,) if planned.wish else ())
        if planned.refusals:
            first = planned.refusals[0]
            raise Rejected(first.code, first.message)
        if planned.wish and planned.gate:
            raise Skipped(planned.gate.code, planned.gate.message)
        return Decided(outcome.to_json(), (planned.wish,) if planned.wish else ())

    stage = await run.desk.planned("follow the signal", decide)
    orders = await run.desk.carry_out(stage)
    return Completed(SignalOutcome.model_validate(stage.record), orders)


def _outcome(signal: Signal, planned: Planned) -> SignalOutcome:
    bars, refused = signal.bars, (signal.refusal,) if signal.refusal else ()
    return SignalOutcome(
        signal=_wish(signal.target),
        indicators=dict(signal.decision.indicators),
        bars=len(bars),
        first_bar_at=bars[0].start if bars else None,
        last_bar_at=bars[-1].start if bars else None,
        price=planned.price.value if planned.price else None,
        price_is_delayed=planned.price is not None and planned.price.delayed,
        refusals=(*refused, *planned.refusals, *((planned.gate,) if planned.gate else ())),
    )


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
