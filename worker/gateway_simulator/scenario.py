"""The scenario file (`--scenario`): rules that say when the gateway misbehaves, and how.

A file is a list of rules, or `rules:` with that list. A rule has `when`, an event with what it must match
and which of its occurrences are meant, or a time; and `then`, the actions, in their order.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, PlainValidator, model_validator

from gateway_simulator.actions import (
    MOST_SECONDS,
    Action,
    Actions,
    Delay,
    Drop,
    NoLogin,
    Reject,
    Silent,
    name,
)
from gateway_simulator.wire.requests import TABLES, WHAT_IF
from gateway_simulator.yaml_file import FileProblem, Part, checked, one_of, read_yaml

__all__ = ["Action", "Delay", "Drop", "NoLogin", "Reject", "Rule", "Scenario", "Silent", "load_scenario"]

CONNECT = "connect"  # a client opens a connection
FILL = "fill"  # an order is filled, all of it or a part
REQUEST = "request"  # any request
EVENTS = (
    CONNECT,
    FILL,
    REQUEST,
    WHAT_IF,
    *(table.__name__[0].lower() + table.__name__[1:] for table in TABLES.values()),
)

_ALWAYS = float("inf")


def _event(value: str) -> str:
    if value not in EVENTS:
        raise one_of("an event", value, EVENTS)
    return value


def _times(value: Any) -> float:
    if value == "always":
        return _ALWAYS
    if type(value) is int and value > 0:
        return value
    raise ValueError(f"expected a number of 1 or more, or always, found {value!r}")


class When(Part):
    """An event or a time. Of the events that match, `nth` is the first meant, `every` the step between."""

    event: Annotated[str, AfterValidator(_event)] | None = None
    nth: int = Field(1, ge=1)
    every: int | None = Field(None, ge=1)
    times: Annotated[float, PlainValidator(_times)] | None = None  # once, but always with `every`
    symbol: str | None = None
    side: Literal["BUY", "SELL"] | None = None
    order_type: str | None = None
    order_ref: str | None = None
    client_id: int | None = None
    at: AwareDatetime | None = None  # of the simulated clock
    after: float | None = Field(None, ge=0, le=MOST_SECONDS)  # simulated seconds since the gateway started

    @model_validator(mode="after")
    def _one_of_them(self) -> "When":
        if [self.event, self.at, self.after].count(None) != 2:
            raise ValueError("expected one of event, at, after")
        if self.event is None and self.model_fields_set - {"at", "after"}:
            raise ValueError("expected nothing else beside at or after")
        return self

    @property
    def most(self) -> float:
        """How many times the rule applies at most."""
        if self.times is not None:
            return self.times
        return 1 if self.every is None else _ALWAYS

    def means(self, occurrence: int) -> bool:
        """Whether that occurrence of the event, counted from 1, is one of those meant."""
        past = occurrence - self.nth
        return past >= 0 and past % (self.every or 1) == 0 and past // (self.every or 1) < self.most


def _short(value: Any) -> Any:
    """`when: placeOrder` is short for `when: {event: placeOrder}`."""
    return {"event": value} if isinstance(value, str) else value


class Rule(Part):
    """What happens when."""

    when: Annotated[When, BeforeValidator(_short)]
    then: Actions

    @model_validator(mode="after")
    def _possible(self) -> "Rule":
        if not self.then:
            raise ValueError("expected an action in then, found none")
        event = self.when.event
        possible = {"anything"}
        if event == FILL:
            possible |= {"fill"}
        elif event is not None:
            possible |= {"request", "order"} if event == "placeOrder" else {"request"}
        for action in self.then:
            if action.at not in possible:
                where = {"order": "at placeOrder", "fill": "at fill", "request": "at a request"}[action.at]
                raise ValueError(
                    f"expected {name(type(action))} only {where}, found it at {event or 'a time'}"
                )
        return self


class Scenario(Part):
    """A scenario, checked; empty: the gateway behaves."""

    rules: tuple[Rule, ...] = ()


def load_scenario(path: Path) -> Scenario:
    """Read a scenario; ValueError is one line: file, rule, field, what was expected, what was found."""
    data = read_yaml(path)
    rules = data.get("rules", []) if isinstance(data, dict) and set(data) <= {"rules"} else data
    if not isinstance(rules, list):
        raise FileProblem(f"{path}: expected a list of rules, found {type(rules).__name__}")
    return Scenario(
        rules=tuple(
            checked(path, Rule, rule, within=f"rule {number}") for number, rule in enumerate(rules, 1)
        )
    )
