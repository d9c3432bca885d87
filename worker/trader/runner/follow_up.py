"""``then``: which intent a run that has ended starts next."""

from datetime import datetime

from trader.domain.events import Event, intent_event
from trader.domain.status import Status
from trader.domain.wire import JsonObject, Wire
from trader.runs.decoding import Request, follow_up_body


class FollowUpMessage(Wire):
    """The message that a run publishes at its end, as its document keeps it."""

    key: str
    body: JsonObject

    def event(self, account: str, at: datetime) -> Event:
        """Return the intent event, whose id is the run key of the follow-up."""
        return intent_event(self.key, account, at, self.body)


def next_of(request: Request, status: Status) -> FollowUpMessage | None:
    """Return the first item of ``then`` that runs after ``status``, carrying the rest of the list.

    After success that is the first item; after anything else the first with ``"when": "always"``. A dry
    run's follow-ups are dry.
    """
    for n, item in enumerate(request.message.then, start=1):
        terms, body = follow_up_body(item)
        if status is Status.SUCCEEDED or terms.when == "always":
            rest = list(request.message.then[n:])
            return FollowUpMessage(
                key=request.key.follow_up(n),
                body={**body, "dryRun": request.message.dry_run, **({"then": rest} if rest else {})},
            )
    return None
