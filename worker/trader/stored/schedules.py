"""The schedules as the store keeps them: one document for all accounts, written by a person's command."""

from contextlib import suppress
from datetime import datetime

from pydantic import ValidationError

from trader.domain.errors import Failed, Rejected, StoreUnavailable
from trader.domain.schedules import Applied, Schedules, apply
from trader.ports import Conflict, Create, Document, Store, Update

PATH = "config/schedules"
_RETRIES = 5


async def applied_schedules(store: Store) -> Applied:
    """Return what stands and stood lately.

    Raises Rejected ``schedules-missing`` where none were ever applied, Failed for a damaged document.
    """
    found = _read(await store.get(PATH))
    if found is None:
        raise Rejected(
            "schedules-missing",
            "expected schedules in the store, found none; write them with `trader schedules apply`",
        )
    return found


async def apply_schedules(store: Store, wanted: Schedules, at: datetime) -> Applied:
    """Write that ``wanted`` stands from ``at`` on, and return what is known then; a damaged one is lost."""
    for _ in range(_RETRIES):
        standing = await store.get(PATH)
        try:
            before = _read(standing)
        except Failed:
            before = None
        now = apply(before, wanted, at)
        data = now.to_json()
        write = Update(PATH, data, standing.version) if standing else Create(PATH, data)
        with suppress(Conflict):
            await store.commit([write])
            return now
    raise StoreUnavailable("store-contended", f"expected to write {PATH}, found it changing; try again")


def _read(document: Document | None) -> Applied | None:
    if document is None:
        return None
    try:
        return Applied.model_validate(document.data)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Failed(
            "document-damaged",
            f"expected schedules at {PATH}, found them damaged at {where}; "
            "write them anew with `trader schedules apply`",
            field=where,
        ) from None
