"""`trader unresolved`: which orders are in doubt and which contracts are locked, and what would settle it."""

import asyncio
from typing import TYPE_CHECKING

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit
from trader.entrypoints.cli.output import console, print_json, print_line, show

if TYPE_CHECKING:
    from trader.settings import Settings
    from trader.stored.doubts import Doubts

EPILOG = """\b
Examples:
  trader unresolved
  trader unresolved --json | jq '.orders[].reference'
\b
It needs the store alone. The exit code is 1 while anything is in doubt.
"""


def unresolved(
    account: options.Account = None, data_dir: options.DataDir = None, as_json: options.AsJson = False
) -> int:
    """List the orders in doubt and the locked contracts, and what would unlock each.

    An order in doubt may or may not stand at the broker; it is never sent again by itself. In a locked
    contract nothing is opened.
    """
    whose, found = asyncio.run(_doubts(options.settings(data_dir, account)))
    if as_json:
        print_json({"account": whose, **found.to_json()})
    elif not found.orders and not found.contracts:
        print_line(f"nothing of account {whose} is in doubt, and no contract is locked")
    else:
        _print(found)
    return Exit.OTHER if found.orders or found.contracts else Exit.OK


async def _doubts(settings: "Settings") -> "tuple[str, Doubts]":
    from trader.entrypoints.cli.stored import known_account_of, open_store
    from trader.stored.doubts import read_doubts

    async with open_store(settings) as store:
        account = await known_account_of(store, settings)
        return account, await read_doubts(store, account)


def _print(found: "Doubts") -> None:
    from rich.padding import Padding
    from rich.text import Text

    from trader.domain.wire import write_decimal

    out = console()
    for order in found.orders:
        filled = f", {write_decimal(order.filled)} filled" if order.filled else ""
        what = f"order {order.reference}: {write_decimal(order.quantity)} {order.instrument}{filled}"
        print_line(f"{what}, planned {order.planned_at:%Y-%m-%d %H:%M:%S} UTC by {order.run}")
        for line in (f"in doubt: {order.why}", f"to settle: {order.settles}"):
            show(out, Padding(Text(line), (0, 0, 0, 2)))
    for contract in found.contracts:
        print_line(f"{contract.instrument} is locked since {contract.since:%Y-%m-%d %H:%M:%S} UTC")
        for line in (f"why: {contract.reason}", f"to unlock: {contract.unlocks}"):
            show(out, Padding(Text(line), (0, 0, 0, 2)))
