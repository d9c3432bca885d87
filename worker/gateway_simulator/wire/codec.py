"""Frames: a 4-byte length, then fields of UTF-8 text, each ended by NUL."""

import struct
from collections.abc import Iterable, Iterator

from gateway_simulator.wire.errors import ProtocolError

MAX_FRAME = 0xFFFFFF  # IB's own limit, 16 MB
_LENGTH = struct.Struct(">I")


def frame(fields: Iterable[str]) -> bytes:
    """The bytes of one message."""
    body = ("\0".join(fields) + "\0").encode()
    return _LENGTH.pack(len(body)) + body


class Deframer:
    """Cuts a stream of bytes into messages; keeps what is incomplete for later."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def prefix(self, expected: bytes) -> bool:
        """Take `expected` off the front; False while it is incomplete, an error if it is something else."""
        found = bytes(self._buffer[: len(expected)])
        if not expected.startswith(found):
            raise ProtocolError(f"expected {expected!r}, found {found!r}")
        if found != expected:
            return False
        del self._buffer[: len(expected)]
        return True

    def bodies(self) -> Iterator[str]:
        """Each complete message's text, without its length."""
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_FRAME:
                raise ProtocolError(f"expected a message of at most {MAX_FRAME} bytes, found {length}")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = self._buffer[_LENGTH.size : end].decode(errors="backslashreplace")
            del self._buffer[:end]
            yield body


def split(body: str) -> list[str]:
    """The fields of a message's text."""
    if not body.endswith("\0"):
        raise ProtocolError("expected a message that ends with NUL")
    return body[:-1].split("\0")
