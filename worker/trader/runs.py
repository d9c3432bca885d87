"""The run document: its claim, its lease, its end. All that makes an intent run once."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field, ValidationError

from trader.decoding import Delivery, Request
from trader.domain.errors import Failed, LeaseLost, StoreUnavailable
from trader.domain.messages import Result
from trader.domain.run_key import document_id
from trader.domain.wire import JsonObject, Time, Wire
from trader.ports import Clock, Conflict, Create, Document, Store, Update

RETRIES = 5
"""How often a write is tried again that may have been applied although an error was reported."""


class Lease(Wire):
    """Who works on a run. Each renewal changes the document's version, which is what observers watch."""

    nonce: str = Field(description="Unlike that of any other attempt.")
    worker: str = Field(description="The worker process, so that it knows its own dead runs at once.")
    renewals: int = 0


class Attempt(Wire):
    """One delivery that got as far as working on the run."""

    n: int
    at: Time


class RunRecord(Wire):
    """One run: the message, who works on it, and how it ended. It is the audit record too."""

    version: Literal[1] = 1
    key: str
    intent: str
    fingerprint: str
    delivery: JsonObject
    requested_at: Time
    state: Literal["running", "ended", "reported"] = "running"
    lease: Lease | None
    attempts: tuple[Attempt, ...]
    plan: JsonObject | None = None
    result: Result | None = None
    follow_up: JsonObject | None = Field(None, description="The next intent of `then`, with its key.")
    publications: int = Field(0, description="How often the result was told.")


def end_of(record: RunRecord) -> Result:
    """Return the result of a run that has ended."""
    if record.result is None:
        raise Failed("document-damaged", f"expected the result of {record.key} in its document, found none")
    return record.result


def path_of(account: str, key: str) -> str:
    """Return where the run ``key`` is kept."""
    return f"accounts/{account}/runs/{document_id(key)}"


