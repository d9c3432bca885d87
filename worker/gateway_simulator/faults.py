"""The running scenario: which rule applies to this event now."""

from dataclasses import dataclass
from datetime import datetime

from gateway_simulator.clock import Clock
from gateway_simulator.scenario import Action, Scenario


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens at the gateway: a request by its name in the API, or `connect`."""

    name: str  # connect, startApi, placeOrder, cancelOrder, reqHistoricalData, ...
    client_id: int = -1
    symbol: str = ""
    side: str = ""  # BUY, SELL
    order_type: str = ""
    order_ref: str = ""
    sec_type: str = ""


@dataclass(frozen=True, slots=True)
class Timed:
    """Actions that come at a time, not on a request; the server runs them."""

    at: datetime
    actions: tuple[Action, ...]


class Faults:
    """A scenario and how often each of its rules has matched."""

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        raise NotImplementedError

    def on(self, event: Event) -> tuple[Action, ...]:
        """Count the event and return the actions that apply to it now, in the file's order."""
        raise NotImplementedError

    def timed(self) -> tuple[Timed, ...]:
        """The rules of an instant, soonest first, counted from when the scenario began."""
        raise NotImplementedError
