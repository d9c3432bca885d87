"""A figure, what it is held against, and whether that was reached."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The figures of repeated rounds: their median, and between which they lie."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        return cls(min(figures), median(figures), max(figures))


class Compared(StrEnum):
    """How a figure is held against its floor."""

    MORE = "more"
    """The figure less the floor, in the row's unit."""
    TIMES = "times"
    """The figure over the floor."""
    ITSELF = "itself"
    """The figure alone."""


class Bound(StrEnum):
    """Which side of a mark is good."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Mark:
    """What is to be reached."""

    bound: Bound
    limit: float

    def is_reached(self, figure: float) -> bool:
        return figure <= self.limit if self.bound is Bound.AT_MOST else figure >= self.limit


class Verdict(StrEnum):
    """What became of a row."""

    REACHED = "reached"
    MISSED = "MISSED"
    REPORTED = "reported"
    """It has no mark."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measure beside its floor, both of the same run; figures are in ``unit``."""

    measure: str
    unit: str
    ours: Spread
    beside: str
    floor: Spread | None
    compared: Compared = Compared.TIMES
    mark: Mark | None = None

    @property
    def comparison(self) -> float:
        """The medians compared; without a floor it is the figure alone."""
        if self.floor is None or self.compared is Compared.ITSELF:
            return self.ours.median
        if self.compared is Compared.MORE:
            return self.ours.median - self.floor.median
        return self.ours.median / self.floor.median

    @property
    def verdict(self) -> Verdict:
        if self.mark is None:
            return Verdict.REPORTED
        return Verdict.REACHED if self.mark.is_reached(self.comparison) else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A measure that this machine has no means for."""

    measure: str
    why: str


def alternating(rounds: int, *sides: Callable[[], float], warm_up: bool = True) -> tuple[Spread, ...]:
    """Take a figure of each side in each round, in turned order every second one.

    A first round, with ``warm_up``, doesn't count.
    """
    figures: list[list[float]] = [[] for _ in sides]
    for n in range(0 if warm_up else 1, rounds + 1):
        in_turn = list(enumerate(sides))
        for at, side in in_turn if n % 2 else reversed(in_turn):
            figure = side()
            if n:
                figures[at].append(figure)
    return tuple(Spread.of(found) for found in figures)
