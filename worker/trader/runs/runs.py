"""The run document: its claim, its lease, its end. All that makes an intent run once."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Literal

from pydantic import Field, ValidationError

from trader.domain.errors import Failed, LeaseLost, StoreUnavailable, TooLarge
from trader.domain.events import Alert
from trader.domain.messages import Result
from trader.domain.run_key import document_id
from trader.domain.wire import JsonObject, StoredJson, Time, Wire
from trader.plans import StoredPlan
from trader.ports import Clock, Conflict, Create, Document, Store, Update, Write
from trader.runs.decoding import Delivery, Request
from trader.runs.lease import Lease
from trader.runs.locks import AccountLock, Taking

State = Literal["running", "ended", "reported"]

_ALL = 1_000_000

UNCLAIMED = ""
"""The version of a run that isn't stored yet."""

CONTENDED = "store-contended"
"""The code of a write that was surely not made: what it meets has changed each time it was tried."""

RETRIES = 5
"""How often a write is tried again that may have been applied although an error was reported."""


KEPT_ATTEMPTS = 20
"""How many attempts a run's document tells of: the first one, which says when it was begun, and the last."""


class AttemptRecord(Wire):
    """One delivery that got as far as working on the run."""

    n: int
    at: Time


class Replayed(Wire):
    """That a person had a failed run done once more, and how it had ended until then."""

    at: Time
    letter: str = Field(description="The dead letter's id.")
    result: Result


class RunRecord(Wire):
    """One run: the message, who works on it, and how it ended. It is the audit record too."""

    version: Literal[1] = 1
    key: str
    intent: str
    fingerprint: str
    delivery: StoredJson
    requested_at: Time
    state: State = "running"
    lease: Lease | None
    attempts: tuple[AttemptRecord, ...]
    plan: StoredJson | None = None
    result: Result | None = None
    follow_up: StoredJson | None = Field(None, description="The next intent of `then`, with its key.")
    alerts: tuple[Alert, ...] = Field((), description="What a person must know, told before the result.")
    writes: int = Field(0, description="Counts its holders' writes, so that no two are alike.")
    publications: int = Field(0, description="How often the result was told.")
    replays: tuple[Replayed, ...] = ()

    def without_decisions(self) -> "RunRecord":
        """Return it with no more of its plan than which orders are in it."""
        if self.plan is None:
            return self
        plan = StoredPlan.model_validate(self.plan).without_decisions()
        return self.model_copy(update={"plan": plan.to_json()})


def end_of(record: RunRecord) -> Result:
    """Return the result of a run that has ended."""
    if record.result is None:
        raise Failed("document-damaged", f"expected the result of {record.key} in its document, found none")
    return record.result


def delivery_of(path: str, record: RunRecord) -> Delivery:
    """Return what the run at ``path`` was last claimed with; raises Failed, naming it, when it is damaged."""
    try:
        return Delivery.model_validate(record.delivery)
    except ValidationError as error:
        raise damaged(path, error, "delivery") from None


def path_of(account: str, key: str) -> str:
    """Return where the run ``key`` is kept."""
    return f"accounts/{account}/runs/{document_id(key)}"


def read(document: Document) -> RunRecord:
    """Return the record; raises Failed, naming the document, when someone has damaged it."""
    try:
        return RunRecord.model_validate(document.data)
    except ValidationError as error:
        raise damaged(document.path, error) from None


