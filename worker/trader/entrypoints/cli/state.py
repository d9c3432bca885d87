"""`trader state`: whether and how much the account may trade, from the store and written to it directly."""

import asyncio
import getpass
import os
from typing import TYPE_CHECKING, Annotated

import typer

from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject, write_time
from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import WrongUse
from trader.entrypoints.cli.output import console, print_json, print_line, show, table

if TYPE_CHECKING:
    from datetime import datetime

    from trader.domain.limit_use import LimitUse
    from trader.domain.trading_state import StateRecord
    from trader.ports import Store
    from trader.settings import Settings

EPILOG = """\b
Examples:
  trader state                               what holds, who set it and why; each limit and its use
  trader state halt --reason "news at noon"  no order goes out any more
  trader state reduce-only                   orders may only close
  trader state active

\b
It needs the store alone: no worker, gateway or topic has to answer. What only the broker knows of the limits'
use is of the latest `reconcile`.
"""


def trading_state(text: str) -> TradingState:
    """Return the state that a person means by ``text``; raises WrongUse."""
    try:
        return TradingState(text)
    except ValueError:
        raise WrongUse(f"expected active, reduce-only or halt, found {text!r}; correct it") from None


def some_text(text: str) -> str:
    """Return ``text``, which says something, as it can be stored."""
    text = options.readable(text)
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
    settings = options.settings(data_dir, account)
    if to_set is not None:
        _print(asyncio.run(_set(settings, to_set, reason)), as_json=as_json)
        return
    shown, limits, problem = asyncio.run(_shown(settings))
    if as_json:
        print_json({**shown, "limits": [limit.to_json() for limit in limits], "limitsUnknown": problem})
        return
    _print(shown, as_json=False)
    print_line("")
    if problem:
        print_line(f"limits: {problem}")
    else:
        _print_limits(limits)


async def _set(settings: "Settings", wanted: TradingState, reason: str | None) -> JsonObject:
    """Set what is wanted, and return what holds now."""
    from trader.bootstrap import open_clock
    from trader.entrypoints.cli.stored import known_account_of, open_store
    from trader.stored import records

    async with open_store(settings) as store:
        account = await known_account_of(store, settings)
        now = open_clock(settings).now()
        before = await records.set_trading_state(
            store,
            account,
            wanted,
            reason=reason or f"trader state {wanted} by {_user()}",
            published_at=now,
            at=now,
            by=_user(),
        )
        return _state(account, await records.trading_state_record(store, account), before)


async def _shown(settings: "Settings") -> "tuple[JsonObject, tuple[LimitUse, ...], str | None]":
    """Return what holds, the limits, and else why there are none to show."""
    from trader.bootstrap import open_clock
    from trader.entrypoints.cli.stored import known_account_of, open_store
    from trader.stored import records

    async with open_store(settings) as store:
        account = await known_account_of(store, settings)
        shown = _state(account, await records.trading_state_record(store, account))
        limits, problem = await _limits(store, account, open_clock(settings).now())
        return shown, limits, problem


async def _limits(store: "Store", account: str, now: "datetime") -> "tuple[tuple[LimitUse, ...], str | None]":
    """Return each limit; without a configuration that can be used, none, and what is wrong with it."""
    from trader.domain.errors import Terminal
    from trader.stored import records
    from trader.stored.limits import read_limit_uses

    try:
        configuration = await records.configuration(store, account)
        return await read_limit_uses(store, account, configuration, now), None
    except Terminal as error:  # whether the account may trade is told all the same
        return (), f"{error.code}: {error.message}"


def _state(account: str, record: "StateRecord | None", before: TradingState | None = None) -> JsonObject:
    if record is None:
        unset = {"since": None, "by": None, "reason": "never set"}
        return {"account": account, "state": TradingState.HALTED.value, **unset}
    changed: JsonObject = {} if before is None else {"before": before.value}
    since = write_time(record.changed_at)
    who: JsonObject = {"since": since, "by": record.by or None, "reason": record.reason}
    return {"account": account, "state": record.state.value, **changed, **who}


def _print(state: JsonObject, *, as_json: bool) -> None:
    if as_json:
        print_json(state)
        return
    rows = table(*state)
    rows.add_row(*(str(value or "-") for value in state.values()))
    show(console(), rows)


def _print_limits(limits: "tuple[LimitUse, ...]") -> None:
    from trader.domain.wire import write_decimal

    rows = table("limit", "used", "of", "", "", "as of")
    for column in rows.columns[1:3]:
        column.justify = "right"
    alone = []
    for limit in limits:
        allows = write_decimal(limit.allows.normalize() + 0)
        if limit.source == "each-order":
            alone.append(f"{limit.limit} {allows} {limit.unit}".rstrip())
            continue
        used = "unknown" if limit.used is None else write_decimal(limit.used.normalize() + 0)
        share = "" if limit.share is None else f"{limit.share:.0%}"
        rows.add_row(limit.limit, used, allows, limit.unit, share, _as_of(limit))
    show(console(), rows)
    print_line(f"checked with each order alone: {', '.join(alone)}")
    if any(limit.used is None and limit.source == "broker" for limit in limits):
        print_line("what is unknown, `trader publish reconcile --wait` asks the broker for")


def _as_of(limit: "LimitUse") -> str:
    if limit.at is None:
        return "-"
    return "now" if limit.source == "books" else f"{limit.at:%Y-%m-%d %H:%M:%S} UTC"


def _user() -> str:
    try:
        return options.readable(getpass.getuser())
    except (KeyError, OSError):  # a container's user need not have a name
        return f"user {os.getuid()}"
