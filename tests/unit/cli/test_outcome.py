"""An outcome of any shape can be read by a person."""

import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, Group

from trader.discovery import find_intents
from trader.entrypoints.cli.outcome import blocks, text, words


def shown(value: Any) -> str:
    console = Console(file=io.StringIO(), width=100, markup=False, highlight=False)
    console.print(Group(*blocks(value)))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_single_values_are_lines_and_lists_of_objects_are_tables() -> None:
    assert shown(
        {
            "tradingState": "halted",
            "account": {"id": "DU1", "values": [{"name": "NetLiquidation", "value": "100.00"}]},
            "gateway": {"state": "ready", "since": "2026-11-23T14:30:00.000000Z"},
            "positions": [],
            "isDone": True,
        }
    ).splitlines() == [
        "trading state  halted",
        "account id     DU1",
        "gateway        state ready  since 2026-11-23 14:30:00 UTC",
        "positions      none",
        "is done        yes",
        "",
        "account values",
        "  name             value",
        "  NetLiquidation  100.00",
    ]


def test_numbers_stand_right_and_what_is_missing_is_empty() -> None:
    table = shown({"orders": [{"symbol": "SPY", "quantity": "-5"}, {"symbol": "VIXY", "quantity": None}]})
    assert table.splitlines()[2:] == ["  symbol  quantity", "  SPY           -5", "  VIXY"]


@pytest.mark.parametrize(
    ("name", "said"), [("baseCurrency", "base currency"), ("firstBarAt", "first bar at"), ("id", "id")]
)
def test_a_field_is_named_in_words(name: str, said: str) -> None:
    assert words(name) == said


@pytest.mark.parametrize("name", sorted(find_intents()))
def test_the_example_of_each_outcome_can_be_shown(name: str) -> None:
    schema: Any = find_intents()[name].outcome.model_config["json_schema_extra"]
    for example in schema["examples"]:
        assert shown(example)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(), JSON))
def test_whatever_the_outcome_is_it_is_shown(value: Any) -> None:
    shown(value)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_shown_digit_by_digit(value: Decimal) -> None:
    assert text(str(value)) == str(value)
