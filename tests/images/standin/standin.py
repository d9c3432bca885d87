"""Stands in for IB Gateway under IBC: reads its configuration, serves the simulated gateway, obeys STOP.

A user named ``nobody`` is never let in, as by a wrong password: the process ends with 7.
"""

import signal
import socket
import subprocess
import sys
from pathlib import Path


def properties(path: str) -> dict[str, str]:
    """Return a Java properties file, with the escapes that the start script writes."""
    lines = Path(path).read_text(encoding="ascii").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value.encode().decode("unicode_escape") for name, _, value in pairs}


def main() -> int:
    """Serve until the command server is told STOP, or a signal ends it."""
    found, settings = properties(sys.argv[1]), Path(sys.argv[2])
    if found["IbLoginId"] == "nobody":
        sys.stderr.write("standin: login refused\n")
        return 7
    (settings / "seen.txt").write_text(
        f"{len(found['IbLoginId'])} {len(found['IbPassword'])} {found['TradingMode']}\n"
    )
    command = [sys.executable, "-m", "gateway_simulator", "--port", found["OverrideTwsApiPort"]]
    command += ["--state", str(settings / "gateway.json")]
    for option in ("scenario", "market"):
        if (file := settings / f"{option}.yaml").exists():
            command += [f"--{option}", str(file)]
    with socket.create_server((found["BindAddress"], int(found["CommandServerPort"]))) as commands:
        gateway = subprocess.Popen(command, stdout=sys.stderr)

        def end(*_: object) -> None:
            gateway.terminate()
            sys.exit(143)

        signal.signal(signal.SIGTERM, end)
        commands.settimeout(0.1)
        while gateway.poll() is None:
            try:
                connection, _ = commands.accept()
            except TimeoutError:
                continue
            with connection:
                if connection.recv(64).startswith(b"STOP"):
                    gateway.terminate()
                    gateway.wait()
                    sys.stderr.write("standin: logged out\n")
                    return 0
        return gateway.returncode


if __name__ == "__main__":
    sys.exit(main())
