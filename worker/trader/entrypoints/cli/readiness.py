"""What a worker says of itself at /readyz, and waiting for it to be ready."""

import asyncio

import httpx
from pydantic import ConfigDict

from trader.domain.gateway import GatewayState
from trader.domain.wire import Wire

POLL_S = 0.03
UNDER_WAY = frozenset({GatewayState.CONNECTING, GatewayState.SYNCHRONISING})


class Readiness(Wire):
    """The worker's answer, as far as it is needed here."""

    model_config = ConfigDict(extra="ignore")

    ready: bool
    gateway: GatewayState
    reason: str
    account: str | None


class Probe:
    """Asks the worker at ``address``; use it as a context, which closes its connections."""

    def __init__(self, address: str) -> None:
        self._client = httpx.AsyncClient(base_url=address, trust_env=False, timeout=5)

    async def __aenter__(self) -> "Probe":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def readiness(self) -> Readiness | None:
        """Return what the worker says; None if it doesn't answer."""
        try:
            return Readiness.model_validate_json((await self._client.get("/readyz")).content)
        except httpx.TransportError:
            return None

    async def first_word(self, within_s: float) -> Readiness:
        """Return the first answer that decides, ready or why not; after ``within_s`` whatever it is then.

        A worker that doesn't answer at all is waited for without end.
        """
        loop = asyncio.get_running_loop()
        give_up_at: float | None = None
        while True:
            said = await self.readiness()
            if said is not None:
                give_up_at = give_up_at or loop.time() + within_s
                if said.gateway not in UNDER_WAY or loop.time() > give_up_at:
                    return said
            await asyncio.sleep(POLL_S)

    async def until_ready(self) -> Readiness:
        """Return the worker's answer once it is ready."""
        while True:
            said = await self.readiness()
            if said is not None and said.ready:
                return said
            await asyncio.sleep(POLL_S * 10)
