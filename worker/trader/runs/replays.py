"""Dead letters and their runs: which may be done once more, and under the same key."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from trader.domain.errors import Failed, Rejected
from trader.domain.events import FIRST_PUBLISHED, INTENT_TYPE
from trader.domain.messages import Result
from trader.domain.refusal import Refusal
from trader.domain.run_key import SOURCE_PREFIX, RunKey, document_id
from trader.domain.status import Status
from trader.domain.wire import JsonObject, canonical, write_time
from trader.intent import AnyIntent
from trader.plans import StoredPlan
from trader.ports import Clock, Conflict, Document, OutgoingMessage, ReceivedMessage, Store, Topic, Update
from trader.runs import runs
from trader.runs.decoding import Delivery, Request, decode, first_published_at, intent_name
from trader.runs.runs import Replayed, RunRecord
from trader.stored import orderbook

_ALL = 1_000_000
LONGEST_KEPT = 64 * 1024
"""How much JSON of an earlier doing's result, and of its plan, stays beside those of the next one."""

_ADDED = "CloudPubSubDeadLetterSource"
"""How the attributes begin that Pub/Sub adds to a dead letter."""
_PUBLISHED = f"{_ADDED}TopicPublishTime"
_UNSURE = ("account-missing", "run-unknown", "document-damaged")
"""The refusals of a letter of which nobody can say what became of its run."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, and what became of its run; ``refusal`` says why it can't be replayed."""

    id: str
    published_at: datetime
    intent: str | None
    key: RunKey | None
    run: Document | None
    result: Result | None
    refusal: Refusal | None

    @property
    def standing(self) -> str:
        """How its run ended or stands; ``unknown`` where that can't be read, or the run isn't surely its."""
        if self.result:
            return self.result.status.value
        if self.refusal and self.refusal.code in _UNSURE:
            return "unknown"
        return "running" if self.run else "never claimed"

    def to_json(self) -> JsonObject:
        """Return it for programs."""
        return {
            "letter": self.id,
            "publishedAt": write_time(self.published_at),
            "intent": self.intent,
            "run": self.key.text if self.key else None,
            "status": self.standing if self.result or self.standing == "running" else None,
            "code": self.result.reason.code if self.result and self.result.reason else None,
            "refusal": self.refusal.to_json() if self.refusal else None,
        }


