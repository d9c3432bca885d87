"""Whether the store answers its queries, and what it holds: configuration, state, schedules, doubts."""

from collections.abc import Awaitable, Callable, Mapping

from trader.doctor.report import Line, Verdict, danger, ok, unchecked, warning
from trader.domain.errors import Failed, Rejected, StoreUnavailable
from trader.domain.hours import Hours
from trader.domain.interlock import interlock_refusal
from trader.domain.schedules import Applied, Schedules
from trader.ports import Store
from trader.settings import Settings
from trader.stored import orderbook, records

Look = Callable[[Store, str, Settings], Awaitable[Line]]


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


def check_schedules(schedules: Schedules, hours: Mapping[str, Hours], applied: Applied | None) -> list[Line]:
    """Hold a file of schedules against the exchanges that it names, and against what the store expects."""
    lines = [
        warning(
            "schedule-time-zone",
            f"job {job.name} in the time zone of {job.exchange}, {hours[job.exchange].zone.key}",
            job.time_zone,
            "correct one of the two: a change to summer time would move the one and not the other",
        )
        for job in schedules.schedules
        if job.exchange is not None and job.time_zone != hours[job.exchange].zone.key
    ]
    expected = {job.name: job for job in schedules.schedules}
    standing = {period.schedule.name: period.schedule for period in applied.standing()} if applied else {}
    if standing != expected:
        found = "others" if standing else "none"
        lines.append(
            warning(
                "schedules-not-applied",
                "the schedules of the file to be those whose results are expected",
                found,
                "`trader schedules apply`: else nobody misses a result of theirs",
            )
        )
    return lines or [ok("schedules", f"{len(expected)} jobs, in their exchanges' time zones, and expected")]


async def _indexes(store: Store, account: str, _: Settings) -> Line:
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
        if error.code != "store-refused":
            raise
        return danger(
            "index-missing",
            f"an index of {index}",
            error.message,
            "deploy infra/firestore.indexes.json: a run whose worker died is else never found",
        )
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