def damaged(path: str, error: ValidationError, within: str = "") -> Failed:
    """Return the error of a run document that somebody has damaged, in the field ``within`` if in one."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in (within, *first["loc"]) if part != "")
    return Failed(
        "document-damaged",
        f"expected a run document at {path}, found {where}: {first['msg']}; mend it or delete it by hand",
        field=where,
    )


async def in_state(store: Store, account: str, state: State) -> Sequence[Document]:
    """Return every run in ``state``, however many: one that is left out would be left for ever."""
    return await store.query(f"accounts/{account}/runs", where={"state": state}, limit=_ALL)


async def is_over(store: Store, account: str, key: str) -> bool:
    """Return whether the run ``key`` has come to its end, or is no longer kept."""
    document = await store.get(path_of(account, key))
    return document is None or read(document).state != "running"


class OwnedRun:
    """A run that this attempt holds: the only way to write its document.

    Writes are one after another, each at the version that the last one left. A conflict with our own
    nonce in the document is our own write, whose reply was lost. While the run holds the account, each
    write carries the account's lock along: it is written only while the account is still ours.
    """

    def __init__(
        self, store: Store, path: str, version: str, record: RunRecord, clock: Clock, *, since: float
    ) -> None:
        self._store = store
        self._version = version
        self._clock = clock
        self._writing = asyncio.Lock()
        self._keeps_decisions = True
        self._written: JsonObject | None = None  # the record as this attempt has last stored it
        self.path = path
        self.record = record
        self.renewed_at = since
        self.account_lock: AccountLock | None = None

    @property
    def is_claimed(self) -> bool:
        """Whether the document is stored as this attempt's own."""
        return self._version != UNCLAIMED

    @property
    def nonce(self) -> str:
        """The nonce of the lease under which this attempt works."""
        assert self.record.lease is not None  # noqa: S101 - an owned run has one until it is released
        return self.record.lease.nonce

    @property
    def data(self) -> JsonObject:
        """The record as JSON."""
        return self._written or self.record.to_json()

    async def renew(self) -> None:
        """Renew the lease; raises LeaseLost when another attempt has taken the run, or the account, over."""
        started = self._clock.monotonic()
        lease = self.record.lease
        if lease is not None:
            await self.write(lease=lease.model_copy(update={"renewals": lease.renewals + 1}))
            self.renewed_at = started

    async def release(self, also: Sequence[Write] = ()) -> None:
        """Let the next delivery take the run, and another run the account, at once."""
        if self.account_lock:
            self.account_lock.releasing = True
        await self.write(also, lease=None)

    async def finish(
        self,
        result: Result,
        follow_up: JsonObject | None,
        also: Sequence[Write] = (),
        alerts: Sequence[Alert] = (),
        *,
        keeps_decisions: bool = True,
    ) -> None:
        """Write the run's one end, and what belongs to it, durably; the account is free with it.

        Of what was decided the orders' references alone are left where there is no room for more.
        """
        if self.account_lock:
            self.account_lock.releasing = True
        self._keeps_decisions = keeps_decisions
        told = (*self.record.alerts, *alerts)
        await self.write(
            also,
            state="ended",
            result=result,
            follow_up=follow_up,
            alerts=told,
            publications=self.record.publications + 1,  # after a replay not the first
        )

    async def reported(self) -> None:
        """Note that the result and the follow-up are published; missing this note only repeats them."""
        done = {**self.data, "state": "reported", "lease": None}
        with suppress(Conflict, StoreUnavailable):
            await self._store.commit([Update(self.path, done, self._version)])

    async def write(self, also: Sequence[Write] = (), **changes: object) -> Sequence[str]:
        """Write ``changes`` of the record and ``also``, all or nothing, and return the versions of ``also``.

        Raises LeaseLost.
        """
        async with self._writing:
            nonce = self.nonce
            for _ in range(RETRIES):
                record = self.record if self._keeps_decisions else self.record.without_decisions()
                wanted = record.model_copy(update={**changes, "writes": record.writes + 1})
                data = wanted.to_json()
                claims = self._version == UNCLAIMED
                mine = Create(self.path, data) if claims else Update(self.path, data, self._version)
                held = self.account_lock  # a renewal may be under way while the account is acquired
                lock = [held.touch()] if held else []
                try:
                    versions = await self._store.commit([mine, *lock, *also])
                except Conflict:
                    if await self._stands(wanted, nonce):
                        return [await self._version_of(write.path) for write in also]
                    if held:
                        await held.refresh(nonce)
                else:
                    self._version, self.record, self._written = versions[0], wanted, data
                    if held:
                        held.version = versions[1]
                    return versions[1 + len(lock) :]
            raise StoreUnavailable(CONTENDED, f"expected to write {self.path}, found it changing")

    async def _stands(self, wanted: RunRecord, nonce: str) -> bool:
        """After a conflict: return whether ``wanted`` is written already; raises LeaseLost when not ours.

        What stands is taken over first: a write of ours whose reply was lost may have stored a plan, which
        the next write must not undo.
        """
        current = await self._store.get(self.path)
        found = read(current) if current else None
        is_ours = found is not None and found.lease is not None and found.lease.nonce == nonce
        if current is None or found is None or not (is_ours or found == wanted):
            raise LeaseLost("lease-lost", "another attempt has taken this run over") from None
        self._version, self.record, self._written = current.version, found, None
        if found == wanted and self.account_lock and not self.account_lock.releasing:
            await self.account_lock.refresh(nonce)
        return found == wanted

    async def _version_of(self, path: str) -> str:
        document = await self._store.get(path)
        return document.version if document else ""


