"""The first words: the client offers a range of versions, the gateway answers with one and its time."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway_simulator.wire.codec import frame
from gateway_simulator.wire.errors import ProtocolError

PREFIX = b"API\0"

_OFFER = re.compile(r"v(\d+)\.\.(\d+)(?: .*)?")


def agree(offer: str, oldest: int, newest: int) -> int:
    """The newest version that both sides speak, of an offer like `v100..176 options`."""
    match = _OFFER.fullmatch(offer)
    if match is None:
        raise ProtocolError(f"expected an offer of versions like v157..176, found {offer!r}")
    version = min(int(match[2]), newest)
    if version < max(int(match[1]), oldest):
        raise ProtocolError(f"expected an offer within {oldest} to {newest}, found {offer!r}")
    return version


def answer(version: int, now: datetime, zone: str) -> bytes:
    """The version that was agreed on, and the time."""
    local = now.astimezone(ZoneInfo(zone))
    return frame([str(version), f"{local:%Y%m%d %H:%M:%S %Z}"])
