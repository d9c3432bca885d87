"""What a strategy is: a name, its parameters, the bars it needs, and one pure decision."""

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from trader.domain.errors import Rejected
from trader.domain.instruments import Instrument
from trader.domain.market import Bar, BarSize
from trader.domain.targets import Target
from trader.domain.wire import Wire


@dataclass(frozen=True, slots=True)
class BarsNeeded:
    """Bars of regular hours over the last ``days`` sessions."""

    instrument: Instrument
    size: BarSize
    days: int


Bars = Mapping[BarsNeeded, Sequence[Bar]]
"""Finished bars that have passed the data gate, oldest first, by what asked for them."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a strategy wants, and the figures it was led by, for the record."""

    targets: tuple[Target, ...]
    indicators: Mapping[str, float]


P = TypeVar("P", bound=Wire)


@dataclass(frozen=True, slots=True)
class Strategy(Generic[P]):
    """One strategy; each module of ``trader.strategies`` exposes one of these as ``STRATEGY``.

    ``decide`` is pure and takes too few bars, or none, as a reason to Hold.
    """

    id: str
    parameters: type[P]
    needs: Callable[[P], tuple[BarsNeeded, ...]]
    decide: Callable[[Bars, P], Decision]

    @property
    def description(self) -> str:
        """The module's own docstring, as one line."""
        return " ".join((sys.modules[self.decide.__module__].__doc__ or "").split())


AnyStrategy = Strategy[Any]


def unknown_strategy(name: str, known: Iterable[str]) -> Rejected:
    """Return the refusal of a message that names a strategy which isn't among the ``known`` ones."""
    there = list(known)
    near = difflib.get_close_matches(name, there, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(there)}"
    message = f"expected strategies that exist, found {name!r}; {hint}"
    return Rejected("unknown-strategy", message, field="strategies")
