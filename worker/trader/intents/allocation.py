"""Brings what strategies hold to what they want: netted across them, within every limit, each order once."""

from pydantic import ConfigDict, Field

from trader.domain.configuration import StrategyId
from trader.domain.messages import Command, Outcome
from trader.domain.orders import OrderType, TimeInForce
from trader.domain.refusal import Refusal
from trader.domain.status import IntentClass
from trader.domain.strategy import unknown_strategy
from trader.domain.wire import JsonObject, Time, Wire
from trader.intent import Completed, Intent, Run
from trader.planning.allocation import Allocation, allocate
from trader.planning.deciding import Asked
from trader.planning.records import BarsUsed, Cancelled, NettingLine, OrderRefusal, TargetLine
from trader.planning.terms import terms
from trader.ports import Ports

EXAMPLE: JsonObject = {
    "strategies": [
        {
            "strategy": "spymacdvixy",
            "indicators": {"close": 671.3, "macd": 0.412, "signal": 0.305},
            "bars": [
                {
                    "instrument": "SPY",
                    "size": "1 day",
                    "count": 200,
                    "firstAt": "2026-02-06T00:00:00.000000Z",
                    "lastAt": "2026-11-20T00:00:00.000000Z",
                }
            ],
            "refusals": [],
        }
    ],
    "targets": [
        {
            "strategy": "spymacdvixy",
            "instrument": "SPY",
            "wants": "long",
            "weight": "1",
            "quantity": "67",
            "held": "0",
            "inFlight": "0",
            "price": "671.30",
            "currency": "USD",
            "priceIsDelayed": False,
            "reason": "",
        }
    ],
    "cancelled": [],
    "netting": [
        {
            "instrument": "SPY",
            "price": "671.30",
            "currency": "USD",
            "wishes": {"spymacdvixy": "67", "buy-and-hold": "-20"},
            "crossed": {"spymacdvixy": "20", "buy-and-hold": "-20"},
            "quantity": "47",
            "contributor": "spymacdvixy",
            "parts": {"spymacdvixy": "47"},
        }
    ],
    "refusals": [],
}


class AllocationCommand(Command):
    """Which strategies to follow, and how to place their orders where not as configured."""

    strategies: tuple[StrategyId, ...] = Field(
        min_length=1, max_length=100, description="Their ids, such as `spymacdvixy`; each is configured."
    )
    order_type: OrderType | None = Field(None, description="MKT, LMT or MOC; left out, as configured.")
    tif: TimeInForce | None = Field(None, description="DAY or GTC, a MOC order only DAY; as configured.")
    good_after: Time | None = Field(None, description="When the orders start to work; left out, at once.")


class StrategyLine(Wire):
    """What a strategy was led by, and what kept it from deciding."""

    strategy: str
    indicators: dict[str, float]
    bars: tuple[BarsUsed, ...]
    refusals: tuple[Refusal, ...] = Field(description="Why it holds, if it does for want of good data.")


class AllocationOutcome(Outcome):
    """Targets, what was netted, what was cancelled for it, and each wish that didn't go, with its code."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    strategies: tuple[StrategyLine, ...]
    targets: tuple[TargetLine, ...]
    cancelled: tuple[Cancelled, ...] = Field(description="Orders of ours that stood against what is wanted.")
    netting: tuple[NettingLine, ...]
    refusals: tuple[OrderRefusal, ...]


async def handle(command: AllocationCommand, run: Run, ports: Ports) -> Completed:
    """Let the strategies decide, and order the difference; a dry run tells of it instead."""
    chosen = dict.fromkeys(command.strategies)
    for strategy in chosen:
        if strategy not in run.strategies:
            raise unknown_strategy(strategy, run.strategies)
    asked = [Asked(run.strategies[name], run.strategies[name].parameters()) for name in chosen]
    placing = terms(run.desk.configuration.order, command.order_type, command.tif, command.good_after)
    found = await allocate(asked, placing, run, ports)
    return Completed(outcome_of(found), found.orders, found.failure)


def outcome_of(found: Allocation) -> AllocationOutcome:
    """Return what an allocation's result tells."""
    return AllocationOutcome(
        strategies=tuple(
            StrategyLine(
                strategy=line.strategy, indicators=line.indicators, bars=line.bars, refusals=line.refusals
            )
            for line in found.decision.strategies
        ),
        targets=found.ordered.targets,
        cancelled=found.decision.cancels,
        netting=found.ordered.netting,
        refusals=found.ordered.refusals,
    )


INTENT = Intent(
    name="allocation",
    kind=IntentClass.TRADING,
    command=AllocationCommand,
    outcome=AllocationOutcome,
    handle=handle,
    example={"intent": "allocation", "strategies": ["spymacdvixy"], "dryRun": True},
)
