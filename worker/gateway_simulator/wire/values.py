"""How one value is written on the wire, and read back: unset values, numbers, booleans, escaped text."""

from decimal import Decimal, InvalidOperation

from gateway_simulator.wire.errors import ProtocolError

UNSET_INT = 2**31 - 1
UNSET_DOUBLE = "1.7976931348623157E308"
"""The largest double, which IB writes where a price or a margin has no value."""

_UNSET_ABOVE = Decimal("1E+300")
_LARGEST_EXPONENT = 330  # beyond a double's; arithmetic with more digits would take for ever


def read_int(text: str) -> int:
    """An empty field is 0, as every client takes it."""
    return _integer(text) if text else 0


def read_optional_int(text: str) -> int | None:
    """Empty, or the largest 32-bit integer, means that the client set nothing."""
    if not text:
        return None
    value = _integer(text)
    return None if value == UNSET_INT else value


def write_optional_int(value: int | None) -> str:
    """No value is an empty field."""
    return "" if value is None else str(value)


def read_number(text: str) -> Decimal:
    """An empty field is 0."""
    return _decimal(text) if text else Decimal(0)


def write_number(value: Decimal) -> str:
    """Plain digits: an old client reads sizes with int(), which knows no exponent and no point."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text


def read_optional_number(text: str) -> Decimal | None:
    """Empty, or the largest double, means that the client set nothing; infinity is kept."""
    if not text:
        return None
    value = _decimal(text)
    return None if value > _UNSET_ABOVE and value.is_finite() else value


def write_optional_number(value: Decimal | None) -> str:
    """No value is an empty field."""
    return "" if value is None else write_number(value)


def write_unset_number(value: Decimal | None) -> str:
    """As `write_optional_number`, but no value is the largest double, as IB writes margins and P&L."""
    return UNSET_DOUBLE if value is None else write_number(value)


def read_flag(text: str) -> bool:
    """An empty field is no."""
    return text not in {"", "0", "false", "False"}


def write_flag(value: bool) -> str:
    """As IB writes it."""
    return "1" if value else "0"


def read_escaped(text: str) -> str:
    """Text in 7-bit ASCII with Python-like escapes, which IB uses for company names."""
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape")


def write_escaped(value: str) -> str:
    """The other way round."""
    return value.encode("unicode_escape").decode("ascii")


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = _decimal(text)  # ib_insync writes an int field as it was given: 100.0 is 100
        if not number.is_finite() or number != number.to_integral_value():
            raise ProtocolError(f"expected a whole number, found {text!r}") from None
        return int(number)


def _decimal(text: str) -> Decimal:
    if text == "Infinite":  # ib_insync's and ib_async's word for it
        return Decimal("Infinity")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ProtocolError(f"expected a number, found {text!r}") from None
    if number.is_nan():
        raise ProtocolError("expected a number, found NaN")
    if number.is_finite() and abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ProtocolError(f"expected a number that a double can hold, found {text!r}")
    return number
