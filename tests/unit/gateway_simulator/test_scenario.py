from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from gateway_simulator import actions
from gateway_simulator.scenario import Scenario, load_scenario


def load(folder: Path, text: str) -> Scenario:
    (folder / "scenario.yaml").write_text(text)
    return load_scenario(folder / "scenario.yaml")


def test_an_empty_file_is_a_gateway_that_behaves(tmp_path: Path) -> None:
    assert load(tmp_path, "").rules == ()


def test_a_rule_can_be_as_short_as_an_event_and_an_action(tmp_path: Path) -> None:
    (rule,) = load(tmp_path, "- when: placeOrder\n  then: drop\n").rules
    assert rule.when.event == "placeOrder"
    assert rule.then == (actions.Drop(when="before"),)


def test_a_rule_can_say_it_all(tmp_path: Path) -> None:
    text = """
        rules:
          - when: {event: placeOrder, nth: 2, every: 3, times: 4, symbol: AAPL, side: BUY, order_type: LMT,
                   order_ref: abc, client_id: 1}
            then:
              - delay: {seconds: 2}
              - partly_fill: {fraction: 0.5, rest_after: 10}
              - later:
                  seconds: 5
                  then: [disconnect, {outage: {seconds: 30, back: 1101}}]
          - when: {at: 2026-11-24T00:00:00-05:00}
            then: [{set_price: {symbol: AAPL, value: nan}}, midnight]
    """
    first, second = load(tmp_path, text).rules
    assert first.then == (
        actions.Delay(seconds=2),
        actions.PartlyFill(fraction=Decimal("0.5"), rest_after=10),
        actions.Later(seconds=5, then=(actions.Disconnect(), actions.Outage(seconds=30, back=1101))),
    )
    assert second.when.at is not None
    assert second.when.at.astimezone(UTC) == datetime(2026, 11, 24, 5, tzinfo=UTC)


EXAMPLES = sorted(Path(str(files("gateway_simulator"))).glob("scenarios/*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_loads_and_says_what_it_shows(path: Path) -> None:
    assert load_scenario(path).rules
    assert path.read_text().startswith("# ")


def test_the_examples_show_every_action() -> None:
    def kinds(several: actions.Actions) -> set[type[actions.Action]]:
        inner = [kinds(action.then) for action in several if isinstance(action, actions.Later)]
        return {type(action) for action in several}.union(*inner)

    shown = [kinds(rule.then) for path in EXAMPLES for rule in load_scenario(path).rules]
    assert set().union(*shown) == set(actions.KINDS.values())


@pytest.mark.parametrize("name", list(actions.KINDS))
def test_every_action_is_documented(name: str) -> None:
    assert actions.KINDS[name].__doc__


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "- {when: placeOrdr, then: drop}",
            "rule 1: when.event: expected an event, found 'placeOrdr': did you mean 'placeOrder'?",
        ),
        (
            "- {when: placeOrder, then: dorp}",
            "rule 1: then.0: expected an action, found 'dorp': did you mean 'drop'?",
        ),
        ("- {when: placeOrder, then: [drop, 3]}", "rule 1: then.1: expected an action such as `drop`"),
        (
            "- {when: placeOrder, then: {delay: {second: 2}}}",
            "rule 1: then.0: expected seconds, found 'second'",
        ),
        (
            "- {when: placeOrder, then: {delay: {seconds: long}}}",
            "rule 1: then.0.seconds: expected a valid number, found 'long'",
        ),
        (
            "- {when: placeOrder, then: {drop: {when: never}}}",
            "then.0.when: expected 'before' or 'after', found 'never'",
        ),
        ("- {when: placeOrder, then: drop}\n- {then: drop}", "rule 2: when: expected this field, found none"),
        ("- {when: placeOrder, then: []}", "rule 1: expected an action in then, found none"),
        (
            "- {when: {event: placeOrder, nth: 0}, then: drop}",
            "when.nth: expected greater than or equal to 1, found 0",
        ),
        (
            "- {when: {event: placeOrder, times: often}, then: drop}",
            "when.times: expected a number of 1 or more, or always, found 'often'",
        ),
        (
            "- {when: {event: placeOrder, side: buy}, then: drop}",
            "when.side: expected 'BUY' or 'SELL', found 'buy'",
        ),
        ("- {when: {symbol: AAPL}, then: drop}", "when: expected one of event, at, after"),
        ("- {when: {event: connect, after: 3}, then: drop}", "when: expected one of event, at, after"),
        (
            "- {when: {after: 3, symbol: AAPL}, then: midnight}",
            "when: expected nothing else beside at or after",
        ),
        ("- {when: {at: 2026-11-23 15:00:00}, then: midnight}", "when.at: expected timezone info, found"),
        ("- {when: {after: 3}, then: drop}", "expected drop only at a request, found it at a time"),
        ("- {when: placeOrder, then: duplicate}", "expected duplicate only at fill, found it at placeOrder"),
        (
            "- {when: cancelOrder, then: inactive}",
            "expected inactive only at placeOrder, found it at cancelOrder",
        ),
        (
            "- {when: fill, then: {later: {seconds: 1, then: drop}}}",
            "expected actions that need no request, found drop",
        ),
        ("- {when: placeOrder, then: {partly_fill: {}}}", "then.0: expected either quantity or fraction"),
        ("rule: []", "expected a list of rules, found dict"),
        ("- when: [", "line 1: expected YAML, found: "),
    ],
)
def test_a_mistake_is_told_in_one_line_with_rule_and_field(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"scenario\.yaml: ") as mistake:
        load(tmp_path, text)
    assert problem in str(mistake.value)
    assert "\n" not in str(mistake.value)
