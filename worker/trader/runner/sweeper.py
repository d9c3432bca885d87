"""Finds runs that nobody delivers any more, and ends them."""

import asyncio

import structlog

from trader import tracing
from trader.domain.errors import Failed, Rejected, Retryable
from trader.domain.status import IntentClass
from trader.ports import Document
from trader.runner.attempt import too_old
from trader.runner.runner import Runner
from trader.runs import locks, runs
from trader.runs.decoding import Delivery, decode

log = structlog.get_logger(__name__)


class Sweeper:
    """Does for a run whose lease is dead what a redelivery would do, as far as its age allows."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._ports = runner.ports
        self._apart: list[asyncio.Task[None]] = []

    async def run(self, interval_s: float) -> None:
        """Sweep at once and then every ``interval_s``, until cancelled."""
        try:
            while True:
                try:
                    await self._begin()
                except (Retryable, Failed) as error:
                    log.warning("sweep put off", code=error.code)
                except Exception as error:
                    log.error("sweep failed", exc_info=error)
                await self._ports.clock.sleep(interval_s)
        finally:
            for task in self._apart:
                task.cancel()
            await asyncio.gather(*self._apart, return_exceptions=True)

    async def sweep(self) -> None:
        """Look once at every run that isn't told of yet."""
        await self._begin()
        await asyncio.gather(*self._apart)

    async def _begin(self) -> None:
        """Sweep, with what may have to wait for the account begun only, each run apart."""
        account = self._runner.account()
        store = self._ports.store
        unfinished = {run.path: run for run in await runs.in_state(store, account, "running")}
        unfinished |= {run.path: run for run in await runs.in_state(store, account, "ended")}
        self._runner.watch.forget_all_but({*unfinished, locks.path_of(account)})
        await self._watch_lock(account)
        self._apart = [task for task in self._apart if not task.done()]
        for document in unfinished.values():
            sweeping = self._sweep_one(document, account)
            if _may_wait(document):
                self._apart.append(asyncio.create_task(sweeping))
            else:
                await sweeping

    async def _watch_lock(self, account: str) -> None:
        """Watch the account's lock too: a run that is taken over need not wait a second time for it."""
        lock = await self._ports.store.get(locks.path_of(account))
        try:
            if lock is not None:
                self._runner.watch.is_dead(lock, locks.read(lock).holder)
        except Failed as error:  # only who needs the account can't go on
            log.warning("account lock not watched", path=locks.path_of(account), code=error.code)

    async def _sweep_one(self, document: Document, account: str) -> None:
        path = document.path
        try:
            record = runs.read(document)
            delivery = runs.delivery_of(path, record)
            with tracing.continued(delivery.attributes), tracing.span("sweep"):
                await self._end(document, record, delivery, account)
        except Retryable as error:
            log.warning("run left for later", path=path, code=error.code)
        except Failed as error:
            log.warning("run left for a person", path=path, code=error.code, field=error.field)
        except Exception as error:  # a run that can't be swept keeps no other from its end
            log.error("run not swept", path=path, exc_info=error)

    async def _end(
        self, document: Document, record: runs.RunRecord, delivery: Delivery, account: str
    ) -> None:
        if not self._runner.watch.is_dead(document, record.lease):
            return
        if record.state == "ended":
            await self._runner.teller.tell_again(document, account)
            return
        try:
            request = decode(delivery, self._runner.intents, account)
        except Rejected as error:
            raise Failed(
                error.code, f"{document.path} holds a message that is refused: {error.message}"
            ) from None
        # Without a plan, a young one is left to whoever still redelivers it. A control intent never grows
        # too old: here is its only other way to an end.
        is_control = request.kind is IntentClass.CONTROL
        if is_control or record.plan is not None or too_old(request, self._ports):
            await self._runner.take_over(document, request, None, account)


def _may_wait(document: Document) -> bool:
    """Return whether this run may have to wait for the account: one without a plan has no need of it."""
    found = document.content
    return not isinstance(found, Failed) and found.get("state") == "running" and found.get("plan") is not None
