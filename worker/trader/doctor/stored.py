"""Whether the store answers its queries, and what it holds: configuration, state, doubts."""

import re
from collections.abc import Awaitable, Callable

from trader.doctor.report import Line, Verdict, danger, ok, unchecked, warning
from trader.domain.errors import Failed, Rejected, StoreUnavailable
from trader.domain.interlock import interlock_refusal
from trader.ports import Store
from trader.settings import Settings
from trader.stored import orderbook, records

Look = Callable[[Store, str, Settings], Awaitable[Line]]

INDEX = re.compile(r"requires an? .*\bindex")
"""How Firestore says that a query has none; a database in Datastore mode is refused with the same error."""


async def check_store(store: Store, account: str | None, settings: Settings) -> list[Line]:
    """Read what the store has of ``account``; one that doesn't answer is the last line."""
    looks: list[Look] = [_indexes]
    if account is not None:
        looks += [_configuration, _trading_state, _locks]
    lines = []
    for look in looks:
        try:
            lines.append(await look(store, account or "none", settings))
        except StoreUnavailable as error:
            why = f"{error.code}: {error.message}"
            return [*lines, danger("store", "a store that answers", why, "see the reason")]
        except Failed as error:
            lines.append(danger(error.code, "documents that can be read", error.message, "see the message"))
    if account is None:
        lines.append(unchecked("account", "no account is known here yet; name one with --account"))
    return lines


async def _indexes(store: Store, account: str, settings: Settings) -> Line:
    """Ask a query for each index that the worker needs; Firestore refuses one whose index is missing."""
    whose, index = f"accounts/{account}", "runs by state"
    try:
        await store.query(f"{whose}/runs", where={"state": "running"}, limit=1)
        index = "orders by state"
        await store.query(f"{whose}/orders", where={"state": "open"}, limit=1)
        index = "orders by day"
        await store.query(f"{whose}/orders", where={"day": "2026-01-01"}, limit=1)
        index = "fills by order"
        await store.query(f"{whose}/fills", where={"order": "i0"}, limit=1)
    except StoreUnavailable as error:
        if not INDEX.search(error.message):
            raise
        return danger(
            "index-missing",
            f"an index of {index}",
            error.message,
            "deploy infra/firestore.indexes.json: a run whose worker died is else never found",
        )
    if settings.firestore_emulator:
        return unchecked("indexes", "the store answers, and an emulator does so without any index")
    return ok("store", "it answers, and every query has its index")


async def _configuration(store: Store, account: str, settings: Settings) -> Line:
    try:
        found = await records.configuration(store, account)
    except Rejected as error:
        advice = "`trader config check` says all that is wrong; until then no order goes out"
        return Line(code=error.code, verdict=Verdict.WARNING, message=error.message, advice=advice)
    refusal = interlock_refusal(
        mode=settings.mode, account=account, gateway_port=settings.gateway_port, configuration=found
    )
    if refusal:
        return Line(
            code=refusal.code, verdict=Verdict.WARNING, message=refusal.message, advice="no order goes out"
        )
    return ok("configuration", f"of {account}, version {found.version[:12]}")


async def _trading_state(store: Store, account: str, _: Settings) -> Line:
    record = await records.trading_state_record(store, account)
    if record is None:
        return ok("trading-state", "halted: it was never set, and no order goes out")
    why = f", because {record.reason}" if record.reason else ""
    return ok("trading-state", f"{record.state}{why}")


async def _locks(store: Store, account: str, _: Settings) -> Line:
    locks = await orderbook.contract_locks(store, account)
    if not locks:
        return ok("contracts", "none is in doubt")
    names = ", ".join(sorted(kept.value.instrument for kept in locks.values()))
    return warning("contracts-locked", "no contract in doubt", names, "`trader unresolved` tells more")
