"""Netting: opposite wishes cross inside, and what is left of one side goes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trader.domain.sharing import share

NET = "net"
"""The contributor of an order that more than one strategy has a part in."""

Parts = Mapping[str, Decimal]
"""Signed quantities by strategy."""


@dataclass(frozen=True, slots=True)
class Netted:
    """What becomes of the wishes for one contract.

    ``crossed`` sums to zero: each buyer's part and each seller's. ``rest`` has one sign. Together they are
    what each strategy wished for, exactly.
    """

    crossed: Parts
    rest: Parts
    quantity: Decimal = field(init=False)
    """What goes to the broker, signed; 0 where everything crosses."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantity", sum(self.rest.values(), Decimal(0)))

    @property
    def contributor(self) -> str | None:
        """Whose order it is: the one strategy's, or ``net``; None where nothing goes out."""
        return next(iter(self.rest)) if len(self.rest) == 1 else NET if self.rest else None


def net(wishes: Parts) -> Netted:
    """Return ``wishes``, in whole units, crossed as far as they are opposite.

    The larger side gives up its part in proportion, by largest remainder, ties by name.
    """
    buys: dict[str, Decimal] = {}
    sells: dict[str, Decimal] = {}
    for name, wish in wishes.items():
        (sells if wish.is_signed() else buys)[name] = wish
    if not buys or not sells:
        return Netted({}, buys or sells)
    bought, sold = sum(buys.values(), Decimal(0)), sum(sells.values(), Decimal(0))
    if bought == -sold:
        return Netted({**buys, **sells}, {})
    smaller, larger, crossing = (sells, buys, -sold) if bought > -sold else (buys, sells, -bought)
    given_up = share(crossing, larger)
    crossed = {**smaller, **{name: part for name, part in given_up.items() if part}}
    rest = {name: left for name, wish in larger.items() if (left := wish - given_up[name])}
    return Netted(crossed, rest)
