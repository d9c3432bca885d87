"""Reads what the container was given, refuses what can't be, and renders IBC's configuration.

It prints shell assignments for gatewaystart.sh, none of them secret, and writes the credentials to one file
of mode 600 that only IBC reads. Standard library alone: it runs on the image's own Python.
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PORTS = {"paper": 4002, "live": 4001}
COMMAND_PORT = 7462
SOURCES = (
    ("IB_USER", "IB_PASSWORD"),
    ("IB_USER_FILE", "IB_PASSWORD_FILE"),
    ("IB_CREDENTIALS",),
    ("IB_CREDENTIALS_FILE",),
)
"""The forms of credentials, of which exactly one is to be given; the last two are one JSON object."""
SECRETS = tuple(name for source in SOURCES for name in source)
DEVICE = "SECOND_FACTOR_DEVICE"
JSON_KEYS = ("userid", "password")


class Refused(Exception):
    """A variable that can't be used: one line that names it, what was expected and what was found."""


@dataclass(frozen=True)
class Credentials:
    """Who logs in."""

    user: str
    password: str


def credentials(given: Mapping[str, str]) -> Credentials:
    """Return the credentials in whichever form they are given; raises Refused."""
    found = [source for source in SOURCES if any(given.get(name) for name in source)]
    if not found:
        raise Refused(
            "IB_USER and IB_PASSWORD: expected credentials, found none; set the two, or IB_USER_FILE and "
            "IB_PASSWORD_FILE, or IB_CREDENTIALS or IB_CREDENTIALS_FILE with JSON"
        )
    if len(found) > 1:
        both = " and ".join(source[0] for source in found)
        raise Refused(f"{both}: expected credentials in one form, found {len(found)}; unset all but one")
    source = found[0]
    for name in source:
        if not given.get(name):
            raise Refused(f"{name}: expected it together with {source[0]}, found none; set both")
    values = [_file(name, given[name]) if name.endswith("_FILE") else given[name] for name in source]
    if len(values) == 1:
        return _from_json(source[0], values[0])
    return Credentials(_line(source[0], values[0]), _line(source[1], values[1]))


def _from_json(name: str, text: str) -> Credentials:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(
            f'{name}: expected JSON as {{"userid": "…", "password": "…"}}, found something else'
        ) from None
    for key in JSON_KEYS:
        value = data.get(key) if isinstance(data, dict) else None
        if not isinstance(value, str) or not value:
            raise Refused(f"{name}: expected a JSON object with the text {key!r}, found none; add it")
    return Credentials(*(_line(name, data[key]) for key in JSON_KEYS))


def _file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{name}: expected a file to read, found {path} ({type(error).__name__})") from None


def _line(name: str, value: str) -> str:
    if not value or any(character in value for character in "\r\n\0"):
        raise Refused(f"{name}: expected one line of text, found none or several; correct it")
    if any("\ud800" <= character <= "\udfff" for character in value):  # what the system couldn't read
        raise Refused(f"{name}: expected text in UTF-8, found bytes that are none; correct it")
    return value


def one_of(given: Mapping[str, str], name: str, default: str, *allowed: str) -> str:
    """Return a variable that has one of a few values; raises Refused."""
    value = given.get(name) or default
    if value not in allowed:
        raise Refused(f"{name}: expected {' or '.join(allowed)}, found {value!r}; set one of them")
    return value


def restart_time(given: Mapping[str, str]) -> str:
    """Return when the gateway restarts each day, as IBC writes it: 11:45 PM; raises Refused."""
    value = given.get("AUTO_RESTART_TIME") or "23:45"
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", value)
    if found is None:
        raise Refused(f"AUTO_RESTART_TIME: expected a time of day such as 23:45, found {value!r}; correct it")
    hour = int(found[1])
    return f"{hour % 12 or 12:02d}:{found[2]} {'AM' if hour < 12 else 'PM'}"


def port_of(given: Mapping[str, str], name: str, default: int) -> str:
    """Return a port that nobody but root's services needs; raises Refused."""
    value = given.get(name) or str(default)
    if not (value.isascii() and value.isdigit() and 1024 <= int(value) <= 65535):
        raise Refused(f"{name}: expected a port from 1024 to 65535, found {value!r}; correct it")
    return value


def property_of(value: str) -> str:
    """Return ``value`` as Java reads it from a properties file: backslashes and what isn't ASCII escaped."""
    escaped = value.replace("\\", "\\\\")
    units = escaped.encode("utf-16-be")
    text = "".join(
        chr(unit) if 0x20 <= unit < 0x7F else f"\\u{unit:04x}"
        for unit in (int.from_bytes(units[n : n + 2], "big") for n in range(0, len(units), 2))
    )
    return f"\\{text}" if text.startswith(" ") else text  # leading white space would be skipped


def render(template: str, values: Mapping[str, str]) -> str:
    """Return the template with each @NAME@ in its place; raises Refused for one that nobody gives."""

    def value(found: "re.Match[str]") -> str:
        if found[1] not in values:
            raise Refused(f"the template names @{found[1]}@, which nobody gives; mend the image")
        return values[found[1]]

    return re.sub(r"@([A-Z_]+)@", value, template)


def configure(given: Mapping[str, str], template: str) -> tuple[str, dict[str, str]]:
    """Return IBC's configuration and what the start script goes by; raises Refused."""
    mode = one_of(given, "TRADING_MODE", "paper", *PORTS)
    who, device = credentials(given), given.get(DEVICE)
    values = {
        "IB_USER": property_of(who.user),
        "IB_PASSWORD": property_of(who.password),
        "TRADING_MODE": mode,
        "API_PORT": port_of(given, "API_PORT", PORTS[mode]),
        "COMMAND_PORT": port_of(given, "COMMAND_PORT", COMMAND_PORT),
        "READ_ONLY_API": one_of(given, "READ_ONLY_API", "no", "yes", "no"),
        "AUTO_RESTART_TIME": restart_time(given),
        "SECOND_FACTOR_DEVICE": property_of(_line(DEVICE, device) if device else ""),
        "RELOGIN": one_of(given, "RELOGIN_AFTER_SECOND_FACTOR_TIMEOUT", "yes", "yes", "no"),
    }
    told = {"mode": mode, "port": values["API_PORT"], "command_port": values["COMMAND_PORT"]}
    return render(template, values), told


def main() -> int:
    """Write the file that the first argument names, from the template that the second names."""
    target, template = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        text, told = configure(os.environ, template.read_text(encoding="utf-8"))
    except Refused as refused:
        sys.stderr.write(f"gatewaystart: {refused}\n")
        return 2
    target.unlink(missing_ok=True)
    with os.fdopen(
        os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
    ) as file:
        file.write(text)
    for name, value in told.items():
        print(f"{name}={shlex.quote(value)}")  # noqa: T201 - the start script reads it
    print(f"secrets={shlex.quote(' '.join(SECRETS))}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
