"""The public keys that Google signs tokens with: fetched without blocking, kept as long as it says."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import structlog

from trader.domain.errors import Retryable
from trader.ports import Clock

CERTS_URL = "https://www.googleapis.com/oauth2/v3/certs"
FETCH_S = 5.0
SHORTEST_S, USUAL_S, LONGEST_S = 300.0, 3600.0, 86_400.0
"""How long keys are kept: at least, where the answer doesn't say, and at most, also while none can be had."""
AGAIN_S = 60.0
"""How long after an answer no other is asked for: made-up key ids must not make us ask for each."""
AFTER_FAILURE_S = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys as JSON Web Keys by their id, and for how many seconds they may be kept."""

    keys: Mapping[str, Mapping[str, Any]]
    max_age_s: float = USUAL_S


Fetch = Callable[[], Awaitable[KeySet]]
"""Where keys come from; it raises one of ``FAILURES`` where there are none to be had."""
FAILURES = (httpx.HTTPError, OSError, ValueError, LookupError, TypeError)


async def fetch_google_keys() -> KeySet:
    """Ask Google for its keys."""
    async with httpx.AsyncClient(timeout=FETCH_S) as client, asyncio.timeout(FETCH_S):
        answer = (await client.get(CERTS_URL)).raise_for_status()
    age = re.search(r"max-age=(\d+)", answer.headers.get("cache-control", ""))
    keys = {str(key["kid"]): key for key in answer.json()["keys"]}
    return KeySet(keys, float(age[1]) if age else USUAL_S)


class SigningKeys:
    """Keys from ``fetch``, asked for at the first need and then when they are old or one is unknown."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._fetching = asyncio.Lock()
        self._keys: Mapping[str, Mapping[str, Any]] = {}
        self._fetched_at: float | None = None
        self._failed_at: float | None = None
        self._max_age_s = USUAL_S

    async def key(self, key_id: str) -> Mapping[str, Any] | None:
        """Return a key, None if there is none of that id; raises Retryable when that can't be told now."""
        found = self._keys.get(key_id)
        if found is not None and self._age() < self._max_age_s:
            return found
        async with self._fetching:  # whoever waited here finds what the first one got
            if self._age() >= (self._max_age_s if key_id in self._keys else AGAIN_S):
                await self._refetch(key_id)
        return self._keys.get(key_id)

    async def _refetch(self, key_id: str) -> None:
        now = self._clock.monotonic()
        failed_just_now = self._failed_at is not None and now - self._failed_at < AFTER_FAILURE_S
        try:
            if failed_just_now:
                raise ConnectionError("it failed a moment ago")
            answer = await self._fetch()
        except FAILURES as error:
            if not failed_just_now:
                self._failed_at = now
                log.warning("signing keys not fetched", error=type(error).__name__)
            if key_id not in self._keys or self._age() > LONGEST_S:
                raise Retryable(
                    "signing-keys-unavailable",
                    "expected Google's keys to verify a token with, found none to be had; it is tried again",
                ) from None
            return
        self._keys, self._fetched_at, self._failed_at = answer.keys, now, None
        self._max_age_s = min(max(answer.max_age_s, SHORTEST_S), LONGEST_S)

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock.monotonic() - self._fetched_at
