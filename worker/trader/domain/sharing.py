"""How what an order has filled is shared among the strategies that wanted it."""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal


def share(filled: Decimal, wanted: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return each contributor's part of the cumulative quantity ``filled``, in proportion to ``wanted``.

    Whole units by largest remainder, ties by name; a fractional quantity is shared in units of its last
    digit. The parts sum to ``filled`` exactly, and depend on nothing but it: however the fills came, the
    same total gives the same holdings. All of ``wanted`` have one sign, that of ``filled``.
    """
    whole = sum(wanted.values(), Decimal(0))
    if not wanted or whole == 0:
        raise ValueError(f"expected contributors with a quantity, found {dict(wanted)}")
    exponent = filled.normalize().as_tuple().exponent
    unit = Decimal(1).scaleb(min(exponent, 0)) if isinstance(exponent, int) else Decimal(1)
    exact = {name: filled * quantity / whole for name, quantity in sorted(wanted.items())}
    parts = {name: value.quantize(unit, ROUND_DOWN) for name, value in exact.items()}
    left = filled - sum(parts.values(), Decimal(0))
    by_remainder = sorted(exact, key=lambda name: -abs(exact[name] - parts[name]))
    for name in by_remainder[: int(abs(left) / unit)]:
        parts[name] += unit.copy_sign(left)
    return parts
