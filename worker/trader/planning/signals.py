"""An allocation of one strategy, told as a signal: what the daily intents of single strategies report."""

from pydantic import ConfigDict, Field

from trader.domain.messages import Outcome
from trader.domain.refusal import Refusal
from trader.domain.wire import Amount, JsonObject, Time
from trader.planning.allocation import Allocation
from trader.planning.records import Cancelled, NettingLine, TargetLine, Wants

EXAMPLE: JsonObject = {
    "signal": "long",
    "indicators": {"close": 671.3, "macd": 0.412, "signal": 0.305},
    "bars": 65,
    "firstBarAt": "2026-11-17T14:30:00.000000Z",
    "lastBarAt": "2026-11-23T20:30:00.000000Z",
    "price": "671.30",
    "priceIsDelayed": False,
    "targets": [
        {
            "strategy": "testsignalgenerator",
            "instrument": "SPY",
            "wants": "long",
            "weight": "1",
            "quantity": "67",
            "held": "67",
            "inFlight": "0",
            "price": "671.30",
            "currency": "USD",
            "priceIsDelayed": False,
            "reason": "",
        }
    ],
    "cancelled": [],
    "netting": [],
    "refusals": [],
}


class SignalOutcome(Outcome):
    """The signal, what it was read from, and whatever stands in the way of its orders."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    signal: Wants = Field(description="What the strategy wants of its first instrument.")
    indicators: dict[str, float] = Field(description="The close and the two lines of the last finished bar.")
    bars: int = Field(description="How many finished bars of the first instrument were used.")
    first_bar_at: Time | None
    last_bar_at: Time | None
    price: Amount | None = Field(description="What the first instrument was sized with.")
    price_is_delayed: bool = Field(False, description="Whether that price is 15 minutes old or more.")
    targets: tuple[TargetLine, ...]
    cancelled: tuple[Cancelled, ...]
    netting: tuple[NettingLine, ...]
    refusals: tuple[Refusal, ...] = Field(
        description="Why its orders would not go, if anything is in the way."
    )


def signal_of(found: Allocation) -> SignalOutcome:
    """Return what the result of an allocation of one strategy tells."""
    (decision,) = found.decision.strategies
    target = found.ordered.targets[0]
    bars = decision.bars[0]
    refused = [Refusal(code=line.code, message=line.message) for line in found.ordered.refusals]
    return SignalOutcome(
        signal=target.wants,
        indicators=decision.indicators,
        bars=bars.count,
        first_bar_at=bars.first_at,
        last_bar_at=bars.last_at,
        price=target.price,
        price_is_delayed=target.price_is_delayed,
        targets=found.ordered.targets,
        cancelled=found.decision.cancels,
        netting=found.ordered.netting,
        refusals=(*decision.refusals, *refused),
    )
