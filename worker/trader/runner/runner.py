"""The life of one intent: claimed once, carried out under a lease, ended in one result."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from trader import tracing
from trader.domain.errors import (
    Failed,
    LeaseLost,
    Rejected,
    Retryable,
    StoreUnavailable,
    Terminal,
    TooLarge,
    TopicUnavailable,
)
from trader.domain.messages import Result
from trader.domain.strategy import AnyStrategy
from trader.intent import AnyIntent, Completed
from trader.ports import Document, Ports
from trader.runner.attempt import EXHAUSTED, Attempt, too_old
from trader.runner.day_start import DayStart
from trader.runner.ending import Ending, ending_of
from trader.runner.telling import Teller
from trader.runs import locks, runs
from trader.runs.decoding import Delivery, Request, decode
from trader.runs.lease import Lease, LeaseWatch
from trader.runs.locks import Taking
from trader.runs.runs import CONTENDED, OwnedRun
from trader.settings import DELIVERY_ATTEMPTS, Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the store or a topic made a delivery go back; no delivery has been served since ``at``."""

    code: str
    message: str
    at: datetime


class Runner:
    """Takes deliveries of intents for one account.

    ``account`` returns the account that this worker serves, or raises Retryable while it isn't known.
    """

    def __init__(
        self,
        ports: Ports,
        intents: Mapping[str, AnyIntent],
        settings: Settings,
        *,
        account: Callable[[], str],
        strategies: Mapping[str, AnyStrategy] | None = None,
        delivery_attempts: int = DELIVERY_ATTEMPTS,
    ) -> None:
        self.ports = ports
        self.intents = intents
        self.strategies = strategies or {}
        self.account = account
        self.teller = Teller(ports, settings.mode)
        self._settings = settings
        self._durations = settings.durations
        self._delivery_attempts = delivery_attempts
        self._day_start = DayStart(ports)
        self._worker = ports.nonce()
        self.watch = LeaseWatch(ports.clock, settings.durations.lease_s, self._worker)
        self._stopping = False
        self.refusal: Refusal | None = None

    async def receive(self, delivery: Delivery) -> None:
        """Carry out what ``delivery`` asks, once.

        Returns when the message may be acknowledged; raises Retryable when it must come again.
        """
        if self._stopping:
            raise Retryable("stopping", "this worker is shutting down; another one takes the message")
        with tracing.continued(delivery.attributes), tracing.span("delivery"):
            account = self.account()
            named = delivery.attributes.get("account")
            if named != account if named is not None else not self._settings.default:
                log.debug("not for this worker")
                return
            try:
                await self._receive(delivery, account)
            except (StoreUnavailable, TopicUnavailable) as error:
                self.refusal = Refusal(error.code, error.message, self.ports.clock.now())
                raise
            self.refusal = None

    async def _receive(self, delivery: Delivery, account: str) -> None:
        try:
            with tracing.span("decode"):
                request = decode(delivery, self.intents, account)
        except Rejected as refusal:
            await self.teller.refuse(delivery, account, refusal)
            return
        with structlog.contextvars.bound_contextvars(run=request.key.text, intent=request.intent.name):
            try:
                await self._claim(request, delivery, account)
            except Terminal as refusal:  # the id is another's, or someone has damaged the run's document
                await self.teller.refuse(delivery, account, refusal)

    def drain(self) -> None:
        """Take nothing more and send no further order; what is under way comes to its end or is put off."""
        self._stopping = True

    async def stop(self) -> None:
        """Take nothing more, and wait for what is still being noted down."""
        self.drain()
        await self.teller.finish()

    async def _claim(self, request: Request, delivery: Delivery, account: str) -> None:
        standing = await self._carried_out(request, delivery, account)
        if standing is None:
            return
        record = runs.read(standing)
        if not request.has(record.fingerprint):
            raise Rejected(
                "id-reused",
                f"this id belongs to a run of {record.intent} with other contents; use a fresh id",
                field="id",
            )
        if record.state != "running":
            await self.teller.tell_again(standing, account)
        elif self.watch.is_dead(standing, record.lease):
            await self.take_over(standing, request, delivery, account)
        else:
            raise Retryable("run-in-progress", "another delivery of this message is being carried out")

    async def _carried_out(self, request: Request, delivery: Delivery, account: str) -> Document | None:
        """Claim the run and carry it out; return the document that stands in its place, if one does."""
        ports, lease = self.ports, self._lease()
        wanted = ports.store, ports.clock, account, request, delivery, lease
        # Sent back once, it stands in the store, where its attempts are counted.
        at_once = request.intent.at_once and delivery.delivery_attempt == 1
        try:
            with tracing.span("claim", run=request.key.text, intent=request.intent.name):
                claimed = (
                    runs.unclaimed(*wanted)
                    if at_once
                    else await runs.create(*wanted, await self._free_account(request, account, lease))
                )
            if not isinstance(claimed, OwnedRun):
                return claimed
            try:
                await self._carry_out(claimed, request, account)
            except LeaseLost:
                if claimed.is_claimed:
                    raise
                return await runs.standing(ports.store, claimed.path)
            return None
        finally:
            self.watch.end(lease.nonce)

    async def take_over(
        self, document: Document, request: Request, delivery: Delivery | None, account: str
    ) -> None:
        """Go on with a run whose lease is dead; ``delivery`` is None when nobody delivered it again."""
        lease = self._lease()
        try:
            try:
                owned = await runs.take_over(self.ports.store, self.ports.clock, document, delivery, lease)
            except Terminal as error:  # it may have sent orders: what is told of it is for its end alone
                raise Retryable(error.code, error.message) from error
            with structlog.contextvars.bound_contextvars(run=request.key.text, intent=request.intent.name):
                await self._carry_out(owned, request, account)
        finally:
            self.watch.end(lease.nonce)

    async def _free_account(self, request: Request, account: str, lease: Lease) -> Taking | None:
        """Return how to take the account along with the claim, if the run needs it and it is free."""
        if not request.needs_account:
            return None
        key, urgent = request.key.text, request.intent.urgent
        return await locks.free(self.ports.store, self.watch, account, key, lease, urgent=urgent)

    def _lease(self) -> Lease:
        lease = Lease(nonce=self.ports.nonce(), worker=self._worker)
        self.watch.begin(lease.nonce)
        return lease

    async def _carry_out(self, owned: OwnedRun, request: Request, account: str) -> None:
        try:
            await self._to_its_end(owned, request, account)
        except Retryable:
            raise
        except Terminal as error:  # it is claimed: from here on nothing but its stored end may be told of it
            raise Retryable(error.code, error.message) from error
        except Exception as error:
            raise _retryable(error) from error

    async def _to_its_end(self, owned: OwnedRun, request: Request, account: str) -> None:
        attempt = owned.record.attempts[-1].n
        is_last = attempt >= self._delivery_attempts
        end: Completed | Terminal
        # What is claimed by its end alone is over as soon as it has begun, and needs no line for each.
        (log.info if owned.is_claimed else log.debug)("started", attempt=attempt)
        work = Attempt(
            self.ports,
            self._settings,
            self.watch,
            account,
            owned,
            request,
            self.strategies,
            lambda: self._stopping,
            self._day_start,
        )
        try:
            # What isn't claimed yet has no lease that could be lost.
            working = self._ended(work)
            end = await (self._under_lease(owned, working) if owned.is_claimed else working)
        except LeaseLost:
            raise
        except Exception as error:
            again = _retryable(error)
            if not is_last:
                log.warning("put off", code=again.code, reason=again.message)
                await owned.release()
                raise again from error
            end = await work.gave_up(_after(attempt, again))
        ending = ending_of(
            end,
            work,
            owned.record,
            request,
            mode=self._settings.mode,
            account=account,
            at=self.ports.clock.now(),
        )
        result = await self._finish(owned, ending, is_last=is_last)
        # The alert policies of infra/alerts look at these names.
        log.info(
            "ended",
            status=result.status.value,
            grade=result.severity.value,
            code=result.reason.code if result.reason else None,
        )
        await self.teller.tell(owned, account)
        if is_last and result.reason and result.reason.code == EXHAUSTED:
            raise Retryable(EXHAUSTED, "the result is told; the message goes to the dead letters")

    async def _ended(self, work: Attempt) -> Completed | Terminal:
        try:
            return await work.run()
        except Terminal as end:
            return await work.stopped(end)

    async def _finish(self, owned: OwnedRun, ending: Ending, *, is_last: bool) -> Result:
        """Store the run's end and return its result: a lesser one where the store won't ever take this one.

        What it may take the next time is left to the next delivery, while there is one that may still act.
        """
        while True:
            try:
                await ending.store(owned)
            except LeaseLost:
                raise
            except Exception as error:
                is_over = is_last or too_old(ending.request, self.ports) is not None
                why = _why_never(error, ending.result.attempt, is_over=is_over)
                lesser = ending.lesser(why) if why else None
                if lesser is None:
                    raise
                log.warning("end not taken", code=lesser.result.reason and lesser.result.reason.code)
                ending = lesser
            else:
                return ending.result

    async def _under_lease(
        self, owned: OwnedRun, work: Coroutine[Any, Any, Completed | Terminal]
    ) -> Completed | Terminal:
        """Do ``work`` while the lease is kept; stop it when the lease is lost."""
        working = asyncio.create_task(work)
        renewing = asyncio.create_task(self._renew(owned))
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                renewing.result()  # raises: renewing ends in no other way
            return working.result()
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)

    async def _renew(self, owned: OwnedRun) -> None:
        lease_s = self._durations.lease_s
        while True:
            await self.ports.clock.sleep(lease_s / 4)
            try:
                await owned.renew()
            except LeaseLost:
                raise
            except Retryable as error:
                log.warning("lease not renewed", code=error.code)
            if self.ports.clock.monotonic() - owned.renewed_at >= lease_s:
                raise LeaseLost("lease-lost", "the store did not renew this run's lease in time")


def _why_never(error: Exception, attempt: int, *, is_over: bool) -> Failed | None:
    """Return why the store won't take an end that it has surely not written; None where it still may.

    ``is_over`` says that no later attempt could do better.
    """
    if isinstance(error, Failed):
        return error if isinstance(error, TooLarge) else None
    if not is_over or (isinstance(error, Retryable) and error.code != CONTENDED):
        return None
    return Failed(EXHAUSTED, _after(attempt, _retryable(error)))


def _after(attempt: int, last: Retryable) -> str:
    return f"gave up after {attempt} deliveries; the last one ended with {last.code}: {last.message}"


def _retryable(error: Exception) -> Retryable:
    if isinstance(error, Retryable):
        return error
    log.error("unexpected error", exc_info=error)
    return Retryable("internal-error", f"{type(error).__name__}; see the worker's log for this run")
