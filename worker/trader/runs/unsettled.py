"""The runs that a worker can't be taken away from: somebody works on them, or a plan of theirs has no end."""

from pydantic import Field

from trader.domain.wire import Time, Wire
from trader.ports import Store
from trader.runs import runs
from trader.runs.lease import LeaseWatch


class Unsettled(Wire):
    """One such run."""

    key: str
    intent: str
    since: Time
    what: str = Field(description="Why it isn't settled.")


async def unsettled(store: Store, watch: LeaseWatch, account: str) -> tuple[Unsettled, ...]:
    """Return them, as far as ``watch`` can tell by now; raises Failed for a damaged document.

    A run without a plan has sent nothing: once its lease is dead, or given back, its message's next delivery
    begins it anew.
    """
    found = []
    for document in await runs.in_state(store, account, "running"):
        record = runs.read(document)
        if not watch.is_dead(document, record.lease):
            what = "somebody works on it"
        elif record.plan is not None:
            what = "its plan was left half-way; a worker takes it over within a minute or two"
        else:
            continue
        since = record.attempts[0].at if record.attempts else record.requested_at  # replayed, not begun yet
        found.append(Unsettled(key=record.key, intent=record.intent, since=since, what=what))
    return tuple(found)
