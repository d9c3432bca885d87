from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_simulator.actions import Disconnect, Drop, Midnight, Silent
from gateway_simulator.clock import Clock
from gateway_simulator.faults import Event, Faults
from gateway_simulator.scenario import Rule, Scenario, When
from tests.unit.gateway_simulator.conftest import MORNING

ORDER = Event("placeOrder", client_id=1, symbol="AAPL", side="BUY", order_type="MKT", order_ref="abc")


def faults(*rules: Rule) -> Faults:
    return Faults(Scenario(rules=rules), Clock(MORNING, speed=0))


def applied(count: int, **when: object) -> list[int]:
    """Which of so many orders, counted from 1, a rule applies to."""
    running = faults(Rule(when=When(event="placeOrder", **when), then=(Drop(),)))
    return [number for number in range(1, count + 1) if running.on(ORDER)]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, [1]),
        ({"nth": 3}, [3]),
        ({"nth": 3, "times": 2}, [3, 4]),
        ({"times": "always"}, list(range(1, 11))),
        ({"every": 3}, [1, 4, 7, 10]),
        ({"nth": 2, "every": 3, "times": 2}, [2, 5]),
    ],
)
def test_a_rule_applies_to_the_occurrences_it_means(when: dict[str, object], expected: list[int]) -> None:
    assert applied(10, **when) == expected


@given(st.integers(1, 5), st.none() | st.integers(1, 5), st.none() | st.integers(1, 5))
def test_it_never_applies_before_its_first_nor_too_often(
    nth: int, every: int | None, times: int | None
) -> None:
    found = applied(30, nth=nth, every=every, times=times)
    assert found[0] == nth
    assert len(found) <= (times or (30 if every else 1))
    assert all(after - before == (every or 1) for before, after in pairwise(found))


@pytest.mark.parametrize(
    "other",
    [
        Event("cancelOrder", client_id=1, symbol="AAPL", side="BUY", order_type="MKT", order_ref="abc"),
        Event("placeOrder", client_id=2, symbol="AAPL", side="BUY", order_type="MKT", order_ref="abc"),
        Event("placeOrder", client_id=1, symbol="MSFT", side="BUY", order_type="MKT", order_ref="abc"),
        Event("placeOrder", client_id=1, symbol="AAPL", side="SELL", order_type="MKT", order_ref="abc"),
        Event("placeOrder", client_id=1, symbol="AAPL", side="BUY", order_type="LMT", order_ref="abc"),
        Event("placeOrder", client_id=1, symbol="AAPL", side="BUY", order_type="MKT", order_ref="def"),
    ],
)
def test_only_events_that_match_in_everything_count(other: Event) -> None:
    when = When(
        event="placeOrder", client_id=1, symbol="AAPL", side="BUY", order_type="MKT", order_ref="abc", nth=2
    )
    running = faults(Rule(when=when, then=(Drop(),)))
    assert [running.on(event) for event in (ORDER, other, ORDER)] == [(), (), (Drop(),)]


def test_every_rule_counts_for_itself_and_all_that_apply_do() -> None:
    running = faults(
        Rule(when=When(event="placeOrder", times="always"), then=(Disconnect(),)),
        Rule(when=When(event="placeOrder", nth=2), then=(Drop(), Silent())),
    )
    assert running.on(ORDER) == (Disconnect(),)
    assert running.on(ORDER) == (Disconnect(), Drop(), Silent())


def test_times_come_soonest_first_and_count_from_the_start() -> None:
    running = faults(
        Rule(when=When(after=60), then=(Midnight(),)),
        Rule(when=When(at=MORNING + timedelta(seconds=30)), then=(Disconnect(),)),
        Rule(when=When(event="connect"), then=(Silent(),)),
    )
    assert [(timed.at - MORNING, timed.actions) for timed in running.timed()] == [
        (timedelta(seconds=30), (Disconnect(),)),
        (timedelta(seconds=60), (Midnight(),)),
    ]
    assert running.on(ORDER) == ()
