"""What a plan keeps of a decision and of what came of it, for a resumed run and for the result."""

from enum import StrEnum

from pydantic import Field

from trader.domain.instruments import Listed
from trader.domain.refusal import Refusal
from trader.domain.targets import Flat, Hold, Target, Weight
from trader.domain.wire import Amount, Time, Wire


class Wants(StrEnum):
    """What a strategy wants of an instrument, within what it is configured to do."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"
    HOLD = "hold"


class BarsUsed(Wire):
    """The finished bars of one instrument that a decision was made on."""

    instrument: str
    size: str
    count: int
    first_at: Time | None
    last_at: Time | None


class Chosen(Wire):
    """What a strategy wants of one contract, as it was decided; the contract by the broker's own number."""

    instrument: str
    con_id: int = Field(
        description="0 where the broker knows no contract that can be ordered: then it is held."
    )
    exchange: str
    wants: Wants
    weight: Amount | None = Field(None, description="Of the strategy's capital, from -1 to 1.")
    reason: str = Field("", description="Why it holds.")

    @classmethod
    def of(cls, target: Target, con_id: int, exchange: str) -> "Chosen":
        """Return ``target`` as it is kept."""
        name = str(target.instrument)
        match target:
            case Weight(value=value):
                wants = Wants.LONG if value > 0 else Wants.SHORT
                return cls(instrument=name, con_id=con_id, exchange=exchange, wants=wants, weight=value)
            case Flat():
                return cls(instrument=name, con_id=con_id, exchange=exchange, wants=Wants.FLAT)
            case Hold(reason=reason):
                return cls(instrument=name, con_id=con_id, exchange=exchange, wants=Wants.HOLD, reason=reason)

    @property
    def listed(self) -> Listed:
        """The contract, as the broker is asked for it."""
        return Listed(self.con_id, self.exchange)

    @property
    def target(self) -> Target:
        """What was kept, as a target again."""
        if self.wants is Wants.HOLD or (self.weight is None and self.wants is not Wants.FLAT):
            return Hold(self.listed, self.reason)
        return Flat(self.listed) if self.weight is None else Weight(self.listed, self.weight)


class StrategyDecision(Wire):
    """What one strategy decided, on what, and what kept it from deciding."""

    strategy: str
    targets: tuple[Chosen, ...]
    indicators: dict[str, float]
    bars: tuple[BarsUsed, ...]
    refusals: tuple[Refusal, ...] = Field(description="Why it holds what it would have decided on.")
    failed: bool = Field(False, description="Whether it is the strategy itself that is broken.")


class Cancelled(Wire):
    """An order of ours that stands against what is wanted now."""

    reference: str
    instrument: str
    quantity: Amount = Field(description="What of it is still open, signed.")
    strategies: tuple[str, ...]


class Decision(Wire):
    """The first stage of a plan: what each strategy wants, and which orders of ours are in its way."""

    strategies: tuple[StrategyDecision, ...]
    cancels: tuple[Cancelled, ...]


class TargetLine(Wire):
    """What a strategy is to hold of an instrument."""

    strategy: str
    instrument: str
    wants: Wants
    weight: Amount | None = None
    quantity: Amount | None = Field(None, description="What it is to hold; null where it can't be sized.")
    held: Amount = Field(description="What it holds now.")
    in_flight: Amount = Field(description="What its open orders may still add.")
    price: Amount | None = Field(None, description="What it was sized with, or would have been.")
    currency: str | None = None
    price_is_delayed: bool = Field(False, description="Whether that price is 15 minutes old or more.")
    reason: str = Field("", description="Why it holds, if it does.")


class NettingLine(Wire):
    """How the wishes for one instrument were netted."""

    instrument: str
    price: Amount
    currency: str
    wishes: dict[str, Amount] = Field(description="What each strategy wishes to buy, signed.")
    crossed: dict[str, Amount] = Field(description="What of that crossed inside, at the price.")
    quantity: Amount = Field(description="What goes to the broker, signed.")
    contributor: str | None = Field(description="Whose order it is: one strategy's, or `net`; null for none.")
    parts: dict[str, Amount] = Field(description="Each strategy's part of the order, which its fills follow.")


class OrderRefusal(Wire):
    """A wish that does not go, or not now, and why."""

    strategy: str
    instrument: str
    quantity: Amount | None = Field(None, description="Signed; null where it couldn't be sized.")
    code: str
    message: str


class Ordered(Wire):
    """The second stage of a plan: targets in units, what crosses, what goes out, and what doesn't."""

    targets: tuple[TargetLine, ...]
    netting: tuple[NettingLine, ...]
    refusals: tuple[OrderRefusal, ...]
