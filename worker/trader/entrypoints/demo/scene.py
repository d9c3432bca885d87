"""What a step of the demo is made of, what it is judged by, and how it breaks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trader.domain.ledger import BookedFill
from trader.domain.messages import Result
from trader.domain.status import Status
from trader.domain.wire import JsonObject
from trader.entrypoints.cli.told import Told


class Broken(Exception):
    """A step that did not end as promised: one line."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A result, those of the steps before it, and what the store has by then.

    ``booked`` is every fill of the account, ``attempts`` how often the result's run was taken up, and
    ``heard`` everything that was told since the demo began.
    """

    told: Told
    before: Sequence[Told] = ()
    booked: Sequence[BookedFill] = ()
    attempts: int = 1
    heard: Sequence[Told] = ()

    @property
    def result(self) -> Result:
        """The result; raises Broken when something else was told."""
        if self.told.result is None:
            raise Broken(f"expected a result, found an event of type {self.told.type}")
        return self.told.result

    @property
    def outcome(self) -> dict[str, Any]:
        """What the result reports; raises Broken when it reports nothing."""
        if self.result.outcome is None:
            raise Broken("expected an outcome, found none")
        return dict(self.result.outcome)


@dataclass(frozen=True, slots=True)
class Step:
    """One message; ``body`` is given the time, ``shows`` says what a person learns from its result.

    ``shows`` raises Broken when the result isn't as promised; the message is then sent again for up to
    ``within_s``. While this step is under way, ``killed_at`` is played, and then the worker is killed. ``at``
    is when it is published, where a day is rehearsed.
    """

    body: Callable[[datetime], JsonObject]
    status: Status
    shows: Callable[[Scene], str]
    code: str | None = None
    within_s: float = 0.0
    killed_at: "Step | None" = None
    at: datetime | None = None

    def verify(self, scene: Scene) -> str:
        """Return what ``scene`` shows; raises Broken."""
        reason = scene.result.reason
        wanted = _end(self.status, self.code)
        found = _end(scene.result.status, reason.code if reason else None)
        if found != wanted:
            raise Broken(f"expected {wanted}, found {found}")
        return self.shows(scene)

    def holds(self, scene: Scene) -> bool:
        """Return whether ``scene`` is as promised."""
        try:
            self.verify(scene)
        except Broken:
            return False
        return True


def verify_told_again(scene: Scene) -> None:
    """Raise Broken unless this is the result before, told once more and unchanged."""
    told, first = scene.told, scene.before[-1]
    if told.publication != 2 or told.data != first.data:
        raise Broken(f"expected the result of {first.id} told again as #2, found {told.id}")


def _end(status: Status, code: str | None) -> str:
    return f"{status}: {code}" if code else status.value


@dataclass(frozen=True, slots=True)
class Act:
    """Steps that are played one after another on one stack, which ``arguments`` of `trader dev` make.

    ``configuration`` returns what the account is to have instead of the sample, None for that.
    """

    name: str
    arguments: Sequence[str]
    steps: Sequence[Step]
    configuration: Callable[[str], JsonObject] | None = None
