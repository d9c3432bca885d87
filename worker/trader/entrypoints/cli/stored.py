"""The store as the commands reach it, also when nothing else runs; and which account in it is meant."""

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from trader.domain.errors import StoreUnavailable
from trader.entrypoints.cli.errors import WrongUse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trader.ports import Store
    from trader.settings import Settings


@asynccontextmanager
async def open_store(settings: "Settings", *, new: bool = False) -> "AsyncIterator[Store]":
    """Open the store of ``settings``; unless ``new``, one that isn't there is StoreUnavailable.

    Otherwise a slip in the folder's name would be answered by an empty store.
    """
    from trader import bootstrap

    if settings.backend == "local" and not new and not settings.data_dir.is_dir():
        raise StoreUnavailable(
            "store-missing",
            f"expected the folder of a local stack, found none at {settings.data_dir}; "
            "name another with --data-dir, or start one with `trader dev`",
        )
    store = await bootstrap.open_store(settings, bootstrap.open_clock(settings))
    try:
        yield store
    finally:
        await store.close()


async def known_account_of(store: "Store", settings: "Settings") -> str:
    """Return the account as ``account_of`` does; raises WrongUse for one that the store doesn't know.

    Else a slip would be answered for an account that doesn't exist: halted, or nothing missing.
    """
    from trader.stored.records import known_accounts

    account, known = await account_of(store, settings), await known_accounts(store)
    if known and account not in known:
        raise WrongUse(f"expected an account of this store ({', '.join(known)}), found {account}; correct it")
    return account


async def takes_unnamed(store: "Store", settings: "Settings", account: str) -> bool:
    """Return whether the messages that name no account are surely those of ``account``.

    ``TRADER_DEFAULT`` says so of ``TRADER_ACCOUNT``, whatever ``--account`` names. Unset, it is known only on
    one machine, and there of an account that has its store for itself.
    """
    from trader.settings import Settings
    from trader.stored.records import known_accounts

    worker = Settings.load()
    if "default" in worker.model_fields_set:
        return worker.default and worker.account in (None, account)
    return settings.backend == "local" and set(await known_accounts(store)) <= {account}


async def account_of(store: "Store", settings: "Settings") -> str:
    """Return the account that ``settings`` name, else the only one known; raises WrongUse."""
    from trader.stored.records import known_accounts

    if settings.account:
        return settings.account
    known = await known_accounts(store)
    if len(known) == 1:
        return known[0]
    found = ", ".join(known) if known else "none known yet"
    raise WrongUse(f"expected one account, found {found}; name one with --account")
