"""What is told of the gateway: how it stands now, and the events of its connection on the results topic."""

import asyncio
from contextlib import suppress
from datetime import datetime

import structlog

from trader.domain.errors import TopicUnavailable, TraderError
from trader.domain.events import gateway_event
from trader.domain.gateway import GatewayState, GatewayStatus
from trader.domain.incidents import Incidents
from trader.domain.restart import in_restart
from trader.ports import Clock, OutgoingMessage, Publisher, Store, Topic
from trader.stored import records

LOOK_S = 15.0
"""How often to see whether a loss lasts, the restart window is over, or the topic takes messages again."""

log = structlog.get_logger(__name__)


async def as_of(store: Store, status: GatewayStatus, at: datetime) -> GatewayStatus:
    """Return ``status`` as it is to be taken at ``at``, in the account's restart window or outside.

    Where no configuration can be read there is no window: what is wrong stays to be seen.
    """
    if status.account is not None:
        with suppress(TraderError):
            return in_restart(status, await records.configuration(store, status.account), at)
    return status


class GatewayTeller:
    """Publishes the events of the gateway's connection, apart from the connection's own work.

    An event that the topic doesn't take is published again for as long as it is true.
    """

    def __init__(self, store: Store, publisher: Publisher, clock: Clock, *, look_s: float = LOOK_S) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._look_s = look_s
        self._incidents = Incidents()
        self._noted = asyncio.Event()

    def note(self, status: GatewayStatus) -> None:
        """Take note of a new state, at once."""
        log.info("gateway", state=status.state.value, code=status.code, reason=status.reason)
        self._incidents = self._incidents.after(status)
        self._noted.set()

    async def run(self) -> None:
        """Tell what is due, whenever it is, until cancelled."""
        while True:
            self._noted.clear()
            try:
                done = await self._tell()
            except Exception as error:
                log.error("gateway event not told", exc_info=error)
                done = False
            with suppress(TimeoutError):
                async with asyncio.timeout(None if done else self._look_s):
                    await self._noted.wait()

    async def _tell(self) -> bool:
        """Tell what is due; return whether nothing can become due before the next state."""
        while (told := self._incidents.due(self._clock.now())) is not None:
            if told.state is not GatewayState.READY and await self._restarting():
                return False
            event = gateway_event(told, self._clock.now())
            try:
                message = OutgoingMessage(Topic.RESULTS, event.body(), event.attributes())
                await self._publisher.publish(message)
            except TopicUnavailable as error:
                log.warning("gateway event not told", told=told.event, code=error.code)
                return False
            log.info("gateway event told", told=told.event)
            self._incidents = self._incidents.having_told(told)
        status = self._incidents.status
        return status is None or status.ready

    async def watch(self) -> None:
        """Say in the log, now and then, that the gateway isn't ready outside its window, until cancelled.

        Apart from the telling, which must miss no state while the store is read.
        """
        while True:
            await self._clock.sleep(self._look_s)
            status = self._incidents.status
            if status is not None and not status.ready and not await self._restarting():
                log.warning("gateway not ready", state=status.state.value, code=status.code)

    async def _restarting(self) -> bool:
        status = self._incidents.status
        if status is None:
            return False
        taken_for = await as_of(self._store, status, self._clock.now())
        return taken_for.state is GatewayState.RESTART_WINDOW
