"""`trader explain`: the latest decision of a strategy, from what it saw to what came of it."""

import asyncio
import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from trader.domain.wire import JsonObject, write_decimal, write_time
from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import WrongUse
from trader.entrypoints.cli.output import console, print_json, print_line, show, table

if TYPE_CHECKING:
    from trader.planning.decisions import Explained
    from trader.settings import Settings

EPILOG = """\b
Examples:
  trader explain spymacdvixy
  trader explain spymacdvixy --json | jq .indicators
\b
It needs the store alone, and tells of runs that may trade: a dry run tells what it decided in its result.
"""


def explain(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="One of `trader strategies`.")],
    account: options.Account = None,
    data_dir: options.DataDir = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what a strategy decided last: its bars, its figures, what it wanted and what became of that."""
    from trader.discovery import find_strategies

    known = find_strategies()
    if strategy not in known:
        nearest = difflib.get_close_matches(strategy, known, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise WrongUse(f"expected one of {', '.join(known)}, found {strategy!r}{hint}")
    whose, found = asyncio.run(_latest(options.settings(data_dir, account), strategy))
    if found is None:
        print_line(f"{strategy} has decided nothing yet for account {whose} in a run that may trade")
    elif as_json:
        print_json({"account": whose, **_json(found)})
    else:
        _print(found)


async def _latest(settings: "Settings", strategy: str) -> "tuple[str, Explained | None]":
    from trader.entrypoints.cli.stored import known_account_of, open_store
    from trader.planning.decisions import latest_decision

    async with open_store(settings) as store:
        account = await known_account_of(store, settings)
        return account, await latest_decision(store, account, strategy)


def _json(found: "Explained") -> JsonObject:
    return {
        "strategy": found.decision.strategy,
        "run": found.run,
        "intent": found.intent,
        "decidedAt": write_time(found.decided_at),
        "bars": [bars.to_json() for bars in found.decision.bars],
        "indicators": dict(found.decision.indicators),
        "chosen": [chosen.to_json() for chosen in found.decision.targets],
        "held": [refusal.to_json() for refusal in found.decision.refusals],
        "targets": [target.to_json() for target in found.targets],
        "refusals": [refusal.to_json() for refusal in found.refusals],
        "orders": list(found.orders),
    }


def _print(found: "Explained") -> None:
    decision = found.decision
    print_line(
        f"{decision.strategy} decided at {found.decided_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"in run {found.run} of {found.intent}"
    )
    for bars in decision.bars:
        until = f", the last of {bars.last_at:%Y-%m-%d %H:%M} UTC" if bars.last_at else ""
        print_line(f"  read {bars.count} finished bars of {bars.size} of {bars.instrument}{until}")
    for name, value in decision.indicators.items():
        print_line(f"  {name} {value:.6g}")
    for refusal in decision.refusals:
        print_line(f"  held: {refusal.message} ({refusal.code})")
    rows = table("instrument", "wants", "weight", "to hold", "held", "under way", "why")
    sized = {target.instrument: target for target in found.targets}
    for chosen in decision.targets:
        target = sized.get(chosen.instrument)
        numbers = [target.quantity, target.held, target.in_flight] if target else [None, None, None]
        cells = ["" if number is None else write_decimal(number) for number in (chosen.weight, *numbers)]
        rows.add_row(chosen.instrument, chosen.wants.value, *cells, chosen.reason)
    show(console(), rows)
    for line in found.refusals:
        print_line(f"  refused: {line.message} ({line.code})")
    orders = ", ".join(found.orders) or "none"
    print_line(f"  orders of the run: {orders}")
