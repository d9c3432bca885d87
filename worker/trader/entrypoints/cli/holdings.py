"""`trader holdings`: what each strategy holds of each contract, beside the broker's positions."""

import asyncio
from typing import TYPE_CHECKING

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit
from trader.entrypoints.cli.output import console, print_json, print_line, show, table

if TYPE_CHECKING:
    from trader.settings import Settings
    from trader.stored.held import Held, HeldContract

EPILOG = """\b
Examples:
  trader publish reconcile --wait && trader holdings
  trader holdings --json | jq '.contracts[] | {instrument, holdings}'
\b
It needs the store alone. The broker's positions are those of the latest `reconcile`. The exit code is 1 when
our books held something else then.
"""


def holdings(
    account: options.Account = None, data_dir: options.DataDir = None, as_json: options.AsJson = False
) -> int:
    """Show what each strategy holds, summed from booked fills, beside what the broker held.

    EXTERNAL holds what no strategy asked for, such as positions that were taken by hand.
    """
    whose, found = asyncio.run(_held(options.settings(data_dir, account)))
    if as_json:
        print_json({"account": whose, **found.to_json()})
    else:
        _print(found)
    return Exit.OTHER if any(contract.differs for contract in found.contracts) else Exit.OK


async def _held(settings: "Settings") -> "tuple[str, Held]":
    from trader.entrypoints.cli.stored import known_account_of, open_store
    from trader.stored.held import read_held

    async with open_store(settings) as store:
        account = await known_account_of(store, settings)
        return account, await read_held(store, account)


def _print(found: "Held") -> None:
    from trader.domain.wire import write_decimal

    owners = sorted({owner for contract in found.contracts for owner in contract.holdings})
    if found.contracts:
        rows = table("contract", *owners, "ours", "broker", "")
        for column in rows.columns[1:-1]:
            column.justify = "right"
        for contract in found.contracts:
            of_each = [contract.holdings.get(owner) for owner in owners]
            numbers = [*of_each, contract.ours, contract.theirs]
            cells = ["" if number is None else write_decimal(number) for number in numbers]
            rows.add_row(contract.instrument, *cells, _remark(contract))
        show(console(), rows)
    if found.positions_at is None:
        print_line("nobody has looked at the broker's positions yet: `trader publish reconcile --wait` does")
    else:
        nothing = "" if found.contracts else "nothing is held; "
        print_line(f"{nothing}the broker's positions are of {found.positions_at:%Y-%m-%d %H:%M:%S} UTC")


def _remark(contract: "HeldContract") -> str:
    if contract.differs:
        return "differs"
    return "traded since" if contract.traded_since else ""
