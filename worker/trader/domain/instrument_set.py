"""Instruments that are fetched together, and the chains of futures and options that one name stands for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from trader.domain.errors import Rejected
from trader.domain.instrument_text import read_instrument
from trader.domain.instruments import Contract, Instrument, Right


@dataclass(frozen=True, slots=True)
class InstrumentSet:
    """Instruments in an order of their own, each once; at least one."""

    instruments: tuple[Instrument, ...]

    def __post_init__(self) -> None:
        if not self.instruments:
            raise ValueError("expected at least one instrument, found none")
        twice = sorted({str(each) for each in self.instruments if self.instruments.count(each) > 1})
        if twice:
            raise ValueError(f"expected each instrument once, found {', '.join(twice)} more than once")

    @classmethod
    def of(cls, names: Iterable[str]) -> "InstrumentSet":
        """Return the instruments of these names; raises ValueError, one line, for what names none."""
        return cls(tuple(read_instrument(name) for name in names))

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self.instruments)

    def __len__(self) -> int:
        return len(self.instruments)


@dataclass(frozen=True, slots=True)
class FutureChain:
    """The months of one future, the nearest first, and their continuous series (sec_type CONTFUT).

    The series has bars and a price; what is ordered in its place is ``lead``, the month that it stands for.
    """

    contracts: tuple[Contract, ...]
    continuous: Contract

    @classmethod
    def of(cls, contracts: Iterable[Contract], continuous: Contract) -> "FutureChain":
        """Return the chain of these months; raises Rejected for one without an expiry."""
        return cls(tuple(sorted(contracts, key=expiry_of)), continuous)

    def front(self, on: date) -> Contract:
        """Return the nearest month that is still traded on that date of its exchange."""
        return self._alive(on, 0, "a month that is still traded")

    def next(self, on: date) -> Contract:
        """Return the month after the front one."""
        return self._alive(on, 1, "a month after the front one")

    @property
    def lead(self) -> Contract:
        """The month that most trade, as the broker's continuous series has it."""
        found = [each for each in self.contracts if each.con_id == self.continuous.con_id]
        if not found:
            raise _unknown(f"the month of {self.continuous} that most trade", self.contracts)
        return found[0]

    def month(self, contract_month: str) -> Contract:
        """Return the month of that name, such as 202612."""
        found = [each for each in self.contracts if each.contract_month == contract_month]
        if len(found) != 1:
            raise _unknown(f"one contract of the month {contract_month}", found or self.contracts)
        return found[0]

    def _alive(self, on: date, place: int, what: str) -> Contract:
        alive = [each for each in self.contracts if expiry_of(each) >= on]
        if len(alive) <= place:
            raise _unknown(f"{what} on {on}", self.contracts)
        return alive[place]


@dataclass(frozen=True, slots=True)
class OptionChain:
    """Options by expiry, strike and right, in this order; a filter gives a smaller chain, or an empty one."""

    contracts: tuple[Contract, ...]

    @classmethod
    def of(cls, contracts: Iterable[Contract]) -> "OptionChain":
        """Return the chain of these options; raises Rejected for a contract that is none."""
        return cls(tuple(sorted(contracts, key=_place)))

    @property
    def expiries(self) -> tuple[date, ...]:
        """The last trading days, the nearest first."""
        return tuple(sorted({expiry_of(each) for each in self.contracts}))

    @property
    def strikes(self) -> tuple[Decimal, ...]:
        """The strikes, the lowest first."""
        return tuple(sorted({_place(each)[1] for each in self.contracts}))

    def expiring(self, first: date, last: date | None = None) -> "OptionChain":
        """Return the options that end on a day, or from one until another, both included."""
        last = last or first
        return self._where(lambda each: first <= expiry_of(each) <= last)

    def struck(self, lowest: Decimal, highest: Decimal | None = None) -> "OptionChain":
        """Return the options with a strike, or from one until another, both included."""
        highest = lowest if highest is None else highest
        return self._where(lambda each: lowest <= _place(each)[1] <= highest)

    def nearest(self, price: Decimal) -> "OptionChain":
        """Return the options of the strike that is nearest to a price; of two, the lower one's."""
        if not self.contracts:
            return self
        return self.struck(min(self.strikes, key=lambda strike: (abs(strike - price), strike)))

    def calls(self) -> "OptionChain":
        """Return the options to buy."""
        return self._where(lambda each: each.right is Right.CALL)

    def puts(self) -> "OptionChain":
        """Return the options to sell."""
        return self._where(lambda each: each.right is Right.PUT)

    def only(self) -> Contract:
        """Return the one option that is left. Raises Rejected for none and for several."""
        if not self.contracts:
            raise Rejected("unknown-instrument", "expected an option that fits, found none; widen the filter")
        if len(self.contracts) > 1:
            raise Rejected(
                "ambiguous-instrument",
                f"expected one option, found {len(self.contracts)} ({listed(self.contracts)}); "
                "name its expiry, strike, right or class",
            )
        return self.contracts[0]

    def _where(self, fits: Callable[[Contract], bool]) -> "OptionChain":
        return OptionChain(tuple(each for each in self.contracts if fits(each)))


def expiry_of(contract: Contract) -> date:
    """Return the last trading day; raises Rejected for what has none."""
    if contract.expiry is None:
        raise Rejected(
            "unknown-instrument", f"expected a future or an option, found {contract} without an expiry"
        )
    return contract.expiry


def listed(names: Iterable[object], most: int = 10) -> str:
    """Return names in one line, the first few of many."""
    texts = [str(name) for name in names]
    left = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {left} more" if left > 0 else "")


def _place(contract: Contract) -> tuple[date, Decimal, str, str, int]:
    """Where an option stands in its chain."""
    if contract.strike is None or contract.right is None:
        raise Rejected("unknown-instrument", f"expected an option, found {contract} without strike or right")
    return (
        expiry_of(contract),
        contract.strike,
        contract.right.value,
        contract.trading_class,
        contract.con_id,
    )


def _unknown(what: str, found: Iterable[Contract]) -> Rejected:
    return Rejected("unknown-instrument", f"expected {what}, found {listed(found) or 'no contract'}")
