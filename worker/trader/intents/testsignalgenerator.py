"""Proves the whole path every day: the MACD of 30-minute bars, its signal, and the order it would take."""

from pydantic import Field

from trader.domain.configuration import Symbol
from trader.domain.messages import Command
from trader.domain.status import IntentClass
from trader.intent import Completed, Intent, Run
from trader.planning.allocation import allocate
from trader.planning.deciding import Asked
from trader.planning.signals import SignalOutcome, signal_of
from trader.planning.terms import terms
from trader.ports import Ports
from trader.strategies.testsignalgenerator import STRATEGY, Parameters


class SignalCommand(Command):
    """What to look at."""

    symbol: Symbol = Field("SPY", description="A US stock, in capitals.")


async def handle(command: SignalCommand, run: Run, ports: Ports) -> Completed:
    """Allocate this one strategy; a dry run reports signal and order instead."""
    asked = Asked(STRATEGY, Parameters(symbol=command.symbol))
    found = await allocate([asked], terms(run.desk.configuration.order), run, ports)
    return Completed(signal_of(found), found.orders, found.failure)


INTENT = Intent(
    name="testsignalgenerator",
    kind=IntentClass.TRADING,
    command=SignalCommand,
    outcome=SignalOutcome,
    handle=handle,
    example={"intent": "testsignalgenerator", "dryRun": True},
)
