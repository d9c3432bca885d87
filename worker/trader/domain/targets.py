"""What a strategy wants of an instrument: a weight, nothing of it, or no change."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from trader.domain.instruments import Instrument


@dataclass(frozen=True, slots=True)
class Weight:
    """Hold this part of the strategy's capital, below 0 for short; the only target that opens anything.

    ``value`` is from -1 to 1 and never 0, which is Flat.
    """

    instrument: Instrument
    value: Decimal

    def __post_init__(self) -> None:
        if not self.value.is_finite() or self.value == 0 or abs(self.value) > 1:
            raise ValueError(f"expected a weight from -1 to 1 other than 0, found {self.value}; 0 is Flat")


@dataclass(frozen=True, slots=True)
class Flat:
    """Hold nothing; the only target that closes."""

    instrument: Instrument


@dataclass(frozen=True, slots=True)
class Hold:
    """Change nothing, and say why; whatever fails, is stale or says nothing comes to this."""

    instrument: Instrument
    reason: str


Target = Weight | Flat | Hold


def as_configured(targets: Iterable[Target], *, exposed: bool, allow_short: bool) -> tuple[Target, ...]:
    """Return ``targets`` within what the configuration lets their strategy do.

    Without exposure (a fraction of 0) every instrument is Flat, also one the strategy would hold: a person
    who takes a strategy's exposure away wants its holdings closed now, not at its next signal. Without
    shorting, a weight below 0 is Flat.
    """
    return tuple(_bounded(target, exposed=exposed, allow_short=allow_short) for target in targets)


def _bounded(target: Target, *, exposed: bool, allow_short: bool) -> Target:
    short = isinstance(target, Weight) and target.value < 0
    return Flat(target.instrument) if not exposed or (short and not allow_short) else target
