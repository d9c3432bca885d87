"""The running scenario: which rule applies to this event now."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway_simulator.actions import Action
from gateway_simulator.clock import Clock
from gateway_simulator.scenario import CONNECT, FILL, REQUEST, Rule, Scenario


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens at the gateway: a request by its name in the API, `connect`, or `fill`."""

    name: str
    client_id: int = -1
    symbol: str = ""
    side: str = ""  # BUY, SELL
    order_type: str = ""
    order_ref: str = ""
    sec_type: str = ""


@dataclass(frozen=True, slots=True)
class Timed:
    """Actions that come at a time, not on an event; the server runs them."""

    at: datetime
    actions: tuple[Action, ...]


class Faults:
    """A scenario and how often each of its rules has met its event."""

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        self._rules = scenario.rules
        self._started_at = clock.now()
        self._met: Counter[int] = Counter()

    def on(self, event: Event) -> tuple[Action, ...]:
        """Count the event and return the actions that apply to it now, in the file's order."""
        actions: list[Action] = []
        for index, rule in enumerate(self._rules):
            if _matches(rule, event):
                self._met[index] += 1
                if rule.when.means(self._met[index]):
                    actions.extend(rule.then)
        return tuple(actions)

    def timed(self) -> tuple[Timed, ...]:
        """The rules of a time, soonest first; `after` counts from when the gateway started."""
        found = [
            Timed(rule.when.at or self._started_at + timedelta(seconds=rule.when.after or 0), rule.then)
            for rule in self._rules
            if rule.when.event is None
        ]
        return tuple(sorted(found, key=lambda timed: timed.at))


def _matches(rule: Rule, event: Event) -> bool:
    when = rule.when
    is_request = event.name not in {CONNECT, FILL}
    wanted = (
        (when.event, REQUEST if when.event == REQUEST and is_request else event.name),
        (when.symbol, event.symbol),
        (when.side, event.side),
        (when.order_type, event.order_type),
        (when.order_ref, event.order_ref),
        (when.client_id, event.client_id),
    )
    return when.event is not None and all(want is None or want == found for want, found in wanted)
