"""One attempt at a run: what its class needs before it may work, then its handler."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial

from trader import tracing
from trader.domain.errors import Expired, Failed, OutcomeUnknown, Retryable, Terminal
from trader.domain.orders import OrderReport
from trader.domain.status import IntentClass
from trader.domain.strategy import AnyStrategy
from trader.execution.dry_run import DryRun
from trader.execution.execution import Execution
from trader.intent import GOOD_FOR, Completed, Run, Trading
from trader.ports import Ports, Write
from trader.runner.day_start import DayStart
from trader.runs import locks
from trader.runs.decoding import Request
from trader.runs.lease import LeaseWatch
from trader.runs.locks import AccountLock
from trader.runs.runs import OwnedRun
from trader.settings import Settings

EXHAUSTED = "retries-exhausted"
"""The code of a run whose deliveries have run out; its message goes to the dead letters."""


class Attempt:
    """Carries a run out once; ``run`` raises a TraderError for any end but completion."""

    def __init__(
        self,
        ports: Ports,
        settings: Settings,
        watch: LeaseWatch,
        account: str,
        owned: OwnedRun,
        request: Request,
        strategies: Mapping[str, AnyStrategy],
        stopping: Callable[[], bool],
        day_start: DayStart,
    ) -> None:
        self._day_start = day_start
        self._ports = ports
        self._settings = settings
        self._watch = watch
        self._account = account
        self._owned = owned
        self._request = request
        self._strategies = strategies
        self._stopping = stopping
        self._execution: Execution | None = None

    @property
    def writes(self) -> Sequence[Write]:
        """What is to be written together with the run's end."""
        return self._execution.writes if self._execution else ()

    async def run(self) -> Completed:
        """Do what the run's class needs, then let the handler work until HANDLER is over."""
        request, intent = self._request, self._request.intent
        expired = too_old(request, self._ports)
        if expired and self._owned.record.plan is None:
            raise expired
        deadline = self._ports.clock.monotonic() + self._settings.durations.handler_s
        trading = await self._desk(may_send=expired is None, deadline=deadline)
        if request.kind is not IntentClass.CONTROL and not request.message.dry_run:
            await self._day_start.note(self._account, request.key.text)
        run = Run(
            key=request.key.text,
            account=self._account,
            mode=self._settings.mode,
            dry_run=request.message.dry_run,
            first_published_at=request.first_published_at,
            requested_at=request.key.requested_at,
            settle_s=self._settings.durations.settle_s,
            deadline=deadline,
            still_free=partial(locks.still_free, self._ports.store, self._account),
            strategies=self._strategies,
            trading=trading,
            replays=len(self._owned.record.replays),
        )
        try:
            # A handler stops by itself at the deadline; a while later it is stopped.
            async with asyncio.timeout(self._settings.durations.handler_s * 1.1):
                with tracing.span("handler", run=run.key, intent=intent.name):
                    return await intent.handle(request.command, run, self._ports)
        except TimeoutError:
            limit = f"{self._settings.durations.handler_s:g} s"
            raise Retryable("handler-deadline", f"{intent.name} was not done within {limit}") from None

    @property
    def orders(self) -> tuple[OrderReport, ...]:
        """Where the run's orders stand, for a result that its handler didn't come to give."""
        return self._execution.orders if self._execution else ()

    @property
    def postponed(self) -> Collection[str]:
        """References of orders that were left for want of time, after others of the run had gone."""
        return self._execution.postponed if self._execution else ()

    async def stopped(self, end: Terminal) -> Terminal:
        """Return the end of a run whose handler ``end`` has stopped."""
        return end if self._owned.record.plan is None else await self._left(self._planned().stopped(end))

    async def gave_up(self, why: str) -> Terminal:
        """Return the end of a run whose deliveries have run out."""
        if self._owned.record.plan is None:
            return Failed(EXHAUSTED, why)
        return await self._left(self._planned().gave_up(why))

    async def _left(self, end: Awaitable[Terminal]) -> Terminal:
        """Return how a run with a plan ends; where that can't be read, its orders may stand or not."""
        try:
            return await end
        except Terminal as damaged:
            return OutcomeUnknown(damaged.code, damaged.message)

    def _planned(self) -> Execution:
        """Return what looks after the orders of a stored plan, where the account was never had as well."""
        if self._execution is None:
            self._execution = self._executing(may_send=False, deadline=0.0)
        return self._execution

    def _executing(self, *, may_send: bool, deadline: float) -> Execution:
        return Execution(
            self._ports,
            self._settings,
            self._account,
            self._owned,
            may_send=may_send,
            deadline=deadline,
            good_until=good_until(self._request),
            stopping=self._stopping,
        )

    async def _desk(self, *, may_send: bool, deadline: float) -> Trading | None:
        request, ports = self._request, self._ports
        if request.kind is IntentClass.CONTROL:
            return None
        if request.kind is IntentClass.READING:
            if request.intent.asks_broker:
                ports.broker.require_ready()
            return None
        if not request.needs_account:
            ports.broker.require_ready()
            return await DryRun.open(ports, self._account)
        if self._owned.account_lock is None:  # it wasn't free when the run was claimed
            self._owned.account_lock = await self._acquire(deadline)
        self._execution = self._executing(may_send=may_send, deadline=deadline)
        ports.broker.require_ready()
        await self._execution.open()
        return self._execution

    async def _acquire(self, deadline: float) -> AccountLock:
        lease = self._owned.record.lease
        assert lease is not None  # noqa: S101 - an owned run has one
        return await locks.acquire(
            self._ports.store,
            self._ports.clock,
            self._watch,
            self._account,
            self._owned.record.key,
            lease,
            urgent=self._request.intent.urgent,
            # A run that gets the account at the last moment could only report that no time was left.
            until=deadline - self._settings.durations.handler_s / 2,
        )


def good_until(request: Request) -> datetime | None:
    """Return until when ``request`` may be acted on, each of its orders included; None is for ever."""
    good_for = GOOD_FOR[request.kind]
    if request.message.expires_at is not None or good_for is None:
        return request.message.expires_at
    return request.key.requested_at + good_for


def too_old(request: Request, ports: Ports) -> Expired | None:
    """Return why ``request`` is too old to be acted on, or None."""
    limit = good_until(request)
    now = ports.clock.now()
    if limit is None or now <= limit:
        return None
    late = f"{(now - limit).total_seconds():.0f} s ago"
    return Expired("too-old", f"was good until {limit:%Y-%m-%d %H:%M:%S} UTC, {late}; send it anew")
