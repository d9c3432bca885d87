"""What the store holds beside the runs, and where: accounts, configuration, trading state."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from pydantic import ValidationError

from trader.domain.configuration import Configuration
from trader.domain.configuration_reading import overlay, parse
from trader.domain.errors import Failed, Rejected, StoreUnavailable
from trader.domain.refusal import Refusal
from trader.domain.trading_state import StateRecord, TradingState, decide_state, state_of
from trader.domain.wire import JsonObject, write_time
from trader.ports import Conflict, Create, Document, Store, Update, Write

COMMON_CONFIGURATION = "config/common"
_RETRIES = 5


def account_path(account: str) -> str:
    """Return the document that says that an account is known here."""
    return f"accounts/{account}"


def configuration_path(account: str) -> str:
    """Return the account's own part of the configuration."""
    return f"accounts/{account}/config/own"


def trading_state_path(account: str) -> str:
    """Return the document of the trading state."""
    return f"accounts/{account}/control/trading-state"


async def known_accounts(store: Store) -> list[str]:
    """Return the accounts that a worker of this store has served."""
    return [document.path.rpartition("/")[2] for document in await store.query("accounts")]


async def remember_account(store: Store, account: str, at: datetime) -> None:
    """Note that this store belongs to ``account``, once."""
    with suppress(Conflict):
        await store.commit(
            [Create(account_path(account), {"account": account, "knownSince": write_time(at)})]
        )


async def raw_configuration(store: Store, account: str) -> JsonObject:
    """Return the common configuration with the account's own laid over it, unchecked.

    Raises Rejected ``config-missing`` when there is neither.
    """
    common, own = await asyncio.gather(
        store.get(COMMON_CONFIGURATION), store.get(configuration_path(account))
    )
    if common is None and own is None:
        raise Rejected(
            "config-missing",
            f"expected a configuration of account {account}, found none; "
            "write one with `trader config set FILE`",
        )
    return overlay(common.data if common else None, own.data if own else None)


async def configuration(store: Store, account: str) -> Configuration:
    """Return the account's configuration; raises Rejected ``config-missing`` or ``config-invalid``."""
    found = parse(await raw_configuration(store, account))
    if found.account != account:
        raise Rejected(
            "config-invalid",
            f"account: expected {account}, found {found.account}; this configuration is another account's",
            field="account",
        )
    return found


async def write_configuration(store: Store, path: str, data: JsonObject) -> None:
    """Write one part of the configuration, the common or an account's own."""
    await _replace(store, path, lambda _: data)


async def write_first_configuration(store: Store, path: str, data: JsonObject) -> bool:
    """Write one part of the configuration where there is none; return whether there was none."""
    try:
        await store.commit([Create(path, data)])
    except Conflict:
        return False
    return True


async def trading_state(store: Store, account: str) -> TradingState:
    """Return the trading state; without a record it is HALTED. Raises Failed for a damaged one."""
    return state_of(_state(await store.get(trading_state_path(account))))


async def trading_state_record(store: Store, account: str) -> StateRecord | None:
    """Return the trading state with who changed it last; raises Failed for a damaged one."""
    return _state(await store.get(trading_state_path(account)))


async def set_trading_state(
    store: Store,
    account: str,
    wanted: TradingState,
    *,
    reason: str,
    published_at: datetime,
    at: datetime,
    by: str = "",
    dry_run: bool = False,
) -> TradingState:
    """Write the state, unless ``dry_run``, and return the one before.

    Raises Rejected ``state-not-newer``, and Failed for a damaged record, which only HALTED replaces.
    """
    before = TradingState.HALTED

    def change(standing: Document | None) -> JsonObject:
        nonlocal before
        try:
            current = _state(standing)
        except Failed:
            if wanted is not TradingState.HALTED:
                raise
            current = None
        before = state_of(current)
        decided = decide_state(current, wanted, published_at=published_at, at=at, reason=reason, by=by)
        if isinstance(decided, Refusal):
            raise Rejected(decided.code, decided.message, field="state")
        return decided.to_json()

    path = trading_state_path(account)
    if dry_run:
        change(await store.get(path))
    else:
        await _replace(store, path, change)
    return before


async def tightening(
    store: Store, account: str, wanted: TradingState, *, reason: str, at: datetime, by: str
) -> tuple[TradingState, Write | None]:
    """Return the state, and the write that tightens it to ``wanted``: None where it is as tight already.

    Raises Failed for a damaged record.
    """
    standing = await store.get(trading_state_path(account))
    current = _state(standing)
    before = state_of(current)
    decided = decide_state(current, wanted, published_at=at, at=at, reason=reason, by=by)
    if isinstance(decided, Refusal) or not wanted.is_tighter_than(before):
        return before, None
    path = trading_state_path(account)
    data = decided.to_json()
    return before, Update(path, data, standing.version) if standing else Create(path, data)


async def _replace(store: Store, path: str, change: Callable[[Document | None], JsonObject]) -> None:
    """Write what ``change`` makes of the document, however often another writer is quicker."""
    for _ in range(_RETRIES):
        standing = await store.get(path)
        data = change(standing)
        write = Update(path, data, standing.version) if standing else Create(path, data)
        with suppress(Conflict):
            await store.commit([write])
            return
    raise StoreUnavailable("store-contended", f"expected to write {path}, found it changing; try again")


def _state(document: Document | None) -> StateRecord | None:
    if document is None:
        return None
    try:
        return StateRecord.model_validate(document.data)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Failed(
            "document-damaged",
            f"expected a trading state at {document.path}, found it damaged at {where}; "
            "set it anew with `trader state halt`",
            field=where,
        ) from None
