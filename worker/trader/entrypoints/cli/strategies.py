"""`trader strategies`: what can be followed, with which parameters, on which bars."""

from typing import TYPE_CHECKING

from trader.domain.wire import JsonObject
from trader.entrypoints.cli.options import AsJson
from trader.entrypoints.cli.output import console, print_json, show, table

if TYPE_CHECKING:
    from trader.domain.strategy import AnyStrategy

EPILOG = """\b
Examples:
  trader strategies         id, parameters with their defaults, bars that are read, what it does
  trader strategies --json  the same for programs
\b
What an account lets a strategy do is in its configuration: `trader config show`.
"""


def strategies(as_json: AsJson = False) -> None:
    """List the strategies that an allocation can follow."""
    from trader.discovery import find_strategies

    found = [_described(strategy) for strategy in find_strategies().values()]
    if as_json:
        for line in found:
            print_json(line)
        return
    rows = table("strategy", "parameters", "reads", "what it does")
    rows.columns[0].no_wrap = True  # an id is there to be copied
    for line in found:
        rows.add_row(*(str(value) for value in _cells(line)))
    show(console(), rows)


def _described(strategy: "AnyStrategy") -> JsonObject:
    parameters = strategy.parameters()
    return {
        "strategy": strategy.id,
        "parameters": parameters.to_json(),
        "bars": [
            {"instrument": str(need.instrument), "size": need.size.value, "days": need.days}
            for need in strategy.needs(parameters)
        ],
        "description": strategy.description,
    }


def _cells(line: JsonObject) -> list[object]:
    from trader.schemas.describing import OwnField

    parameters, bars = line["parameters"], line["bars"]
    assert isinstance(parameters, dict)  # noqa: S101 - made above
    assert isinstance(bars, list)  # noqa: S101
    fields = [OwnField(name, "", required=False, default=value) for name, value in parameters.items()]
    named = ", ".join(map(str, fields)) or "none"
    read = ", ".join(f"{bar['days']} days of {bar['size']} {bar['instrument']}" for bar in bars)  # type: ignore[index, call-overload]
    return [line["strategy"], named, read, line["description"]]
