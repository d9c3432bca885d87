"""Says whether somebody is logged in: the API names the accounts, which an open port alone doesn't.

It reports and never restarts anything: a gateway may be waiting for a person's approval. Exit code 0: logged
in; 1: not, with one line why. Standard library alone.
"""

import os
import socket
import struct
import sys

PORTS = {"paper": 4002, "live": 4001}
TIMEOUT_S = 10.0
VERSIONS = "v157..178"
START_API, MANAGED_ACCOUNTS = "71", "15"
CLIENT_ID = "999"
"""Another than the worker's, which holds 1."""


def accounts(port: int) -> str:
    """Return the accounts that the gateway at ``port`` names; raises OSError where it names none."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.sendall(b"API\0" + _framed(VERSIONS.encode()))
        _message(connection)  # its version and the time
        connection.sendall(_framed("\0".join((START_API, "2", CLIENT_ID, "", "")).encode()))
        while True:
            fields = _message(connection).split("\0")
            if fields[0] == MANAGED_ACCOUNTS:
                return fields[2]


def _framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def _message(connection: socket.socket) -> str:
    (length,) = struct.unpack(">I", _read(connection, 4))
    return _read(connection, length).decode(errors="replace")


def _read(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise ConnectionError("the connection was closed")
        found += part
    return found


def main() -> int:
    """Ask the gateway of the mode, or at the API_PORT, that the environment names."""
    mode = os.environ.get("TRADING_MODE") or "paper"
    if mode not in PORTS:
        sys.stderr.write(f"healthcheck: TRADING_MODE: expected paper or live, found {mode!r}\n")
        return 2
    port = int(os.environ.get("API_PORT") or PORTS[mode])
    try:
        found = accounts(port)
    except OSError as error:
        sys.stderr.write(f"healthcheck: expected a gateway that is logged in on {port}, found {error}\n")
        return 1
    print(f"logged in: {len([name for name in found.split(',') if name])} account(s)")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