class _Claimed:
    """The runs of an account, by the messages that they were claimed with.

    ``damaged`` is the error of one that is: it may have been claimed with any message.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        self._by_letter: dict[str, Document] = {}
        self._by_message: dict[tuple[str, str], Document] = {}
        self._bodies: set[str] = set()
        self.damaged: Failed | None = None
        for document in documents:
            try:
                record = runs.read(document)
                message = runs.delivery_of(document.path, record).message
            except Failed as damaged:
                self.damaged = damaged
                continue
            self._by_letter |= {replayed.letter: document for replayed in record.replays}
            self._by_message[message.data, _instant(message.publish_time)] = document
            self._bodies.add(message.data)

    def of(self, letter: str, body: str, published: str) -> Document | None:
        """Return the run that a message of this body and time began, or that ``letter`` replayed."""
        return self._by_letter.get(letter) or self._by_message.get((body, published))

    def knows(self, body: str) -> bool:
        """Return whether any run was claimed with such a body, whenever that was published."""
        return body in self._bodies


class Replays:
    """Reads dead letters of one account, and has their runs done once more.

    ``takes_unnamed`` says that messages which name no account are surely this one's. Otherwise the run of
    such a letter may be another's, and may have ended well: it is told, and not done again.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        intents: Mapping[str, AnyIntent],
        account: str,
        *,
        takes_unnamed: bool,
    ) -> None:
        self._store = store
        self._clock = clock
        self._intents = intents
        self._account = account
        self._takes_unnamed = takes_unnamed

    async def read(self, messages: Sequence[ReceivedMessage]) -> list[Letter]:
        """Return what is known of each; those of other accounts are left out."""
        ours = [m for m in messages if m.attributes.get("account", self._account) == self._account]
        if not ours:
            return []
        documents = await self._store.query(f"accounts/{self._account}/runs", limit=_ALL)
        claimed = _Claimed(documents)
        return [await self._letter(message, claimed) for message in ours]

    async def replay(self, letter: Letter, message: ReceivedMessage) -> OutgoingMessage:
        """Open the run of ``letter`` again, and return the message that is to be published for it.

        Should that never be published, the run still ends: the next sweep finds it. Raises Rejected where
        the run may not be done once more, as where another letter of the same message has just opened it.
        """
        if letter.refusal or letter.key is None:
            why = letter.refusal or _unreadable("no run key")
            raise Rejected(why.code, why.message)
        now = self._clock.now()
        dead = _delivered(message)
        attributes = {
            **dead.attributes,
            "account": self._account,
            FIRST_PUBLISHED: write_time(first_published_at(dead)),
            "ce-specversion": "1.0",
            "ce-id": letter.key.replay(letter.id),
            "ce-source": SOURCE_PREFIX + self._account,
            "ce-type": INTENT_TYPE,
            "ce-time": write_time(now),
        }
        if letter.run is not None:
            await self._open_again(
                letter.run, letter.id, _delivery(message.data, attributes, letter.id, write_time(now))
            )
        return OutgoingMessage(Topic.INTENTS, message.data, attributes)

    async def _letter(self, message: ReceivedMessage, claimed: _Claimed) -> Letter:
        delivery = _delivered(message)
        if "account" not in delivery.attributes and not self._takes_unnamed:
            return self._unnamed(message, delivery)
        request: Request | None = None
        refusal: Refusal | None = None
        try:
            request = decode(delivery, self._intents, self._account)
        except Rejected as error:
            refusal = _unreadable(error.message)
        key = request.key if request else None
        # The topic's own id of a message is lost on its way here: its run is known by what it was made of.
        body, published = delivery.message.data, delivery.message.publish_time
        document = claimed.of(message.id, body, published)
        if document is None and key is not None:
            document = await self._store.get(runs.path_of(self._account, key.text))
            has_no_other = key.text == f"message/{delivery.message.message_id}"
            if document is None and has_no_other and claimed.knows(body):
                refusal = _UNKNOWN
            elif document is None and has_no_other and claimed.damaged:
                refusal = _damaged(claimed.damaged)
        record: RunRecord | None = None
        try:
            record = runs.read(document) if document else None
            refusal = refusal or (await self._refusal(record, request) if record else None)
        except Failed as damaged:  # this run can't be done once more; another may
            refusal = _damaged(damaged)
        if record and key:
            key = RunKey(record.key, key.requested_at)
        return Letter(
            id=message.id,
            published_at=message.published_at,
            intent=intent_name(delivery),
            key=key,
            run=document,
            result=record.result if record else None,
            refusal=refusal,
        )

    def _unnamed(self, message: ReceivedMessage, delivery: Delivery) -> Letter:
        refusal = Refusal(
            code="account-missing",
            message="expected the attribute account, found none: it is for the account that takes such "
            f"messages; where {self._account} surely does, say so with TRADER_DEFAULT=true",
        )
        return Letter(message.id, message.published_at, intent_name(delivery), None, None, None, refusal)

    async def _refusal(self, record: RunRecord, request: Request | None) -> Refusal | None:
        if record.state == "running" or record.result is None:
            message = (
                "expected a run that has ended, found it under way or being settled; wait for its result"
            )
            return Refusal(code="run-in-progress", message=message)
        if record.state == "ended":
            message = (
                "expected a run whose end is told, with what follows it, found it not told yet; wait for it"
            )
            return Refusal(code="run-in-progress", message=message)
        if request and not request.has(record.fingerprint):
            return Refusal(code="id-reused", message="this id belongs to a run with other contents")
        if record.result.status is not Status.FAILED:
            found = record.result.status
            return Refusal(
                code="run-not-failed",
                message=f"expected a run that failed, found it {found}; publish a new message instead",
            )
        for reference in sorted(plan_of(record).references):
            kept = await orderbook.find_order(self._store, self._account, reference)
            if kept is None or kept.value.state != "ended":
                standing = kept.value.standing.value if kept else "missing"
                return Refusal(
                    code="orders-open",
                    message=f"expected all orders of the run at their end, found {reference} {standing}; "
                    "`trade-reconciliation` settles what can be settled",
                )
        return None

    async def _open_again(self, document: Document, letter: str, delivery: Delivery) -> None:
        record = runs.read(document)
        replayed = Replayed(at=self._clock.now(), letter=letter, result=_kept(runs.end_of(record)))
        number = len(record.replays) + 1
        fresh = record.model_copy(
            update={
                "state": "running",
                "lease": None,
                "delivery": delivery.model_dump(mode="json", by_alias=True),
                "requested_at": self._clock.now(),
                "attempts": (),
                "plan": _set_aside(plan_of(record), number).to_json() if record.plan else None,
                "result": None,
                "follow_up": None,
                "replays": (*record.replays, replayed),
            }
        )
        try:
            await self._store.commit([Update(document.path, fresh.to_json(), document.version)])
        except Conflict:
            raise Rejected(
                "run-in-progress",
                f"expected the run {record.key} as it was read, found it changed; look again",
            ) from None


