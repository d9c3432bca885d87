"""Leases: who works on something, and how an observer tells that nobody does any more."""

from dataclasses import dataclass

from pydantic import Field

from trader.domain.wire import Wire
from trader.ports import Clock, Document


class Lease(Wire):
    """Who works on a run. Each renewal changes the document's version, which is what observers watch."""

    nonce: str = Field(description="Unlike that of any other attempt.")
    worker: str = Field(description="The worker process, so that it knows its own dead runs at once.")
    renewals: int = 0


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