def read(document: Document) -> RunRecord:
    """Return the record; raises Failed, naming the document, when someone has damaged it."""
    try:
        return RunRecord.model_validate(document.data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Failed(
            "document-damaged",
            f"expected a run document at {document.path}, found {where}: {first['msg']}; "
            "mend it or delete it by hand",
            field=where,
        ) from None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A lease as an observer last saw it change, on the observer's own monotonic clock."""

    version: str
    since: float


class LeaseWatch:
    """Tells a dead lease from a live one by watching, so that no two clocks have to agree."""

    def __init__(self, clock: Clock, lease_s: float, worker: str) -> None:
        self._clock = clock
        self._lease_s = lease_s
        self._worker = worker
        self._seen: dict[str, Sighting] = {}
        self._live: set[str] = set()

    def begin(self, nonce: str) -> None:
        """Say that this process works under the lease ``nonce``."""
        self._live.add(nonce)

    def end(self, nonce: str) -> None:
        """Say that this process has stopped working under the lease ``nonce``."""
        self._live.discard(nonce)

    def is_dead(self, document: Document, lease: Lease | None) -> bool:
        """Return whether nobody works on the run: released, ours but not running, or unchanged too long."""
        if lease is None:
            return True
        if lease.worker == self._worker:
            return lease.nonce not in self._live
        seen = self._seen.get(document.path)
        if seen is None or seen.version != document.version:
            self._seen[document.path] = Sighting(document.version, self._clock.monotonic())
            return False
        return self._clock.monotonic() - seen.since >= self._lease_s

    def forget_all_but(self, paths: set[str]) -> None:
        """Drop what was seen of runs that are no longer in question."""
        self._seen = {path: seen for path, seen in self._seen.items() if path in paths}


class OwnedRun:
    """A run that this attempt holds: the only way to write its document.

    Writes are one after another, each at the version that the last one left. A conflict with our own
    nonce in the document is our own write, whose reply was lost.
    """

    def __init__(self, store: Store, path: str, version: str, record: RunRecord, clock: Clock) -> None:
        self._store = store
        self._version = version
        self._clock = clock
        self._lock = asyncio.Lock()
        self.path = path
        self.record = record
        self.renewed_at = clock.monotonic()

    @property
    def nonce(self) -> str:
        """The nonce of the lease under which this attempt works."""
        assert self.record.lease is not None  # noqa: S101 - an owned run has one until it is released
        return self.record.lease.nonce

    async def renew(self) -> None:
        """Renew the lease; raises LeaseLost when another attempt has taken the run over."""
        started = self._clock.monotonic()
        lease = self.record.lease
        if lease is not None:
            await self._write(lease=lease.model_copy(update={"renewals": lease.renewals + 1}))
            self.renewed_at = started

    async def release(self) -> None:
        """Let the next delivery take the run at once."""
        await self._write(lease=None)

    async def finish(self, result: Result, follow_up: JsonObject | None) -> None:
        """Write the run's one end, durably."""
        await self._write(state="ended", result=result, follow_up=follow_up, publications=1)

    async def reported(self) -> None:
        """Note that the result and the follow-up are published; missing this note only repeats them."""
        done = self.record.model_copy(update={"state": "reported", "lease": None})
        with suppress(Conflict, StoreUnavailable):
            await self._store.commit([Update(self.path, done.to_json(), self._version)])

    async def _write(self, **changes: object) -> None:
        async with self._lock:
            nonce = self.nonce
            record = self.record.model_copy(update=changes)
            for _ in range(RETRIES):
                try:
                    (version,) = await self._store.commit(
                        [Update(self.path, record.to_json(), self._version)]
                    )
                except Conflict:
                    current = await self._store.get(self.path)
                    if current is None or not _is_ours(read(current), nonce, record):
                        raise LeaseLost("lease-lost", "another attempt has taken this run over") from None
                    self._version = current.version
                    if current.data == record.to_json():
                        break
                else:
                    self._version = version
                    break
            else:
                raise StoreUnavailable("store-contended", f"expected to write {self.path}, found it changing")
            self.record = record


def _is_ours(found: RunRecord, nonce: str, wanted: RunRecord) -> bool:
    return (found.lease is not None and found.lease.nonce == nonce) or found == wanted


async def create(
    store: Store, clock: Clock, account: str, request: Request, delivery: Delivery, lease: Lease
) -> OwnedRun | Document:
    """Claim the run that ``request`` asks for, or return the document that stands in its place."""
    path = path_of(account, request.key.text)
    record = RunRecord(
        key=request.key.text,
        intent=request.intent.name,
        fingerprint=request.fingerprint,
        delivery=delivery.model_dump(mode="json", by_alias=True),
        requested_at=request.key.requested_at,
        lease=lease,
        attempts=(_attempt(delivery, (), clock.now()),),
    )
    try:
        (version,) = await store.commit([Create(path, record.to_json())])
    except Conflict:
        standing = await store.get(path)
        if standing is None:  # expired by the store between the two calls; the next delivery finds out
            raise StoreUnavailable("store-contended", f"expected a run at {path}, found none") from None
        return _own_if_ours(store, clock, standing, lease)
    return OwnedRun(store, path, version, record, clock)


async def take_over(
    store: Store, clock: Clock, document: Document, delivery: Delivery | None, lease: Lease
) -> OwnedRun:
    """Take a run whose lease is dead; raises LeaseLost when another was quicker."""
    found = read(document)
    attempts = (*found.attempts, _attempt(delivery, found.attempts, clock.now()))
    record = found.model_copy(update={"lease": lease, "attempts": attempts[-20:]})
    try:
        (version,) = await store.commit([Update(document.path, record.to_json(), document.version)])
    except Conflict:
        standing = await store.get(document.path)
        owned = _own_if_ours(store, clock, standing, lease) if standing else None
        if not isinstance(owned, OwnedRun):
            raise LeaseLost("lease-lost", "another attempt was quicker to take this run over") from None
        return owned
    return OwnedRun(store, document.path, version, record, clock)


def _own_if_ours(store: Store, clock: Clock, standing: Document, lease: Lease) -> OwnedRun | Document:
    # "Already there" with our own nonce in it is success: the store's reply was lost.
    record = read(standing)
    if record.lease is not None and record.lease.nonce == lease.nonce:
        return OwnedRun(store, standing.path, standing.version, record, clock)
    return standing


def _attempt(delivery: Delivery | None, earlier: tuple[Attempt, ...], at: datetime) -> Attempt:
    last = earlier[-1].n if earlier else 0
    delivered = delivery.delivery_attempt if delivery else last
    return Attempt(n=max(delivered or last + 1, 1), at=at)
