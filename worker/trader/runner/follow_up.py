"""Which message a run that has ended publishes: what it has left undone, or the next of ``then``."""

from datetime import datetime

from trader.domain.events import Event, intent_event
from trader.domain.messages import Command
from trader.domain.status import Status
from trader.domain.wire import JsonObject, Wire
from trader.runs.decoding import Request, follow_up_body


class FollowUpMessage(Wire):
    """The message that a run publishes at its end, as its document keeps it."""

    key: str
    body: JsonObject

    def event(self, account: str, at: datetime, first_published_at: datetime) -> Event:
        """Return the intent event, whose id is the run key of the follow-up."""
        return intent_event(self.key, account, at, self.body, first_published_at=first_published_at)


def rest_of(request: Request, status: Status, left: Command) -> FollowUpMessage | None:
    """Return the message that carries out ``left``, which the run of ``request`` had no time for.

    It is the same message with another command, and the last of these runs goes on with ``then``: where
    this one did not succeed, with what runs always. While an order is in doubt nothing goes on.
    """
    if status is Status.UNRESOLVED:
        return None
    then = tuple(item for item in request.message.then if status is Status.SUCCEEDED or _runs_always(item))
    message = request.message.model_copy(update={"id": None, "then": then})
    kept = message.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return FollowUpMessage(key=request.key.continuation(), body={**kept, **left.to_json()})


def next_of(request: Request, status: Status) -> FollowUpMessage | None:
    """Return the first item of ``then`` that runs after ``status``, carrying the rest of the list.

    After success that is the first item; after anything else the first with ``"when": "always"``. A dry
    run's follow-ups are dry.
    """
    for n, item in enumerate(request.message.then, start=1):
        _, body = follow_up_body(item)
        if status is Status.SUCCEEDED or _runs_always(item):
            rest = list(request.message.then[n:])
            account = request.message.account  # what comes after it may name it too
            return FollowUpMessage(
                key=request.key.follow_up(n),
                body={
                    **body,
                    **({"account": account} if account else {}),
                    "dryRun": request.message.dry_run,
                    **({"then": rest} if rest else {}),
                },
            )
    return None


def _runs_always(item: JsonObject) -> bool:
    terms, _ = follow_up_body(item)
    return terms.when == "always"
