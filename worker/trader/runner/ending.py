"""How a run ends: its one result, what is written and told with it, and less of that where it isn't taken."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from trader.domain.errors import Failed, OutcomeUnknown, Terminal, TooLarge
from trader.domain.events import Alert
from trader.domain.messages import Command, Result
from trader.domain.status import Mode, Status, worst
from trader.execution.verdict import verdict
from trader.intent import Completed
from trader.ports import Write
from trader.runner.attempt import Attempt
from trader.runner.follow_up import FollowUpMessage, next_of, rest_of
from trader.runner.telling import SEVERITY, reason_of
from trader.runs import runs
from trader.runs.decoding import Request
from trader.runs.runs import OwnedRun, RunRecord


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of one run. ``booked`` is what its orders have come to, ``writes`` is what its handler adds."""

    request: Request
    result: Result
    left: Command | None
    booked: tuple[Write, ...]
    writes: tuple[Write, ...]
    alerts: tuple[Alert, ...]
    has_plan: bool
    keeps_decisions: bool = True
    goes_on: bool = True

    @property
    def follow_up(self) -> FollowUpMessage | None:
        """The message that this end publishes: what the run has left undone, or the next of ``then``."""
        if not self.goes_on:
            return None
        status = self.result.status
        rest = rest_of(self.request, status, self.left) if self.left else None
        return rest or next_of(self.request, status)

    async def store(self, owned: OwnedRun) -> None:
        """Write it durably; raises what the store raises."""
        follow_up = self.follow_up
        body = follow_up.to_json() if follow_up else None
        also = (*self.booked, *self.writes)
        await owned.finish(self.result, body, also, self.alerts, keeps_decisions=self.keeps_decisions)

    def lesser(self, why: Failed) -> "Ending | None":
        """Return this end as failed with ``why``, and with less in it; None where there is no less.

        First what makes the run's own document too large; only then what was to be written, and with it what
        tells of that.
        """
        result = self.result
        is_large = isinstance(why, TooLarge) and why.path == runs.path_of(result.account, result.id)
        if is_large and result.outcome is not None:
            return replace(self, result=_failed(result, why, "its outcome isn't kept"))
        if is_large and result.orders:
            where = f"its {len(result.orders)} orders are told in their own documents only"
            fewer = result.model_copy(update={"orders": ()})
            return replace(self, result=_failed(fewer, why, where))
        if is_large and self.has_plan and self.keeps_decisions:
            return replace(
                self, result=_failed(result, why, "its decisions aren't kept"), keeps_decisions=False
            )
        if self.writes or (is_large and self.alerts):
            what = "nothing of what it found is written down"
            return replace(self, result=_failed(result, why, what), writes=(), alerts=())
        if self.booked:
            what = "what its orders have come to is left for the next trading run to settle"
            return replace(self, result=_failed(result, why, what), booked=())
        if result.outcome is not None:
            return replace(self, result=_failed(result, why, "its outcome isn't kept"))
        if is_large and self.follow_up is not None:
            what = "what should follow it is not published"
            return replace(self, result=_failed(result, why, what), goes_on=False)
        return None


def ending_of(
    end: Completed | Terminal,
    work: Attempt,
    record: RunRecord,
    request: Request,
    *,
    mode: Mode,
    account: str,
    at: datetime,
) -> Ending:
    """Return how the run ends, from what its handler reports or what stopped it."""
    completed = end if isinstance(end, Completed) else None
    failure = _failure_of(end, work.postponed) if isinstance(end, Completed) else end
    status = failure.status if failure else Status.SUCCEEDED
    result = Result(
        id=record.key,
        intent=request.intent.name,
        status=status,
        severity=worst(SEVERITY[status], completed.severity if completed else None),
        dry_run=request.message.dry_run,
        mode=mode,
        account=account,
        reason=reason_of(failure) if failure else None,
        outcome=completed.outcome.to_json() if completed else None,
        orders=completed.orders if completed else work.orders,
        requested_at=record.requested_at,
        started_at=record.attempts[0].at,
        finished_at=at,
        attempt=record.attempts[-1].n,
    )
    return Ending(
        request=replace(request, key=request.key.again(len(record.replays))),
        result=result,
        left=_left(completed, request, work.postponed) if completed else None,
        booked=tuple(work.writes),
        writes=completed.writes if completed else (),
        alerts=completed.alerts if completed else (),
        has_plan=record.plan is not None,
    )


def _left(completed: Completed, request: Request, postponed: Collection[str]) -> Command | None:
    """Return what is left for want of time: orders that were not sent are decided on anew."""
    return request.command if postponed else completed.rest


def _failure_of(completed: Completed, postponed: Collection[str]) -> Terminal | None:
    """Return why a handler's end isn't success; what is in doubt comes before everything else."""
    judged = verdict([order for order in completed.orders if order.reference not in postponed])
    return judged if isinstance(judged, OutcomeUnknown) else completed.failure or judged


def _failed(result: Result, why: Failed, what: str) -> Result:
    """Return ``result`` without its outcome, as failed with ``why``.

    One that hasn't succeeded keeps its status and its code: an order in doubt, and what went wrong at the
    broker, weigh more than what couldn't be written down.
    """
    own = result.reason or reason_of(why)
    status = result.status if result.reason else why.status
    said = own.message if why.message in own.message else f"{own.message}; {why.message}"
    return result.model_copy(
        update={
            "status": status,
            "severity": worst(SEVERITY[status], result.severity),
            "reason": own.model_copy(update={"message": f"{said}; {what}"}),
            "outcome": None,
        }
    )
