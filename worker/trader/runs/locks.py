"""The account lock: one trading run at a time, fenced, and asked to yield when something urgent waits."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, ValidationError

from trader.domain.errors import Failed, LeaseLost, Retryable
from trader.domain.wire import Wire
from trader.ports import Clock, Conflict, Create, Document, Store, Update
from trader.runs.lease import Lease, LeaseWatch

POLL_S = 0.2
"""How often a run that waits for the account looks again."""


class LockRecord(Wire):
    """Who may trade the account."""

    version: Literal[1] = 1
    fence: int = Field(description="Grows with each holder; a write that carries an older one is refused.")
    holder: Lease | None
    run: str | None = Field(description="The holder's run key.")
    urgent: str | None = Field(
        None, description="The run that the holder is to yield to; its own where it is urgent itself."
    )
    taken_order_id: int = Field(
        0, description="The highest order id that the gateway is known to have taken."
    )


def path_of(account: str) -> str:
    """Return where the account's lock is kept."""
    return f"accounts/{account}/control/lock"


def read(document: Document) -> LockRecord:
    """Return the lock; raises Failed, naming the document, when someone has damaged it."""
    try:
        return LockRecord.model_validate(document.data)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise Failed(
            "document-damaged",
            f"expected an account lock at {document.path}, found it damaged at {where}; "
            "check at the broker that no order is under way, then delete it",
            field=where,
        ) from None


@dataclass
class AccountLock:
    """The lock as its holder has it; each write of the holder carries it along, and so is fenced."""

    store: Store
    path: str
    version: str
    record: LockRecord
    releasing: bool = False

    @property
    def is_asked_to_yield(self) -> bool:
        """Whether something urgent waits, as far as was last read."""
        return self.record.urgent not in (None, self.record.run)

    def touch(self) -> Update:
        """Return the write that holds only while the lock is still ours; it renews, or releases, the lock."""
        holder = self.record.holder
        renewed = holder.model_copy(update={"renewals": holder.renewals + 1}) if holder else None
        changes = {"holder": renewed} if not self.releasing else {"holder": None, "run": None, "urgent": None}
        self.record = self.record.model_copy(update=changes)
        return Update(self.path, self.record.to_json(), self.version)

    async def refresh(self, nonce: str) -> None:
        """Read the lock again; raises LeaseLost when it is no longer held under ``nonce``."""
        document = await self.store.get(self.path)
        record = read(document) if document else None
        if document is None or record is None or record.holder is None or record.holder.nonce != nonce:
            raise LeaseLost("account-lock-lost", "another run has taken the account over")
        taken = max(record.taken_order_id, self.record.taken_order_id)
        self.version = document.version
        self.record = record.model_copy(update={"taken_order_id": taken})


async def acquire(
    store: Store,
    clock: Clock,
    watch: LeaseWatch,
    account: str,
    run: str,
    lease: Lease,
    *,
    urgent: bool,
    until: float,
) -> AccountLock:
    """Wait for the account until ``until`` on the monotonic clock; raises Retryable ``account-locked``.

    An urgent run asks the holder to yield before its next order, unless that is urgent itself.
    """
    path = path_of(account)
    while True:
        document = await store.get(path)
        if document is None:
            wanted = LockRecord(fence=1, holder=lease, run=run, urgent=run if urgent else None)
            if (version := await _written(store, Create(path, wanted.to_json()))) is not None:
                return AccountLock(store, path, version, wanted)
            continue
        record = read(document)
        if record.holder is not None and record.holder.nonce == lease.nonce:
            # Our own write, whose reply was lost.
            return AccountLock(store, path, document.version, record)
        if watch.is_dead(document, record.holder):
            wanted = LockRecord(
                fence=record.fence + 1,
                holder=lease,
                run=run,
                urgent=run if urgent else None,
                taken_order_id=record.taken_order_id,
            )
            write = Update(path, wanted.to_json(), document.version)
            if (version := await _written(store, write)) is not None:
                return AccountLock(store, path, version, wanted)
            continue
        if urgent and record.urgent is None and record.run != run:
            asked = record.model_copy(update={"urgent": run})
            await _written(store, Update(path, asked.to_json(), document.version))
        if clock.monotonic() >= until:
            raise Retryable("account-locked", f"another run is trading this account: {record.run}")
        await clock.sleep(POLL_S)


async def still_free(store: Store, account: str) -> Create | Update | None:
    """Return the write that holds only while no run has taken the account since; None if one has it now."""
    path = path_of(account)
    document = await store.get(path)
    if document is None:
        return Create(path, LockRecord(fence=0, holder=None, run=None).to_json())
    return Update(path, document.data, document.version) if read(document).holder is None else None


async def _written(store: Store, write: Create | Update) -> str | None:
    try:
        (version,) = await store.commit([write])
    except Conflict:
        return None
    return version
