"""`trader intents`: what can be asked, for a person and for a program."""

import json
from collections.abc import Callable
from typing import Any

from trader.discovery import find_intents

Trader = Callable[..., Any]


def test_every_intent_has_its_row(trader: Trader) -> None:
    shown = trader("intents")
    assert shown.code == 0
    for name, intent in find_intents().items():
        (row,) = [line for line in shown.out.splitlines() if line.startswith(name)]
        assert intent.kind.value in row


def test_a_program_gets_each_field_with_its_meaning_and_its_default(trader: Trader) -> None:
    lines = [json.loads(line) for line in trader("intents", "--json").out.splitlines()]
    assert [line["intent"] for line in lines] == list(find_intents())
    by_name = {line["intent"]: line for line in lines}
    (symbol,) = by_name["testsignalgenerator"]["fields"]
    assert (symbol["name"], symbol["required"], symbol["default"]) == ("symbol", False, "SPY")
    state, reason = by_name["set-trading-state"]["fields"]
    assert (state["required"], reason["required"]) == (True, True)
    assert by_name["summary"]["goodForSeconds"] == 3600
    assert by_name["set-trading-state"]["goodForSeconds"] is None
    assert all(field["description"] for line in lines for field in line["fields"])
