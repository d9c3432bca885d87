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


@dataclass(frozen=True, slots=True)
class Taking:
    """The account as a run would take it: ``write`` holds only while it is as free as it was seen to be."""

    write: Create | Update
    record: LockRecord

    def done(self, store: Store, version: str) -> AccountLock:
        """Return the lock as its holder has it, once ``write`` has been committed."""
        return AccountLock(store, self.write.path, version, self.record)


async def free(
    store: Store, watch: LeaseWatch, account: str, run: str, lease: Lease, *, urgent: bool
) -> Taking | None:
    """Return how ``run`` would take the account, to be written with its claim; None if it isn't free.

    Of a lock that somebody has damaged ``acquire`` tells, once the run is claimed.
    """
    document = await store.get(path_of(account))
    try:
        return _taking(document, watch, account, run, lease, urgent=urgent)
    except Failed:
        return None


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
        record = read(document) if document else None
        if document and record and record.holder is not None and record.holder.nonce == lease.nonce:
            # Our own write, whose reply was lost.
            return AccountLock(store, path, document.version, record)
        if (taking := _taking(document, watch, account, run, lease, urgent=urgent)) is not None:
            if (version := await _written(store, taking.write)) is not None:
                return taking.done(store, version)
            continue
        assert document is not None and record is not None  # noqa: S101, PT018 - where there is none, it is free
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


def _taking(
    document: Document | None, watch: LeaseWatch, account: str, run: str, lease: Lease, *, urgent: bool
) -> Taking | None:
    """Return how to take the account that ``document`` is the lock of; None while its holder lives."""
    record = read(document) if document else LockRecord(fence=0, holder=None, run=None)
    if document and not watch.is_dead(document, record.holder):
        return None
    wanted = LockRecord(
        fence=record.fence + 1,
        holder=lease,
        run=run,
        urgent=run if urgent else None,
        taken_order_id=record.taken_order_id,
    )
    if document is None:
        return Taking(Create(path_of(account), wanted.to_json()), wanted)
    return Taking(Update(document.path, wanted.to_json(), document.version), wanted)


async def _written(store: Store, write: Create | Update) -> str | None:
    try:
        (version,) = await store.commit([write])
    except Conflict:
        return None
    return version
