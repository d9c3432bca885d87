"""What `reconcile` last kept of the account."""

from pydantic import ValidationError

from trader.domain.errors import Failed
from trader.domain.snapshot import Snapshot
from trader.ports import Store

_ALL = 1_000_000


async def latest_snapshot(store: Store, account: str) -> Snapshot | None:
    """Return the newest snapshot, None while there is none; raises Failed for a damaged document."""
    documents = await store.query(f"accounts/{account}/snapshots", limit=_ALL)
    newest = max(documents, key=lambda document: str(document.data.get("at")), default=None)
    if newest is None:
        return None
    try:
        return Snapshot.model_validate(newest.data)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise Failed(
            "document-damaged",
            f"expected a snapshot at {newest.path}, found it damaged at {where}; delete it and reconcile",
            field=where,
        ) from None
