"""Whether the account may trade: active, closing only, or not at all."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from trader.domain.refusal import Refusal
from trader.domain.wire import Time, Wire


class TradingState(StrEnum):
    """What orders may go out; the values are those of the message field ``state``.

    In a hurry people write it as they know it, so ``halt`` (the command line's word), ``HALTED`` and
    ``REDUCE_ONLY`` are understood too.
    """

    ACTIVE = "active"
    REDUCE_ONLY = "reduce-only"
    HALTED = "halted"

    @classmethod
    def _missing_(cls, value: object) -> "TradingState | None":
        word = str(value).lower().replace("_", "-")
        return next((state for state in cls if state.value == word), cls.HALTED if word == "halt" else None)

    def is_tighter_than(self, other: "TradingState") -> bool:
        """Return whether this state allows less."""
        order = list(TradingState)
        return order.index(self) > order.index(other)


class StateRecord(Wire):
    """The trading state as it is stored; no record at all means HALTED."""

    state: TradingState
    changed_at: Time = Field(description="When it was last set, also if to the same state.")
    reason: str | None = None
    by: str = Field("", description="Who set it: a run's key, or the person at `trader state`.")


def state_of(record: StateRecord | None) -> TradingState:
    """Return the state that holds: without a record nothing is allowed."""
    return record.state if record else TradingState.HALTED


def decide_state(
    current: StateRecord | None,
    wanted: TradingState,
    *,
    published_at: datetime,
    at: datetime,
    reason: str | None = None,
    by: str = "",
) -> StateRecord | Refusal:
    """Return the record to store at ``at`` for a wish first published at ``published_at``, or a refusal.

    A tighter state wins at once, however old its message. A looser one counts only if it was published
    after the last change, so that a delayed ACTIVE can't undo a HALTED, neither as a follow-up nor as a
    replay: both are as old as what they come from. Setting the same state again renews the time: an ACTIVE
    sent before the second of two halts doesn't count either.
    """
    loosens = state_of(current).is_tighter_than(wanted)
    if current and loosens and published_at <= current.changed_at:
        return Refusal(
            code="state-not-newer",
            message=f"expected a message from after the last change at {current.changed_at.isoformat()}, "
            f"found {wanted} of {published_at.isoformat()}; the state stays {current.state}, send it again",
        )
    changed_at = max(at, current.changed_at) if current else at
    return StateRecord(state=wanted, changed_at=changed_at, reason=reason, by=by)
