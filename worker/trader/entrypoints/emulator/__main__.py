"""`python -m trader.entrypoints.emulator pubsub|firestore`: one emulator on a free port of loopback.

It prints ``listening on 127.0.0.1:PORT`` once requests are answered, and ends with SIGTERM; with
``--exit-with-parent`` also when its standard input does. Exit code 4 says why none can be run here.
"""

import argparse
import ctypes
import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from trader.entrypoints.emulator.sdk import HOST, KINDS, Kind, Missing, command_of
from trader.entrypoints.parent import exit_with_parent

START_S = 60
STOP_S = 10
TRIES = 5
PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an emulator until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m trader.entrypoints.emulator")
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--port", type=int, default=0, help="any free one by default")
    parser.add_argument("--exit-with-parent", action="store_true")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        return _serve(KINDS[given.kind], given.port, watch_parent=given.exit_with_parent)
    except Missing as error:
        sys.stderr.write(f"emulator: {error}\n")
        return 4


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _serve(kind: Kind, wanted: int, *, watch_parent: bool) -> int:
    for _ in range(TRIES):
        port = wanted or _free_port()
        java = subprocess.Popen(  # noqa: S603
            command_of(kind, port),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            preexec_fn=_end_with_us,  # noqa: PLW1509 - at most one thread, which only reads
        )
        if watch_parent:
            exit_with_parent()
            watch_parent = False
        try:
            if _answers(java, port):
                sys.stdout.write(f"listening on {HOST}:{port}\n")
                sys.stdout.flush()
                return java.wait()
        finally:
            java.terminate()
            try:
                java.wait(STOP_S)
            except subprocess.TimeoutExpired:
                java.kill()
                java.wait()
    raise Missing(f"expected the {kind.name} emulator to start, found it ended {TRIES} times; see above")


def _end_with_us() -> None:
    """Let the kernel end Java when this process is killed; elsewhere than on Linux that can't be had."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _answers(java: "subprocess.Popen[bytes]", port: int) -> bool:
    """Wait until the emulator answers; False if it ended first, as when somebody took the port."""
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at and java.poll() is None:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/")
            if connection.getresponse().read().startswith(b"Ok"):
                return java.poll() is None
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
