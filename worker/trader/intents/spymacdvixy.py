"""Follows the daily MACD of SPY at its crosses: long SPY above, VIXY (and, if wished, short SPY) below."""

from pydantic import Field

from trader.domain.messages import Command
from trader.domain.status import IntentClass
from trader.intent import Completed, Intent, Run
from trader.planning.allocation import allocate
from trader.planning.deciding import Asked
from trader.planning.signals import SignalOutcome, signal_of
from trader.planning.terms import terms
from trader.ports import Ports
from trader.strategies.spymacdvixy import STRATEGY, Parameters


class CrossCommand(Command):
    """What to do below the signal line."""

    short_spy: bool = Field(True, description="Whether a cross down sells SPY short; otherwise it is closed.")


async def handle(command: CrossCommand, run: Run, ports: Ports) -> Completed:
    """Allocate this one strategy; a dry run reports signal and orders instead."""
    asked = Asked(STRATEGY, Parameters(short_spy=command.short_spy))
    found = await allocate([asked], terms(run.desk.configuration.order), run, ports)
    return Completed(signal_of(found), found.orders, found.failure)


INTENT = Intent(
    name="spymacdvixy",
    kind=IntentClass.TRADING,
    command=CrossCommand,
    outcome=SignalOutcome,
    handle=handle,
    example={"intent": "spymacdvixy", "dryRun": True},
)