def plan_of(record: RunRecord) -> StoredPlan:
    """Return a run's plan, an empty one where it came to none; raises Failed for a damaged one."""
    try:
        return StoredPlan.model_validate(record.plan) if record.plan else StoredPlan()
    except ValidationError:
        raise Failed(
            "document-damaged", f"expected a plan in the run {record.key}, found it damaged; mend it by hand"
        ) from None


def _kept(result: Result) -> Result:
    """Return the end of an earlier doing, which was told; a long one without what it found."""
    is_long = len(canonical(result.to_json())) > LONGEST_KEPT
    return result.model_copy(update={"outcome": None, "orders": ()}) if is_long else result


def _set_aside(plan: StoredPlan, number: int) -> StoredPlan:
    """Return the plan of an earlier doing, set aside; a long one without what was decided in it."""
    aside = plan.set_aside(number)
    return aside.without_decisions() if len(canonical(aside.to_json())) > LONGEST_KEPT else aside


def _delivery(data: bytes, attributes: Mapping[str, str], message_id: str, published: str) -> Delivery:
    content = {"data": base64.b64encode(data).decode(), "attributes": dict(attributes)}
    return Delivery.model_validate(
        {"message": {**content, "messageId": message_id, "publishTime": published}}
    )


def _delivered(message: ReceivedMessage) -> Delivery:
    """Return a dead letter as it was delivered before: with its own attributes and its own time.

    Its own id is lost. In place of it stands one that is made of what is left, since the same message may
    come to lie among the dead letters twice, under two ids.
    """
    own = {name: value for name, value in message.attributes.items() if not name.startswith(_ADDED)}
    published = _instant(message.attributes.get(_PUBLISHED) or write_time(message.published_at))
    made_of = f"{published}/{base64.b64encode(message.data).decode()}"
    return _delivery(message.data, own, document_id(made_of), published)


def _instant(time: str) -> str:
    """Return ``time`` in one spelling, or as it is where it can't be read."""
    try:
        return write_time(datetime.fromisoformat(time))
    except ValueError:
        return time


_UNKNOWN = Refusal(
    code="run-unknown",
    message="expected the run of this message, found others of the same contents, and none that is surely "
    "its; publish the intent anew if you know that it never ran",
)


def _damaged(run: Failed) -> Refusal:
    return Refusal(code=run.code, message=run.message)


def _unreadable(why: str) -> Refusal:
    return Refusal(code="unreadable", message=f"expected a message that a worker understands: {why}")
