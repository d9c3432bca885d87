"""How what an order has filled is shared among the strategies that wanted it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import lcm
from operator import eq


def share(filled: Decimal, wanted: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return each contributor's part of the cumulative quantity ``filled``, in proportion to ``wanted``.

    Whole units by largest remainder, ties by name; where ``filled`` or what is wanted is fractional, units
    of the last digit, so that nobody gets more than was wanted while less than all is filled. The parts sum
    to ``filled`` exactly, and depend on nothing but it: however the fills came, the same total gives the
    same holdings. All of ``wanted`` have one sign, that of ``filled``.
    """
    names = sorted(wanted)
    scale, weights = _integers([wanted[name] for name in names])
    whole = abs(sum(weights))
    if not whole:
        raise ValueError(f"expected contributors with a quantity, found {dict(wanted)}")
    digits = max(_digits(filled), *map(_digits, wanted.values())) if scale > 1 else _digits(filled)
    # In integers: a remainder is then exact, and a tie is one.
    signed = int(filled.scaleb(digits))
    units = abs(signed)
    parts, remainders = [], []
    for weight in weights:
        part, remainder = divmod(units * abs(weight), whole)
        parts.append(part)
        remainders.append(remainder)
    by_remainder = sorted(range(len(names)), key=remainders.__getitem__, reverse=True)
    for n in by_remainder[: units - sum(parts)]:
        parts[n] += 1
    if signed < 0:
        parts = [-part for part in parts]
    shares = dict(zip(names, map(Decimal, parts), strict=True))
    return {name: part.scaleb(-digits) for name, part in shares.items()} if digits else shares


def _integers(quantities: Sequence[Decimal]) -> tuple[int, list[int]]:
    """Return the least number that makes all of ``quantities`` whole, and them times it."""
    whole = list(map(int, quantities))
    if all(map(eq, whole, quantities)):
        return 1, whole
    ratios = [quantity.as_integer_ratio() for quantity in quantities]
    scale = lcm(*(below for _, below in ratios))
    return scale, [above * (scale // below) for above, below in ratios]


def _digits(quantity: Decimal) -> int:
    """Return how many digits ``quantity`` has after its point, trailing zeros not counted."""
    exponent = quantity.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
