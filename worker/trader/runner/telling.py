"""Results told to the world: published from the run's document, again if need be."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from pydantic import ValidationError

from trader import tracing
from trader.domain.errors import Retryable, Terminal
from trader.domain.events import Event, alert_event, result_event
from trader.domain.messages import Reason, Result
from trader.domain.run_key import message_key
from trader.domain.status import Mode, Severity, Status
from trader.domain.wire import JsonObject
from trader.ports import Conflict, Document, OutgoingMessage, Ports, Topic, Update
from trader.runner.follow_up import FollowUpMessage
from trader.runs import runs
from trader.runs.decoding import Delivery, first_published_at, intent_name, is_dry_run
from trader.runs.runs import OwnedRun, RunRecord

log = structlog.get_logger(__name__)

SEVERITY = {
    Status.SUCCEEDED: Severity.INFO,
    Status.SKIPPED: Severity.INFO,
    Status.REJECTED: Severity.WARNING,
    Status.EXPIRED: Severity.WARNING,
    Status.FAILED: Severity.WARNING,
    Status.UNRESOLVED: Severity.CRITICAL,
}


def reason_of(end: Terminal) -> Reason:
    """Return why an intent ended, as a result says it."""
    return Reason(code=end.code, message=end.message, field=end.field)


class Teller:
    """Publishes results and follow-ups; each raises TopicUnavailable, and the document still has them."""

    def __init__(self, ports: Ports, mode: Mode) -> None:
        self._ports = ports
        self._mode = mode
        self._background: set[asyncio.Task[None]] = set()

    async def tell(self, owned: OwnedRun, account: str) -> None:
        """Publish the end that ``owned`` has just stored."""
        await self._publish_end(owned.record, owned.data, owned.path, account)
        # Only spares the sweeper a repetition, so that the acknowledgement need not wait for it.
        self._later(owned.reported())

    async def tell_again(self, document: Document, account: str) -> None:
        """Publish the stored result of a run that has ended, under its next number.

        Raises Failed for a damaged document, of which nothing is counted nor told.
        """
        record = runs.read(document)
        _end_of(record, document.path)
        record = record.model_copy(update={"publications": record.publications + 1})
        store, clock, data = self._ports.store, self._ports.clock, record.to_json()
        try:
            (version,) = await store.commit([Update(document.path, data, document.version)])
        except Conflict:
            raise Retryable("run-in-progress", "another delivery of this message is being answered") from None
        await self._publish_end(record, data, document.path, account)
        if record.state == "ended":
            told = OwnedRun(store, document.path, version, record, clock, since=clock.monotonic())
            self._later(told.reported())
        log.info("told again", publication=record.publications)

    async def refuse(self, delivery: Delivery, account: str, refusal: Terminal) -> None:
        """Publish a refusal before any claim: it uses no id up, and is told under the message's own."""
        now = self._ports.clock.now()
        # The key may be the very one that is taken: then only the topic's id tells the two apart.
        attributes = {} if refusal.code == "id-reused" else delivery.attributes
        result = Result(
            id=message_key(delivery.message.message_id, attributes),
            intent=intent_name(delivery),
            status=refusal.status,
            severity=SEVERITY[refusal.status],
            dry_run=is_dry_run(delivery),
            mode=self._mode,
            account=account,
            reason=reason_of(refusal),
            requested_at=now,
            started_at=now,
            finished_at=now,
            attempt=delivery.delivery_attempt or 1,
        )
        log.warning("refused", code=refusal.code, field=refusal.field)
        await self._publish(Topic.RESULTS, result_event(result, result.attempt))

    async def finish(self) -> None:
        """Wait for what is still being noted down."""
        await asyncio.gather(*self._background)

    async def _publish_end(self, record: RunRecord, data: JsonObject, path: str, account: str) -> None:
        result, follow_up = _end_of(record, path)
        stored = data["result"]
        assert isinstance(stored, dict)  # noqa: S101 - a record that has ended has one
        for n, alert in enumerate(record.alerts, start=1):
            await self._publish(Topic.RESULTS, alert_event(alert, record.key, n))
        await self._publish(Topic.RESULTS, result_event(result, record.publications, stored))
        if follow_up is not None:
            first = first_published_at(runs.delivery_of(path, record))
            await self._publish(Topic.INTENTS, follow_up.event(account, result.finished_at, first))

    async def _publish(self, topic: Topic, event: Event) -> None:
        with tracing.span("publish", topic=topic.value, type=event.type):
            attributes = {**event.attributes(), **tracing.context()}
            await self._ports.publisher.publish(OutgoingMessage(topic, event.body(), attributes))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _end_of(record: RunRecord, path: str) -> tuple[Result, FollowUpMessage | None]:
    """Return what a run that has ended is to publish; raises Failed where somebody has damaged it."""
    result = runs.end_of(record)
    if record.follow_up is None or record.state != "ended":
        return result, None
    try:
        return result, FollowUpMessage.model_validate(record.follow_up)
    except ValidationError as error:
        raise runs.damaged(path, error, "followUp") from None
