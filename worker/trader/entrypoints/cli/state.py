"""`trader state`: whether the account may trade, read from the store and written to it directly."""

import asyncio
import getpass
import os
from typing import TYPE_CHECKING, Annotated

import typer

from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject, write_time
from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import WrongUse
from trader.entrypoints.cli.output import console, print_json, table

if TYPE_CHECKING:
    from trader.settings import Settings

EPILOG = """\b
Examples:
  trader state                               what holds, since when and why
  trader state halt --reason "news at noon"  no order goes out any more
  trader state reduce-only                   orders may only close
  trader state active

\b
It needs the store alone: no worker, gateway or topic has to answer.
"""


def trading_state(text: str) -> TradingState:
    """Return the state that a person means by ``text``; raises WrongUse."""
    try:
        return TradingState(text)
    except ValueError:
        raise WrongUse(f"expected active, reduce-only or halt, found {text!r}; correct it") from None


def some_text(text: str) -> str:
    """Return ``text``, which says something."""
    if text.strip() and len(text) <= 500:
        return text
    raise typer.BadParameter(f"expected a text of 1 to 500 characters, found {len(text.strip())}")


def state(
    wanted: Annotated[
        str | None,
        typer.Argument(metavar="STATE", help="active, reduce-only or halt; without it, show what holds."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", parser=some_text, help="Why, for whoever looks later.")
    ] = None,
    account: options.Account = None,
    data_dir: options.DataDir = None,
    as_json: options.AsJson = False,
) -> None:
    """Show whether the account may trade, or set it."""
    if reason is not None and wanted is None:
        raise WrongUse(
            f"expected a state to set, found only the reason {reason!r}; add active, reduce-only or halt"
        )
    to_set = None if wanted is None else trading_state(wanted)
    shown = asyncio.run(_state(options.settings(data_dir, account), to_set, reason))
    if as_json:
        print_json(shown)
        return
    rows = table(*shown)
    rows.add_row(*(str(value or "-") for value in shown.values()))
    console().print(rows)


async def _state(settings: "Settings", wanted: TradingState | None, reason: str | None) -> JsonObject:
    """Return what holds, after setting what is wanted."""
    from trader.bootstrap import open_clock
    from trader.entrypoints.cli.stored import known_account_of, open_store
    from trader.stored import records

    async with open_store(settings) as store:
        account = await known_account_of(store, settings)
        changed: JsonObject = {}
        if wanted is not None:
            now = open_clock(settings).now()
            before = await records.set_trading_state(
                store,
                account,
                wanted,
                reason=reason or f"trader state {wanted} by {_user()}",
                published_at=now,
                at=now,
            )
            changed = {"before": before.value}
        record = await records.trading_state_record(store, account)
    if record is None:
        return {"account": account, "state": TradingState.HALTED.value, "since": None, "reason": "never set"}
    at = write_time(record.changed_at)
    return {"account": account, "state": record.state.value, **changed, "since": at, "reason": record.reason}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"user {os.getuid()}"
