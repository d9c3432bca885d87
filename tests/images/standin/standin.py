"""Stands in for IB Gateway under IBC: reads its configuration, serves the simulated gateway, obeys commands.

STOP ends it, RESTART has it start again. A user named ``nobody`` is never let in, as by a wrong password: the
process ends with 7.
"""

import signal
import socket
import subprocess
import sys
from pathlib import Path

OPTIONS = {"scenario": "scenario.yaml", "market": "market.yaml", "ahead": "ahead"}
"""The simulator's options, and the files of the settings folder that they take where there is one."""


def properties(path: str) -> dict[str, str]:
    """Return a Java properties file, with the escapes that the start script writes."""
    lines = Path(path).read_text(encoding="ascii").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value.encode().decode("unicode_escape") for name, _, value in pairs}


def say(text: str) -> None:
    sys.stderr.write(f"standin: {text}\n")


def simulator(port: str, settings: Path) -> list[str]:
    """Return the command of the simulated gateway, which goes on from what it knew."""
    command = [sys.executable, "-m", "gateway_simulator", "--port", port]
    command += ["--state", str(settings / "gateway.json")]
    for option, name in OPTIONS.items():
        if (file := settings / name).exists():
            command += [f"--{option}", str(file)]
    return command


def obey(commands: socket.socket, gateway: subprocess.Popen[bytes]) -> str | None:
    """Return the command that ends the gateway, None if it ends by itself."""
    commands.settimeout(0.1)
    while gateway.poll() is None:
        try:
            connection, _ = commands.accept()
        except TimeoutError:
            continue
        with connection:
            told = connection.recv(64).decode(errors="replace").strip()
        if told in ("STOP", "RESTART"):
            return told
    return None


def main() -> int:
    """Serve until the command server is told STOP or RESTART, or a signal ends it."""
    found, settings = properties(sys.argv[1]), Path(sys.argv[2])
    if found["IbLoginId"] == "nobody":
        say("login refused")
        return 7
    (settings / "seen.txt").write_text(
        f"{len(found['IbLoginId'])} {len(found['IbPassword'])} {found['TradingMode']}\n"
    )
    with socket.create_server((found["BindAddress"], int(found["CommandServerPort"]))) as commands:
        gateway = subprocess.Popen(simulator(found["OverrideTwsApiPort"], settings), stdout=sys.stderr)

        def end(*_: object) -> None:
            gateway.terminate()
            sys.exit(143)

        signal.signal(signal.SIGTERM, end)
        say("started")
        told = obey(commands, gateway)
        gateway.terminate()
        status = gateway.wait()
    if told is None:
        return status
    if told == "RESTART":
        (settings / "autorestart").touch()
    say("logged out, to start again" if told == "RESTART" else "logged out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
