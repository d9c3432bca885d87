"""The broker's numbers as Decimal: floats with three ways of saying "none", and text."""

import math
from decimal import Decimal, InvalidOperation

UNSET = 1.7976931348623157e308
"""The largest float: how the protocol's clients write a number that was not sent."""


def decimal(value: float) -> Decimal | None:
    """Return ``value`` as it would be printed, or None for NaN, infinity and the unset value."""
    if not math.isfinite(value) or abs(value) >= UNSET:
        return None
    return Decimal(int(value)) if float(value).is_integer() else Decimal(str(value))


def number(value: float) -> Decimal:
    """Return ``value``, which must be there: an account with an unknown quantity is not a flat one."""
    found = decimal(value)
    if found is None:
        raise ValueError(f"expected a number from the broker, found {value}")
    return found


def price(value: float) -> Decimal | None:
    """Return ``value`` if it can be a price; NaN, 0 and -1 are the broker's ways of having none."""
    found = decimal(value)
    return found if found is not None and found > 0 else None


def from_text(text: str) -> Decimal | None:
    """Return the number that ``text`` is, or None if it is something else, such as an account type."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(float(found)) < UNSET else None