def unclaimed(
    store: Store, clock: Clock, account: str, request: Request, delivery: Delivery, lease: Lease
) -> OwnedRun:
    """Return the run that ``request`` asks for, claimed by its first write; LeaseLost if one stands there."""
    record = RunRecord(
        key=request.key.text,
        intent=request.intent.name,
        fingerprint=request.fingerprint,
        delivery=delivery.model_dump(mode="json", by_alias=True),
        requested_at=request.key.requested_at,
        lease=lease,
        attempts=(_attempt(delivery, (), clock.now()),),
    )
    path = path_of(account, request.key.text)
    return OwnedRun(store, path, UNCLAIMED, record, clock, since=clock.monotonic())


async def create(
    store: Store,
    clock: Clock,
    account: str,
    request: Request,
    delivery: Delivery,
    lease: Lease,
    taking: Taking | None = None,
) -> OwnedRun | Document:
    """Claim the run that ``request`` asks for, or return the document that stands in its place.

    With it the account is taken, if it is as free still as ``taking`` says; the claim doesn't depend on it.
    """
    wanted = unclaimed(store, clock, account, request, delivery, lease)
    path, record, since = wanted.path, wanted.record, wanted.renewed_at
    claim = Create(path, record.to_json())
    try:
        version, *lock = await store.commit([claim, taking.write] if taking else [claim])
    except Conflict:
        if (
            taking
        ):  # the run stands, or the account is another's by now, or both are ours and the reply was lost
            return await create(store, clock, account, request, delivery, lease)
        return _own_if_ours(store, clock, await standing(store, path), lease, since)
    owned = OwnedRun(store, path, version, record, clock, since=since)
    if taking:
        owned.account_lock = taking.done(store, lock[0])
    return owned


async def standing(store: Store, path: str) -> Document:
    """Return the run document that made a claim fail."""
    document = await store.get(path)
    if document is None:  # expired by the store between the two calls; the next delivery finds out
        raise StoreUnavailable(CONTENDED, f"expected a run at {path}, found none")
    return document


async def take_over(
    store: Store, clock: Clock, document: Document, delivery: Delivery | None, lease: Lease
) -> OwnedRun:
    """Take a run whose lease is dead; raises LeaseLost when another was quicker."""
    found = read(document)
    attempts = (*found.attempts, _attempt(delivery, found.attempts, clock.now()))
    kept = attempts if len(attempts) <= KEPT_ATTEMPTS else (attempts[0], *attempts[1 - KEPT_ATTEMPTS :])
    record = found.model_copy(update={"lease": lease, "attempts": kept})
    since = clock.monotonic()
    try:
        try:
            (version,) = await store.commit([Update(document.path, record.to_json(), document.version)])
        except TooLarge:  # with one attempt in it, it has fitted; that one says when the run was begun
            only = attempts[-1].model_copy(update={"at": attempts[0].at})
            record = record.model_copy(update={"attempts": (only,)})
            (version,) = await store.commit([Update(document.path, record.to_json(), document.version)])
    except Conflict:
        found_now = await store.get(document.path)
        owned = _own_if_ours(store, clock, found_now, lease, since) if found_now else None
        if not isinstance(owned, OwnedRun):
            raise LeaseLost("lease-lost", "another attempt was quicker to take this run over") from None
        return owned
    return OwnedRun(store, document.path, version, record, clock, since=since)


def _own_if_ours(
    store: Store, clock: Clock, document: Document, lease: Lease, since: float
) -> OwnedRun | Document:
    # "Already there" with our own nonce in it is success: the store's reply was lost.
    record = read(document)
    if record.lease is not None and record.lease.nonce == lease.nonce:
        return OwnedRun(store, document.path, document.version, record, clock, since=since)
    return document


def _attempt(delivery: Delivery | None, earlier: tuple[AttemptRecord, ...], at: datetime) -> AttemptRecord:
    last = earlier[-1].n if earlier else 0
    delivered = delivery.delivery_attempt if delivery else last
    return AttemptRecord(n=max(delivered or last + 1, 1), at=at)
